"""Plain values of the review queue: a finding, its labels, and the counts per guard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

IDENTITY = ("exchange", "guard", "kind", "detector")
"""What a line may say of its finding: numbers of another store mean other findings."""


class ReviewLabel(StrEnum):
    """A reviewer's label."""

    CONFIRM = "confirm"  # a correct finding
    REJECT = "reject"  # a false alarm


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding. The columns of its table have the same names.

    Attributes:
        seen_at_ms: when its exchange ended [ms since 1970, UTC].
        version, fingerprint, prompt_version: of the model; empty if none was chosen.
        route: that led there; empty without routes.
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
    route: str
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
        exchange: the id of an exchange, as its answer has it.
    """

    guard: str | None = None
    team: str | None = None
    version: str | None = None
    labelled: bool | None = None
    since_ms: int | None = None
    exchange: str | None = None


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


@dataclass(frozen=True, slots=True)
class Names:
    """What findings in the store can be chosen by; a version is MODEL/VERSION."""

    guards: frozenset[str]
    teams: frozenset[str]
    versions: frozenset[str]


@dataclass(frozen=True, slots=True)
class ScoreCount:
    """How many findings have a score and a label; None: no label."""

    score: float
    verdict: ReviewLabel | None
    number: int


@dataclass(frozen=True, slots=True)
class ImportedLabel:
    """A label of a file.

    Attributes:
        line: of the file, from 1.
        has_time: whether the file says when it was given; otherwise the time is that of the import.
        identity: what the file says of the finding, of IDENTITY.
    """

    line: int
    number: int
    label: Label
    has_time: bool
    identity: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """What became of the labels of a file."""

    added: int
    known: int  # the finding had this label already
    older: int  # than the finding's last label, which stays
