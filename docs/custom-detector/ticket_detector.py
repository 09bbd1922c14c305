"""A detector of one's own: numbers of support tickets, such as ``OPS-1234``.

policies:
  - name: default
    guards:
      - guard: custom
        name: tickets
        detector: tickets
        settings: { projects: [OPS, BILLING] }
        action: mask
"""

from __future__ import annotations

from collections.abc import Sequence

import re2

from extproc.domain.finding import Finding


class TicketDetector:
    """Finds PROJECT-NUMBER for some projects; ``settings`` of the configuration are its arguments."""

    def __init__(self, projects: Sequence[str]) -> None:
        if not projects:
            raise ValueError("name at least one project")
        self._pattern = re2.compile(rf"\b(?:{'|'.join(map(re2.escape, projects))})-[0-9]+\b")

    def might_match(self, text: str) -> bool:
        """A cheap look that most texts fail."""
        return "-" in text

    def find(self, text: str, start: int = 0) -> list[Finding]:
        """Each ticket that stands in ``text[start:]``."""
        return [Finding("TICKET", *match.span(), 1.0, "tickets") for match in self._pattern.finditer(text, start)]
