"""Two stages on one channel as one: the second receives the output of the first."""

from __future__ import annotations

from extproc.domain.text import Stage, close_stage, yielding


class InTurn:
    """Rejects if either does; text that the first released before still passes the second."""

    __slots__ = ("_first", "_second", "rejected")

    def __init__(self, first: Stage, second: Stage) -> None:
        self._first = first
        self._second = second
        self.rejected = False

    def feed(self, text: str) -> str:
        """Process the next piece. Returns: the text that both have released."""
        return self._handed_on(self._first.feed(text), cut_off=True)

    def close(self) -> str:
        """The text is complete. Returns: the rest."""
        return self._closed(cut_off=False)

    def close_cut(self) -> str:
        """Like ``close``, for a truncated text."""
        return self._closed(cut_off=True)

    def held(self) -> str:
        """The text held by the second stage, then by the first."""
        return self._second.held() + self._first.held()

    def give_up(self) -> str:
        """Make the first stop waiting; the second holds little text, and not for long."""
        waiting = yielding(self._first)
        return "" if waiting is None else self._handed_on(waiting.give_up(), cut_off=True)

    def fork(self) -> InTurn:
        """Both in the same state; they report nothing."""
        copy = InTurn(self._first.fork(), self._second.fork())
        copy.rejected = self.rejected
        return copy

    def _closed(self, cut_off: bool) -> str:
        released = self._handed_on(close_stage(self._first, cut_off), cut_off)
        if not self.rejected:
            released += close_stage(self._second, cut_off)
            self.rejected = self._second.rejected
        return released

    def _handed_on(self, text: str, cut_off: bool) -> str:
        released = self._second.feed(text) if text else ""
        if self._first.rejected and not self._second.rejected:
            released += close_stage(self._second, cut_off)
        self.rejected = self._first.rejected or self._second.rejected
        return released


class PassingStage:
    """Releases all text: a placeholder where a stage is required."""

    __slots__ = ("rejected",)

    def __init__(self) -> None:
        self.rejected = False

    def feed(self, text: str) -> str:
        """The text, unchanged."""
        return text

    def close(self) -> str:
        """Nothing was held."""
        return ""

    def held(self) -> str:
        """Nothing is held."""
        return ""

    def fork(self) -> PassingStage:
        """Returns itself: it has no state."""
        return self
