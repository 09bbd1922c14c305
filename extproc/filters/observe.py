"""A stage that observes without changing the text: for shadow mode, flags, and detectors that only count."""

from __future__ import annotations

from extproc.domain.text import Stage, close_stage


class ObservingStage:
    """Feeds another stage, and releases the text unchanged and immediately."""

    __slots__ = ("_observed", "rejected")

    def __init__(self, observed: Stage) -> None:
        self._observed = observed
        self.rejected = False

    def feed(self, text: str) -> str:
        """Feed the text to the observed stage."""
        if not self._observed.rejected:
            self._observed.feed(text)
        return text

    def close(self) -> str:
        """Close the observed stage."""
        if not self._observed.rejected:
            self._observed.close()
        return ""

    def close_cut(self) -> str:
        """Like ``close``, for a truncated text."""
        if not self._observed.rejected:
            close_stage(self._observed, cut_off=True)
        return ""

    def held(self) -> str:
        """Nothing is held."""
        return ""

    def fork(self) -> Stage:
        """A copy that reports nothing."""
        return ObservingStage(self._observed.fork())
