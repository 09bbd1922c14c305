"""What is known of one exchange: filled in as it goes, and handed to the sinks once, when it has ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from extproc.domain.text import TextSource
from extproc.domain.usage import Prices, Usage

KEPT_TEXT_CHARS_MAX = 10_000


class Outcome(StrEnum):
    """How an exchange ended."""

    COMPLETED = "completed"
    REJECTED = "rejected"  # we refused the request
    CUT = "cut"  # a guard ended the answer
    FAILED = "failed"  # we ended it because something of ours, or the answer, was not as it must be
    ABORTED = "aborted"  # the stream to Envoy ended first: the client or the upstream went away
    UPSTREAM_ERROR = "upstream_error"  # the model server answered with an error
    LOCAL_REPLY = "local_reply"  # Envoy answered by itself
    PASSED = "passed"  # a path that is passed on unread


class Action(StrEnum):
    """What a finding led to."""

    MASK = "mask"
    BLOCK = "block"
    FLAG = "flag"  # it is reported, and the text goes on
    SHADOW = "shadow"  # it is only counted, to see what a guard would find


class Coverage(StrEnum):
    """Whether a filter saw what it should have seen. From nothing to see, over seen, to worse and worse."""

    SKIPPED_NO_ANSWER = "skipped_no_answer"
    SKIPPED_NO_TEXT = "skipped_no_text"
    CHECKED = "checked"
    SKIPPED_SAMPLED_OUT = "skipped_sampled_out"  # not one of the share that is judged
    SKIPPED_DROPPED = "skipped_dropped"  # a classifier had no room, or no time
    SKIPPED_INCOMPLETE = "skipped_incomplete"
    SKIPPED_UNREADABLE = "skipped_unreadable"
    FAILED_OPEN = "failed_open"
    FAILED_CLOSED = "failed_closed"


_WORSE = {outcome: rank for rank, outcome in enumerate(Coverage)}


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """The model version that an exchange uses, as measurements need it."""

    model: str
    version: str
    fingerprint: str
    prices: Prices


@dataclass(slots=True)
class ExchangeRecord:
    """One exchange. Times are of the clock that drives ``step``. [ns]"""

    id: str
    revision: str
    started_ns: int
    endpoint: str = ""
    streamed: bool = False
    team: str = ""
    project: str = ""
    budget_code: str = ""
    policy: str = ""  # whose guards judge it
    version: VersionFacts | None = None
    outcome: Outcome = Outcome.ABORTED
    status: int = 0
    reason: str = ""  # the code of the error that ended it
    usage: Usage | None = None
    cost_micro_usd: int = 0
    metered: bool = False
    refusals: int = 0
    answers: int = 0  # choices that came to an end
    pieces: int = 0  # events that brought text
    first_text_ns: int = 0
    last_text_ns: int = 0
    ended_ns: int = 0
    verdicts: dict[tuple[str, str, str], int] = field(default_factory=dict)  # (guard, direction, action)
    findings: dict[tuple[str, str, str], int] = field(default_factory=dict)  # (guard, direction, kind)
    coverage: dict[str, Coverage] = field(default_factory=dict)
    texts: dict[str, str] | None = None  # texts as they went on, by source; None: they are not kept

    def note_finding(self, guard_name: str, direction: str, kind: str, action: str) -> None:
        """Count a finding, and the verdict it led to."""
        finding, verdict = (guard_name, direction, kind), (guard_name, direction, action)
        self.findings[finding] = self.findings.get(finding, 0) + 1
        self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1

    def note_text(self, source: TextSource, text: str) -> None:
        """Keep a text, if the configuration says so, up to a limit for each source."""
        if self.texts is None:
            return
        name = f"{source.direction.value}.{source.speaker.value}.{source.kind.value}"
        known = self.texts.get(name, "")
        self.texts[name] = known + text[: KEPT_TEXT_CHARS_MAX - len(known)]

    def cover(self, filter_name: str, coverage: Coverage) -> None:
        """Note what a filter saw in one direction; of both the worse counts, and more than nothing to see."""
        known = self.coverage.get(filter_name)
        if known is None or _WORSE[coverage] > _WORSE[known]:
            self.coverage[filter_name] = coverage
