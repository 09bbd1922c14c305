"""Per-second counts of frames that cost us work and carry no data."""

from __future__ import annotations

from typing import Final

from extproc.server.transport.h2.errors import ConnectionFault
from extproc.server.transport.h2.frames import ErrorCode
from extproc.server.transport.h2.limits import H2Limits

_SECOND_NS: Final = 1_000_000_000


class Rates:
    """The counts of the current second."""

    __slots__ = ("_control_frames", "_limits", "_resets", "_second", "_settings", "now_ns")

    def __init__(self, limits: H2Limits) -> None:
        self._limits = limits
        self.now_ns = 0  # set before frames are counted
        self._second = 0
        self._control_frames = self._resets = self._settings = 0

    def _begin_second(self) -> None:
        """Reset the counts for a new second."""
        second = self.now_ns // _SECOND_NS
        if second != self._second:
            self._second = second
            self._control_frames = self._resets = self._settings = 0

    def control_frame(self) -> None:
        """Count one. Raises: ConnectionFault."""
        self._begin_second()
        self._control_frames += 1
        if self._control_frames > self._limits.control_frames_per_second_max:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many frames that bring nothing")

    def settings(self) -> None:
        """Count one. Raises: ConnectionFault."""
        self._begin_second()
        self._settings += 1
        if self._settings > self._limits.settings_per_second_max:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many SETTINGS")

    def reset(self) -> None:
        """Count one. Raises: ConnectionFault."""
        self._begin_second()
        self._resets += 1
        if self._resets > self._limits.resets_per_second_max:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many streams are reset")
