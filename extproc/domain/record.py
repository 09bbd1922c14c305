"""What is known of one exchange: filled in as it goes, and handed to the sinks once, when it has ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from extproc.domain.review import FindingNotes
from extproc.domain.text import Direction, TextSource
from extproc.domain.usage import Prices, Usage
from extproc.domain.usage_bounds import UsageBounds

KEPT_TEXT_CHARS_MAX = 10_000
DETAILS_MAX = 32
HOLD_LIMIT = "HOLD_LIMIT"  # the kind of a finding: text that could not be held until it was judged as a whole


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
    ANSWERED = "answered"  # we answered what needs no model server: the names of models


class Action(StrEnum):
    """What a finding led to."""

    MASK = "mask"
    BLOCK = "block"
    FLAG = "flag"  # it is reported, and the text goes on
    SHADOW = "shadow"  # it is only counted, to see what a guard would find


class Coverage(StrEnum):
    """What became of one text before one guard. Every text that a guard could meet has one of these."""

    CHECKED = "checked"
    SKIPPED_SOURCE = "skipped_source"  # of a speaker or kind that the guard does not judge
    SKIPPED_SAMPLED_OUT = "skipped_sampled_out"  # not of the share of exchanges that the guard judges
    SKIPPED_KNOWN = "skipped_known"  # the same text was found clean before
    SKIPPED_UNREADABLE = "skipped_unreadable"  # token ids or media that the configuration lets pass
    SKIPPED_NO_CONTEXT = "skipped_no_context"  # nothing is there that an answer could be compared with
    SKIPPED_TOO_LONG = "skipped_too_long"  # it, or what it would be compared with, is more than the guard may keep
    SKIPPED_ENDED = "skipped_ended"  # the exchange had ended before the guard's turn
    SKIPPED_DROPPED = "skipped_dropped"  # a classifier had no room, or no time
    SKIPPED_INCOMPLETE = "skipped_incomplete"  # the answer broke off
    FAILED_OPEN = "failed_open"
    FAILED_CLOSED = "failed_closed"


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """The model version that an exchange uses, as measurements need it."""

    model: str
    version: str
    fingerprint: str
    prices: Prices
    prompt_version: str = ""  # a hash of its system prompt; empty: it has none


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
    usage_bounds: UsageBounds | None = None  # None: the request was not understood, or is not metered
    usage_capped: bool = False  # the server counted more than the request can lead to
    cost_micro_usd: int = 0
    metered: bool = False
    refusals: int = 0
    answers: int = 0  # choices that came to an end
    pieces: int = 0  # events that brought text
    dropped_texts: int = 0  # that came behind the end of their choice, block or stream, and were taken out
    first_text_ns: int = 0
    last_text_ns: int = 0
    ended_ns: int = 0
    verdicts: dict[tuple[str, str, str], int] = field(default_factory=dict)  # (guard, direction, action)
    findings: dict[tuple[str, str, str], int] = field(default_factory=dict)  # (guard, direction, kind)
    finding_count: int = 0
    coverage: dict[tuple[str, str, Coverage], int] = field(default_factory=dict)  # (guard, direction, what): texts
    text_counts: dict[str, int] = field(default_factory=dict)  # by direction: the sum of a guard's coverage
    details: list[str] = field(default_factory=list)  # of findings that have one: GUARD/KIND/DETAIL, never a text
    texts: dict[str, str] | None = None  # texts as they went on, by source; None: they are not kept
    notes: FindingNotes | None = field(default=None, repr=False)  # findings for people; None: nobody reviews them
    restored: bool = False  # answers go on with values in them that were masked: of those, ``keep_text`` is told before

    def note_finding(self, guard_name: str, direction: str, kind: str, action: str) -> None:
        """Count a finding, and the verdict it led to."""
        finding, verdict = (guard_name, direction, kind), (guard_name, direction, action)
        self.finding_count += 1
        self.findings[finding] = self.findings.get(finding, 0) + 1
        self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1

    def note_detail(self, guard_name: str, kind: str, detail: str) -> None:
        """Keep what a finding's detail says, up to a limit and each once."""
        line = f"{guard_name}/{kind}/{detail}"
        if len(self.details) < DETAILS_MAX and line not in self.details:
            self.details.append(line)

    def note_text(self, source: TextSource, text: str) -> None:
        """Keep a text as it goes on, if the configuration says so, up to a limit for each source."""
        if not (self.restored and source.direction is Direction.RESPONSE):
            self.keep_text(source, text)

    def keep_text(self, source: TextSource, text: str) -> None:
        """Keep a text, if the configuration says so, up to a limit for each source."""
        if self.texts is None:
            return
        name = f"{source.direction.value}.{source.speaker.value}.{source.kind.value}"
        known = self.texts.get(name, "")
        self.texts[name] = known + text[: KEPT_TEXT_CHARS_MAX - len(known)]

    def cover(self, guard_name: str, direction: str, coverage: Coverage, texts: int) -> None:
        """Note what became of some texts before a guard."""
        if texts:
            key = (guard_name, direction, coverage)
            self.coverage[key] = self.coverage.get(key, 0) + texts
