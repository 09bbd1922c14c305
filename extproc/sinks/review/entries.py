"""Plain values of the review queue: a finding, its labels, and the counts per guard."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReviewLabel(StrEnum):
    """A reviewer's label."""

    CONFIRM = "confirm"  # a correct finding
    REJECT = "reject"  # a false alarm


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding. The columns of its table have the same names, in the same order.

    Attributes:
        seen_at_ms: when its exchange ended [ms since 1970, UTC].
        version, fingerprint, prompt_version: of the model; empty if none was chosen.
        excerpt: the text around it, as far as the configuration allows; ``found_start`` and ``found_end`` locate
        the finding, or its mask, in it [characters].
    """

    seen_at_ms: int
    exchange: str
    revision: str
    endpoint: str
    team: str
    project: str
    model: str
    version: str
    fingerprint: str
    prompt_version: str
    policy: str
    guard: str
    detector: str
    kind: str
    action: str
    direction: str
    speaker: str
    score: float
    excerpt: str = ""
    found_start: int = 0
    found_end: int = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """A finding in the store; ``verdict`` is its last label, None: not labeled yet."""

    id: int
    entry: Entry
    verdict: ReviewLabel | None


@dataclass(frozen=True, slots=True)
class Label:
    """One reviewer's label of a finding, and its time [ms since 1970, UTC]."""

    verdict: ReviewLabel
    by: str
    at_ms: int
    note: str


@dataclass(frozen=True, slots=True)
class FindingQuery:
    """A query for findings: they must match every given criterion.

    Attributes:
        version: VERSION or MODEL/VERSION.
        labelled: True: with a label, False: without one, None: either.
        since_ms: seen at that time or later.
    """

    guard: str | None = None
    team: str | None = None
    version: str | None = None
    labelled: bool | None = None
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class GuardCounts:
    """Counts of one guard's findings: right, wrong, and not labeled yet."""

    guard: str
    confirmed: int
    rejected: int
    waiting: int

    @property
    def labelled(self) -> int:
        """Number of labeled findings."""
        return self.confirmed + self.rejected
