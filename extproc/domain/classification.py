"""Out-of-band classification: jobs for classifiers that are too slow for the path, and their results.

Either the exchange waits for the result (a ``BlockingCheck``), or it continues, and may have ended when the result
arrives (a ``ClassificationJob``). Both contain user texts, so neither may reach a log or a label.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from extproc.domain.finding import Finding
from extproc.domain.record import Action, Coverage, VersionFacts
from extproc.domain.rollouts import RolloutArm
from extproc.domain.text import Direction, Speaker


class Origin(NamedTuple):
    """The origin of texts, reported with a finding. ``arm``: of a rollout; None: the exchange is in none."""

    exchange_id: str
    endpoint: str
    team: str
    project: str
    policy: str
    version: VersionFacts | None
    revision: str = ""
    arm: RolloutArm | None = None


class SpokenText(NamedTuple):
    """A text and its role."""

    speaker: Speaker
    text: str


FoundInText = tuple[SpokenText, Finding]
"""A finding, and its text."""


@dataclass(frozen=True, slots=True)
class BlockingCheck:
    """A result that an exchange waits for, at most ``wait_ms`` [ms].

    ``locates``: its findings are to say where in a text they are.
    """

    guard: str
    classifier: str
    texts: tuple[SpokenText, ...] = field(repr=False)
    wait_ms: int
    locates: bool = False


@dataclass(frozen=True, slots=True)
class ClassificationJob:
    """Texts of one exchange and direction to classify out of band.

    Attributes:
        fields: number of texts of the exchange in this job, counted as covered on completion.
        covers: their coverage if they are classified.
        context: what should support the texts, for classifiers of pairs.
        is_reviewed: whether findings go to the review queue.
        sampled_out: not to be classified; sent only to be counted.
    """

    origin: Origin
    guard: str
    classifier: str
    direction: Direction
    action: Action
    texts: tuple[SpokenText, ...] = field(repr=False)
    fields: int = 0
    covers: Coverage = Coverage.CHECKED
    sampled_out: bool = False
    is_reviewed: bool = True
    context: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class LateFinding:
    """A classifier's finding, possibly after the end of the exchange. ``text`` is the classified text, as forwarded."""

    origin: Origin
    guard: str
    direction: Direction
    action: Action
    speaker: Speaker
    finding: Finding
    text: str = field(repr=False)


class FindingsSink(Protocol):
    """Receives late findings, like the review queue."""

    def found_late(self, finding: LateFinding) -> None:
        """Take one. Must not block."""
        ...


class JudgmentSink(Protocol):
    """Receives what classifiers say of the answers of a rollout."""

    def judged(self, arm: RolloutArm, is_bad: bool) -> None:
        """Take one. Must not block."""
        ...
