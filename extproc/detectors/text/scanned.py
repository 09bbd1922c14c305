"""Scans: search of streamed text for spans that are to be masked, or that end it."""

from __future__ import annotations

from typing import Generic, NamedTuple, Protocol, Self, TypeVar

from extproc.domain.finding import Spot

FoundT = TypeVar("FoundT", bound=Spot)


class Scanned(NamedTuple, Generic[FoundT]):
    """The result of a piece.

    Attributes:
        text: the undecided text so far, and the piece.
        found: in order of their ends; positions in ``text``.
        settled: text before this position is decided: no later finding begins there.
        ongoing: ``text`` begins within an earlier finding, up to this position.
    """

    text: str
    found: list[FoundT]
    settled: int
    ongoing: int = 0


class Scan(Protocol[FoundT]):
    """Searches a text. ``undecided`` is the possible beginning of a match."""

    undecided: str

    def push(self, text: str, *, closing: bool = False) -> Scanned[FoundT]:
        """Process the next piece; with ``closing`` the text is complete, and another one may follow."""
        ...

    def copy(self) -> Self:
        """A scan in the same state."""
        ...
