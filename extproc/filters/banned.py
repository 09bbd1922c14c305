"""Banned words and phrases in requests and responses: blocked, masked, or only counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from extproc.config.guards.banned import BannedSection
from extproc.detectors.text.phrases import Match, PhraseBook, PhraseScan
from extproc.domain.finding import Evidence, Finding
from extproc.domain.reasons import Reason
from extproc.domain.text import Speaker
from extproc.filters.base import Resources
from extproc.filters.scanning import ScanningGuard


class BannedGuard(ScanningGuard[Match]):
    """Checks every text of its directions and speakers."""

    code = "banned_phrase"
    mask = "<BANNED>"

    @classmethod
    def build(cls, section: BannedSection, resources: Resources) -> Self:
        """Build the guard with its phrases, which may stand in a file."""
        return cls(section, section.phrases_in(resources.files))

    def __init__(self, section: BannedSection, phrases: Sequence[str]) -> None:
        super().__init__(section, map(Speaker, section.speakers))
        self._book = PhraseBook(phrases)
        self._phrases = phrases

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """The phrase, as it is configured."""
        found = self._book.find(evidence.text[evidence.finding.start : evidence.finding.end])
        return [Reason("phrase", self._phrases[match.phrase]) for match in found]

    def might_match(self, text: str) -> bool:
        """A prefilter on the words."""
        return self._book.might_match(text)

    def scan(self) -> PhraseScan:
        """A scan for phrases."""
        return PhraseScan(self._book)

    def finding_of(self, spot: Match) -> Finding:
        """The phrase that was found."""
        return Finding("BANNED", spot.start, spot.end, 1.0, "banned.phrases")
