"""Label values that requests and files bring, of which there may be ever more: a bounded number becomes series."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Final

OTHER: Final = "other"
LABEL_CHARS_MAX: Final = 100
LABEL_IDLE_NS: Final = 3_600_000_000_000


class BoundedLabels:
    """Passes up to ``values_max`` distinct values of a label; further ones become ``other``.

    A value that was idle for ``LABEL_IDLE_NS`` makes room for a new one.

    Args:
        forget: called with the values that made room.
        admitted_max: total number of values over the lifetime, if series are permanent; None: no limit.
    """

    def __init__(
        self, values_max: int, forget: Callable[[Set[str]], None] | None = None, admitted_max: int | None = None
    ) -> None:
        self._values_max = values_max
        self._forget = forget
        self._left = admitted_max
        self._seen_ns: dict[str, int] = {}
        self._full_until_ns = 0  # no value can be idle before then

    def bound(self, value: str, now_ns: int) -> str:
        """The label value to use."""
        if value not in self._seen_ns:
            if len(value) > LABEL_CHARS_MAX or self._left == 0 or not self._has_room(now_ns):
                return OTHER
            if self._left is not None:
                self._left -= 1
        self._seen_ns[value] = now_ns
        return value

    def _has_room(self, now_ns: int) -> bool:
        seen_ns = self._seen_ns
        if len(seen_ns) >= self._values_max and now_ns >= self._full_until_ns:
            idle = {value for value, last_ns in seen_ns.items() if last_ns + LABEL_IDLE_NS <= now_ns}
            for value in idle:
                del seen_ns[value]
            if idle and self._forget is not None:
                self._forget(idle)
            self._full_until_ns = min(seen_ns.values(), default=0) + LABEL_IDLE_NS
        return len(seen_ns) < self._values_max
