"""Scans: how a text that comes in pieces is looked through for spans that are to be masked, or to end it."""

from __future__ import annotations

from typing import Generic, NamedTuple, Protocol, Self, TypeVar

from extproc.domain.finding import Spot

FoundT = TypeVar("FoundT", bound=Spot)


class Scanned(NamedTuple, Generic[FoundT]):
    """What came of a piece.

    Attributes:
        text: what was undecided before, and the piece.
        found: in order of their ends; places in ``text``.
        settled: what comes before this place in ``text`` is decided: nothing that is still to come begins there.
        ongoing: ``text`` begins within what was found before, up to this place.
    """

    text: str
    found: list[FoundT]
    settled: int
    ongoing: int = 0


class Scan(Protocol[FoundT]):
    """Looks through a text. ``undecided`` is what may be the beginning of what is looked for."""

    undecided: str

    def push(self, text: str, *, closing: bool = False) -> Scanned[FoundT]:
        """Take the next piece; with ``closing`` the text is complete with it, and another one may follow."""
        ...

    def copy(self) -> Self:
        """A scan in the same state."""
        ...
