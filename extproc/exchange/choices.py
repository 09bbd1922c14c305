"""The choices of one stream: which are open, which have ended, and whose last text was truncated."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from extproc.domain.text import Kind, TextSource
from extproc.payload.dialect import Frame, StreamReader
from extproc.payload.ends import End

_NONE: Final[frozenset[int]] = frozenset()
"""Of all streams in which no choice has ended, which are most: an empty set takes 216 bytes."""


class StreamChoices:
    """The choices of one stream.

    Attributes:
        last: for each choice, the channel of its most recent text; if the choice is truncated, it is this text.
        ends: the finish reason of each choice, as the server reports it.
        ending: choices that end with the current event.
        cut: choices that a filter has ended.
        over: choices that have ended, or of which some part has.

    Args: own_ends: ends that the model chose itself, as opposed to limits of the client or the server.
    """

    __slots__ = ("_ended_parts", "_finished", "_own_ends", "cut", "ending", "ends", "last", "over")

    def __init__(self, own_ends: Collection[End]) -> None:
        self.last: dict[int, TextSource] = {}
        self.ends: dict[int, End] = {}
        self.ending: Collection[int] = ()
        self.cut = _NONE
        self.over = _NONE
        self._own_ends = own_ends
        self._finished = _NONE
        self._ended_parts: set[tuple[int, int]] | None = None

    @property
    def ended(self) -> int:
        """The number of choices that have ended."""
        return len(self._finished | self.cut)

    def is_over(self, choice: int) -> bool:
        """Whether a choice has ended, or was."""
        return choice in self._finished or choice in self.cut

    def finish(self, choice: int) -> None:
        """The server has ended a choice."""
        self._finished |= {choice}
        self.over |= {choice}

    def cut_at(self, choice: int) -> None:
        """A filter has ended a choice."""
        self.cut |= {choice}
        self.over |= {choice}

    def end_part(self, choice: int, part: int) -> None:
        """The server has ended one part of a choice."""
        self._ended_parts = self._ended_parts or set()
        self._ended_parts.add((choice, part))
        self.over |= {choice}

    def has_ended(self, source: TextSource) -> bool:
        """Whether the server has already ended the choice or part of a text."""
        if source.kind is Kind.ASIDE:
            return False
        if source.choice in self._finished:
            return True
        return self._ended_parts is not None and (source.choice, source.part) in self._ended_parts

    def is_cut_off(self, source: TextSource) -> bool:
        """Whether a channel that ends now is truncated: the last one of a choice that the model did not end itself.

        A JSON text always counts as truncated: its stage knows from the text whether it is complete.
        """
        if source.kind is Kind.JSON:
            return True
        choice = source.choice
        is_last = choice in self.ending and self.last.get(choice) == source
        return is_last and self.ends.get(choice) not in self._own_ends

    def take_cut_from(self, frame: Frame, reader: StreamReader) -> bool:
        """Remove the choices that a filter has ended from an event. Returns: False if the event is empty after that."""
        cut = self.cut
        if not cut:
            return True
        for choice in cut:
            if not reader.without_choice(frame, choice):
                return False
        frame.changed = True
        frame.slots = [slot for slot in frame.slots if slot.source.kind is Kind.ASIDE or slot.source.choice not in cut]
        frame.finished = [choice for choice in frame.finished if choice not in cut]
        frame.closes = [close for close in frame.closes if close[0] not in cut]
        frame.pauses = tuple(pause for pause in frame.pauses if pause[0] not in cut)
        return True
