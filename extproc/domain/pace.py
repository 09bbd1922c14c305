"""Long-running work in slices: between slices, the pace decides whether to continue.

The cost of a text is only known while it is checked. The owner of an exchange provides a pace that knows the CPU limit
and competing work; this module has neither clock nor thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

SLICE_CHARS: Final = 16_384
"""Size of a slice. [characters]"""

_CHARS_OF_ANY_TEXT: Final = 64
"""Fixed cost of a text, in characters: a request may contain a hundred thousand short texts."""


class TextTooCostly(Exception):
    """Checking a message has exceeded its CPU limit."""


class Abandoned(Exception):
    """The client is gone."""


class Pace(Protocol):
    """Decides whether work may continue."""

    def check(self) -> None:
        """Continue, possibly after yielding to others. Raises: TextTooCostly, Abandoned."""
        ...

    def start_again(self) -> None:
        """The guard that used up the time is skipped: restart the limit for the rest."""
        ...


class _Unhurried:
    """For messages that cannot cost much, and where there is no clock."""

    def check(self) -> None:
        """Continue."""

    def start_again(self) -> None:
        """Nothing to reset."""


UNHURRIED: Final[Pace] = _Unhurried()


class Stride:
    """Counts checked text, and calls the pace once per slice."""

    __slots__ = ("_chars", "_pace")

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._chars = 0

    def take(self, text: str) -> None:
        """Call before a text is checked. Raises: TextTooCostly, Abandoned."""
        self._chars += len(text) + _CHARS_OF_ANY_TEXT
        if self._chars > SLICE_CHARS:
            self._chars = 0
            self._pace.check()


def slices(text: str) -> Iterator[str]:
    """A text in consecutive pieces; most texts are one piece."""
    for begin in range(0, max(len(text), 1), SLICE_CHARS):
        yield text[begin : begin + SLICE_CHARS]
