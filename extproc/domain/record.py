"""The record of one exchange: filled in along the way, and handed to the sinks once, at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise, repeat
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from extproc.domain.budgets import SpentOfBudget
from extproc.domain.gaps import note_gap
from extproc.domain.hop_results import MarkResult
from extproc.domain.refusal_kinds import RefusalKind
from extproc.domain.review import FindingNotes
from extproc.domain.rollouts import RolloutArm
from extproc.domain.signals import AnswerSignals
from extproc.domain.text import Direction, TextSource
from extproc.domain.token_rates import RequestSize
from extproc.domain.trace_context import TraceContext, WorkTimes
from extproc.domain.uncounted import Uncounted
from extproc.domain.usage import Prices, Usage
from extproc.domain.usage_bounds import UsageBounds

KEPT_TEXT_CHARS_MAX: Final = 10_000
DETAILS_MAX: Final = 32
SERVER_CHARS_MAX: Final = 108  # of an address: the path of a Unix socket is the longest
FINISHES_MAX: Final = 16  # finish reasons that are kept: of the first choices
DRAINED: Final = "drained"  # reason of an exchange that had not ended when its process did
HOLD_LIMIT: Final = "HOLD_LIMIT"  # finding kind for text that exceeded a hold limit before it was checked as a whole


class Outcome(StrEnum):
    """How an exchange ended."""

    COMPLETED = "completed"
    REJECTED = "rejected"  # we rejected the request
    CUT = "cut"  # a guard, or a rate limit, stopped the response
    FAILED = "failed"  # internal error, or an unreadable response
    ABORTED = "aborted"  # Envoy's stream ended early: the client or the upstream is gone
    UPSTREAM_ERROR = "upstream_error"  # the model server replied with an error
    LOCAL_REPLY = "local_reply"  # Envoy replied itself
    PASSED = "passed"  # an allowed path, forwarded without inspection
    ANSWERED = "answered"  # answered locally, without a model server: the list of models


class Action(StrEnum):
    """The effect of a finding."""

    MASK = "mask"
    BLOCK = "block"
    FLAG = "flag"  # reported, and the text is forwarded
    SHADOW = "shadow"  # only counted, to see what a guard would find


class Coverage(StrEnum):
    """The outcome of one text at one guard. Each text in the guard's direction has exactly one."""

    CHECKED = "checked"
    SKIPPED_SOURCE = "skipped_source"  # of a role or kind that the guard does not check
    SKIPPED_SAMPLED_OUT = "skipped_sampled_out"  # not in the sample
    SKIPPED_KNOWN = "skipped_known"  # the same text was found clean before
    SKIPPED_IN_FRONT = "skipped_in_front"  # the hop in front applies this guard, as its mark says
    SKIPPED_UNREADABLE = "skipped_unreadable"  # token ids or media allowed by the configuration
    SKIPPED_NO_CONTEXT = "skipped_no_context"  # the request has no context to compare the response with
    SKIPPED_TOO_LONG = "skipped_too_long"  # the text, or its context, exceeds a limit of the guard
    SKIPPED_ENDED = "skipped_ended"  # the exchange had ended before the guard ran
    SKIPPED_DROPPED = "skipped_dropped"  # a classifier was over capacity, or too slow
    SKIPPED_INCOMPLETE = "skipped_incomplete"  # the response was aborted
    FAILED_OPEN = "failed_open"
    FAILED_CLOSED = "failed_closed"


class Fencing(StrEnum):
    """What became of a text of a tool or a document at a guard that fences."""

    FENCED = "fenced"  # the model gets it between marks
    LEFT = "left"  # JSON, text that citations count in, or a request to which no model answers in words


