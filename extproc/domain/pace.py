"""Work on a text that may be long, in slices: between two of them it is asked whether it may go on.

What a text costs shows only while it is judged. Who runs an exchange gives it a pace that knows the processor's time
and who else waits; here there is neither clock nor thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

SLICE_CHARS = 16_384
"""How much is judged before it is asked again. [characters]"""

_CHARS_OF_ANY_TEXT = 64
"""What a text costs beside its characters, in characters: a request may hold a hundred thousand short ones."""


class TextTooCostly(Exception):
    """Judging a message has taken all the processor's time that it may."""


class Abandoned(Exception):
    """Nobody waits for the outcome any more."""


class Pace(Protocol):
    """Says whether work may go on."""

    def check(self) -> None:
        """Go on, perhaps after others have had their turn. Raises: TextTooCostly, Abandoned."""
        ...

    def start_again(self) -> None:
        """What has used up the time is left out: what remains gets as much again."""
        ...


class _Unhurried:
    """For messages that cannot cost much, and where there is no clock."""

    def check(self) -> None:
        """Go on."""

    def start_again(self) -> None:
        """Nothing was used up."""


UNHURRIED: Pace = _Unhurried()


class Stride:
    """Counts what is judged, and asks the pace once in a slice."""

    __slots__ = ("_chars", "_pace")

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._chars = 0

    def take(self, text: str) -> None:
        """Before a text is judged. Raises: TextTooCostly, Abandoned."""
        self._chars += len(text) + _CHARS_OF_ANY_TEXT
        if self._chars > SLICE_CHARS:
            self._chars = 0
            self._pace.check()


def slices(text: str) -> Iterator[str]:
    """A text in pieces that are judged one after the other; most texts are one."""
    for begin in range(0, max(len(text), 1), SLICE_CHARS):
        yield text[begin : begin + SLICE_CHARS]
