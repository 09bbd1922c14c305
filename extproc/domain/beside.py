"""What is judged beside an exchange, by classifiers that take too long for its way: what is asked, and what came of it.

Either the exchange waits for the verdict (an ``Ask``), or it goes on and the verdict comes when it may have ended long
ago (a ``Judgement``). Both hold texts of users, so neither may reach a log or a label.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from extproc.domain.finding import Finding
from extproc.domain.record import Action, Coverage, VersionFacts
from extproc.domain.text import Direction, Speaker


class Origin(NamedTuple):
    """Where texts come from, as it is told with a finding."""

    exchange_id: str
    endpoint: str
    team: str
    project: str
    policy: str
    version: VersionFacts | None
    revision: str = ""


class SpokenText(NamedTuple):
    """A text and who spoke it."""

    speaker: Speaker
    text: str


Found = tuple[SpokenText, Finding]
"""What was found, and in which text."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A verdict that an exchange waits for, at most ``wait_ms`` [ms]."""

    guard: str
    classifier: str
    texts: tuple[SpokenText, ...] = field(repr=False)
    wait_ms: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """Texts of one exchange and direction that a guard wants judged, whenever there is time.

    Attributes:
        fields: how many texts of the exchange these are made of, which are accounted for when all is known.
        covers: what became of them, if they are judged.
        context: what the texts are to rest on, where the classifier is asked that.
        is_reviewed: whether people are told of what is found.
        sampled_out: they are not to be judged at all; said so that it is counted.
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
    """What a classifier found, told when the exchange may have ended. ``text`` is what it judged, as it went on."""

    origin: Origin
    guard: str
    direction: Direction
    action: Action
    speaker: Speaker
    finding: Finding
    text: str = field(repr=False)


class FindingsSink(Protocol):
    """Whoever wants to know of late findings: a queue for people to review."""

    def found_late(self, finding: LateFinding) -> None:
        """Take one. It must not wait."""
        ...
