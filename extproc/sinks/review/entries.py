"""What the review queue keeps, as plain values: a finding, what people said of it, and how often a guard was right."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a person says of a finding."""

    CONFIRM = "confirm"  # it is what the guard says it is
    REJECT = "reject"  # a false alarm


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding. The columns of its table have the same names, in the same order.

    Attributes:
        seen_at_ms: when its exchange ended [ms since 1970, UTC].
        version, fingerprint, prompt_version: what the model was; empty where none was chosen.
        excerpt: the text around it, as the configuration lets it be kept; ``found_start`` and ``found_end`` are where
            what was found, or its mask, stands in it [characters].
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
    """A finding in the store; ``verdict`` is what was said of it last, None: nobody has looked at it yet."""

    id: int
    entry: Entry
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Label:
    """What one person said of a finding, and when [ms since 1970, UTC]."""

    verdict: Verdict
    by: str
    at_ms: int
    note: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which findings are asked for: those that fit all that is given.

    Attributes:
        version: VERSION or MODEL/VERSION.
        labelled: True: with a label, False: without one, None: either.
        since_ms: seen then or later.
    """

    guard: str | None = None
    team: str | None = None
    version: str | None = None
    labelled: bool | None = None
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class GuardCounts:
    """How many of one guard's findings were found right, found wrong, and wait for somebody to look."""

    guard: str
    confirmed: int
    rejected: int
    waiting: int

    @property
    def labelled(self) -> int:
        """How many have a label."""
        return self.confirmed + self.rejected
