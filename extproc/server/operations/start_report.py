"""What a starting process reports to the person who started it, besides the log."""

from __future__ import annotations

from collections.abc import Sequence

from extproc.config.document import Document


class StartReport:
    """Reports nothing; a terminal's report is in the command line."""

    def loading(self, classifiers: Sequence[str], within_s: float) -> None:
        """The start waits for these classifiers, at most this long [s]."""

    def serving(self, document: Document, revision: str) -> None:
        """Exchanges are served from now on."""
