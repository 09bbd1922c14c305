"""The ways in which a model does not do what was asked.

Only one of them is a no. Metrics keep them apart, because a version that lacks a tool, one that corrects its users and
one that turns them away need different remedies.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class RefusalKind(StrEnum):
    """What an answer does instead. The values are labels of ``llm_refusal_total``."""

    DECLINES = "declines"  # says no to what was asked; rollouts, drift and the ledger count this one
    PARTIAL = "partial"  # says no to a part, and goes on with the rest
    REDIRECTS = "redirects"  # advises against it, or sends the user elsewhere, without a no
    REJECTS_PREMISE = "rejects_premise"  # what the question takes for granted is not so
    LACKS_ACCESS = "lacks_access"  # it cannot see, open or look up what it would need

    @property
    def finding(self) -> str:
        """The kind of the finding that reports it."""
        return "REFUSAL" if self is RefusalKind.DECLINES else f"REFUSAL_{self.name}"


KIND_OF_FINDING: Final[Mapping[str, RefusalKind]] = {kind.finding: kind for kind in RefusalKind}