class Asked(StrEnum):
    """What a classifier said of a text of which a guard was unsure."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNANSWERED = "unanswered"  # in time


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """The model version of an exchange, as needed for measurements.

    Attributes:
        fingerprint: of all that decides its answers and their price; another one is another revision of the version.
        prompt, prompt_fingerprint: of its system prompt; empty if it has none.
        price_revision: a hash of the prices.
        tokenizer: the file with its tokenizer, as the configuration has it; empty: none.
        provider: whose API its provider speaks, such as `openai`; empty: it has servers of its own.
    """

    model: str
    version: str
    fingerprint: str
    prices: Prices
    prompt: str = ""
    prompt_fingerprint: str = ""
    price_revision: str = ""
    tokenizer: str = ""
    provider: str = ""

    @property
    def name(self) -> str:
        """MODEL/VERSION."""
        return f"{self.model}/{self.version}"


class Attempt(NamedTuple):
    """One attempt to get an answer.

    Attributes:
        version: MODEL/VERSION.
        reason: why the next version was asked; ``ANSWERED`` if it was not.
    """

    version: str
    reason: str


ANSWERED: Final = "answered"
EJECTED: Final = "ejected"
"""Reason for a version that Envoy did not even try, as it had failed before."""


_Key = TypeVar("_Key")
_NOTHING: Final[Mapping[Any, int]] = MappingProxyType({})
_nothing: Final = repeat(_NOTHING).__next__
"""Shared by all that have counted nothing: an exchange of which little is told keeps no empty dictionaries."""


def _one_more(counts: Mapping[_Key, int], key: _Key) -> Mapping[_Key, int]:
    """The counts with one more of this."""
    counted = counts if isinstance(counts, dict) else {}
    counted[key] = counted.get(key, 0) + 1
    return counted


@dataclass(slots=True)
class ExchangeRecord:
    """One exchange. Times are those of the clock that drives ``step``. [ns]"""

    id: str
    revision: str
    started_ns: int
    sent_ns: int = 0  # 0: it was not sent on to a model server
    endpoint: str = ""
    streamed: bool = False
    team: str = ""
    project: str = ""
    budget_code: str = ""
    tier: str = ""
    tag: str = ""  # use case
    user: str = ""  # keyed hash of who asks within the team; empty: not known
    key_id: str = ""  # of the API key, if one identified the caller
    identity_source: str = (
        ""  # what settled team, project, budget code and tier; ``claimed``: only the client's headers
    )
    identity_refused: str = ""  # why the credential was refused, in one word
    exceeded_claims: tuple[str, ...] = ()  # parts of the identity that a header claims beyond it
    claim_effect: str = ""  # of these: ``refused`` or ``replaced``
    feedback_refusal: str = ""  # of a feedback: why the store did not take it; see ``FeedbackResult``
    mark: MarkResult | None = None  # of a hop in front; None: none is looked for
    front_exchange: str = ""  # with a good mark: the id of this exchange at the hop in front
    counted_in_front: bool = False  # that hop counts it, so nothing else does
    route: str = ""  # that chose where it goes; empty without routes
    ignored_pin: str = ""  # model whose pin header was ignored, as the team may not pin
    asked_model: str = ""  # as the client calls it
    policy: str = ""  # the policy whose guards apply
    version: VersionFacts | None = None
    unrouted: VersionFacts | None = None  # the version that was chosen first, which the calling Envoy does not route
    chosen: VersionFacts | None = None  # the version that was chosen, where another one was asked after it
    arm: RolloutArm | None = None  # its part in a rollout; None: it has none
    attempts: tuple[Attempt, ...] = ()  # of an exchange through a fallback
    server: str = ""  # IP:PORT of the model server that answered, or was asked last; empty: not known
    outcome: Outcome = Outcome.ABORTED
    status: int = 0
    reason: str = ""  # code of the error that ended it
    usage: Usage | None = None
    size: RequestSize | None = None  # of the request; only with a ledger
    usage_bounds: UsageBounds | None = None  # None: the request was not parsed, or is not metered
    prompt_reported: bool = False  # the server counted the prompt, though not all of an estimated usage
    usage_capped: bool = False  # the server counted more than the request allows
    cost_micro_usd: int = 0
    metered: bool = False
    refusals: int = 0  # choices in which the model declines
    other_refusals: Mapping[RefusalKind, int] = field(default_factory=_nothing)  # in which it does less than asked
    refusals_judged: int = 0  # choices in which a refusal was looked for
    answers: int = 0  # completed choices
    finish_reasons: tuple[str, ...] = ()  # of those, as the server told them
    response_id: str = ""  # of the server, as the client sees it; only with a ledger
    tool_calls: int = 0
    request_bytes: int = 0  # of the body, as it arrived
    response_bytes: int = 0  # likewise, as far as it was read
    local_reply: str = ""  # why Envoy replied in place of a model server; its ``response.code_details``
    response_began: bool = False  # headers of a response have arrived
    pieces: int = 0  # events with text
    dropped_texts: int = 0  # that arrived after the end of their choice, block or stream, and were dropped
    first_text_ns: int = 0
    last_text_ns: int = 0
    ended_ns: int = 0
    limits: tuple[tuple[str, str], ...] = ()  # (rate limit, what it said)
    budget_acts: tuple[tuple[str, str], ...] = ()  # (budget, what it did); see ``BudgetAct``
    spent: tuple[SpentOfBudget, ...] = ()  # of budgets that act
    verdicts: Mapping[tuple[str, str, str], int] = field(default_factory=_nothing)  # (guard, direction, action)
    findings: Mapping[tuple[str, str, str], int] = field(default_factory=_nothing)  # (guard, direction, kind)
    finding_count: int = 0
    coverage: dict[tuple[str, str, Coverage], int] = field(default_factory=dict)  # (guard, direction, outcome): texts
    fences: Mapping[tuple[str, Fencing], int] = field(default_factory=_nothing)  # (guard, what became of them): texts
    asked: Mapping[tuple[str, Asked], int] = field(default_factory=_nothing)  # (guard, what the classifier said): texts
    text_counts: dict[str, int] = field(default_factory=dict)  # by direction: the coverage total of each guard
    details: tuple[str, ...] = ()  # of findings with a detail: GUARD/KIND/DETAIL, never a text
    texts: dict[str, str] | None = None  # texts as forwarded, by source; None: not kept
    texts_for_trace: bool = False  # they are kept for its span alone: no log has them
    notes: FindingNotes | None = field(default=None, repr=False)  # findings for reviewers; None: no review queue
    signals: AnswerSignals | None = None  # None: they are not collected
    uncounted: Uncounted | None = field(default=None, repr=False)  # until a tokenizer has counted; no sink gets it
    trace: TraceContext | None = None  # its span; None: `otel` is off
    work: WorkTimes | None = field(default=None, repr=False)  # of its steps; None: `otel` is off
    restored: bool = False  # masked values are restored in responses, so ``keep_text`` is called before that

    @property
    def is_fenced(self) -> bool:
        """Whether the model gets any text between marks."""
        return any(fencing is Fencing.FENCED for _, fencing in self.fences)

    @property
    def fallbacks(self) -> list[tuple[str, str, str]]:
        """Each step to another version: from, to (MODEL/VERSION), and why."""
        asked = list(self.attempts)
        if asked and self.chosen is not None and asked[0].version != (chosen := self.chosen.name):
            asked.insert(0, Attempt(chosen, EJECTED))
        return [(one.version, to.version, one.reason) for one, to in pairwise(asked) if one.version != to.version]

    def note_finding(self, guard_name: str, direction: str, kind: str, action: str) -> None:
        """Count a finding and its action."""
        self.finding_count += 1
        self.findings = _one_more(self.findings, (guard_name, direction, kind))
        self.verdicts = _one_more(self.verdicts, (guard_name, direction, action))

    def note_fence(self, guard_name: str, fencing: Fencing) -> None:
        """Count a text that a guard has fenced, or left."""
        self.fences = _one_more(self.fences, (guard_name, fencing))

    def note_asked(self, guard_name: str, said: Asked) -> None:
        """Count a text about which a guard has asked a classifier."""
        self.asked = _one_more(self.asked, (guard_name, said))

    def note_detail(self, guard_name: str, kind: str, detail: str) -> None:
        """Keep a finding's detail, once each, up to a limit."""
        line = f"{guard_name}/{kind}/{detail}"
        if len(self.details) < DETAILS_MAX and line not in self.details:
            self.details += (line,)

    def note_refusal(self, kind: RefusalKind) -> None:
        """Count a choice in which the model does not do what was asked."""
        if kind is RefusalKind.DECLINES:
            self.refusals += 1
        else:
            self.other_refusals = _one_more(self.other_refusals, kind)

    def note_piece(self, now_ns: int) -> None:
        """A piece of a streamed answer has come."""
        self.pieces += 1
        if self.signals is not None and self.last_text_ns and self.signals.gaps:
            note_gap(self.signals.gaps, now_ns - self.last_text_ns)
        self.last_text_ns = now_ns
        self.first_text_ns = self.first_text_ns or now_ns

    def note_text(self, source: TextSource, text: str) -> None:
        """Keep a text as forwarded, if configured, up to a limit per source."""
        if not (self.restored and source.direction is Direction.RESPONSE):
            self.keep_text(source, text)

    def keep_text(self, source: TextSource, text: str) -> None:
        """Keep a text, if configured, up to a limit per source."""
        if self.texts is None:
            return
        name = f"{source.direction.value}.{source.speaker.value}.{source.kind.value}"
        known = self.texts.get(name, "")
        self.texts[name] = known + text[: KEPT_TEXT_CHARS_MAX - len(known)]

    def note_coverage(self, guard_name: str, direction: str, coverage: Coverage, texts: int) -> None:
        """Record the coverage of texts at a guard."""
        if texts:
            key = (guard_name, direction, coverage)
            self.coverage[key] = self.coverage.get(key, 0) + texts
