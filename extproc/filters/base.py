"""The base of filters: each implements one policy, once for every dialect, streamed or not.

A filter may check the whole request (``on_request``) and may attach a stage to any channel (``stage``). It reports
findings to the record, and knows nothing of bodies, bytes or the other filters. It may raise anything: depending on its
``on_error``, the machine ends the exchange or continues without the filter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Generic, NamedTuple, Self, TypeVar

from extproc.config.compiled_routes import CompiledRoutes
from extproc.config.data_rules import NO_RULES, DataRules
from extproc.config.guards.base import GuardSection, On
from extproc.config.models import CompiledModel, CompiledVersion
from extproc.config.prompt_template import CompiledPrompt
from extproc.config.section import Mode, OnError
from extproc.domain.classification import BlockingCheck, ClassificationJob, FoundInText
from extproc.domain.errors import ApiError
from extproc.domain.finding import Evidence, Finding
from extproc.domain.pace import UNHURRIED, Pace
from extproc.domain.placeholders import Placeholders
from extproc.domain.reasons import Reason
from extproc.domain.record import Action, Coverage, ExchangeRecord
from extproc.domain.text import Direction, Stage, TextSource
from extproc.payload.dialect import Dialect
from extproc.payload.view import RequestView

_T = TypeVar("_T")


@dataclass(slots=True)
class Outbox:
    """Work that guards submit to classifiers, until the machine takes it. Most exchanges have none.

    Attributes:
        checks: verdicts to wait for before the request continues.
        jobs: texts to be classified without waiting.
        masks: what to mask in a request before it continues, by guard: each value with its mask.
    """

    checks: list[BlockingCheck] | None = None
    jobs: list[ClassificationJob] | None = None
    masks: dict[Guard, dict[str, str]] | None = field(default=None, repr=False)

    def ask(self, check: BlockingCheck) -> None:
        """Wait for one more verdict."""
        self.checks = self.checks or []
        self.checks.append(check)

    def submit(self, job: ClassificationJob) -> None:
        """Let one more text be classified."""
        self.jobs = self.jobs or []
        self.jobs.append(job)

    def mask(self, guard: Guard, masks: dict[str, str]) -> None:
        """Mask these values for a guard."""
        self.masks = self.masks or {}
        self.masks[guard] = masks


class GuardState(Generic[_T]):
    """The key under which a guard stores a value for each exchange."""

    def of(self, exchange: ExchangeContext) -> _T | None:
        """The value of an exchange; None if it has none."""
        value: _T | None = None if exchange.states is None else exchange.states.get(self)
        return value

    def put(self, exchange: ExchangeContext, value: _T) -> _T:
        """Store a value for an exchange. Returns: the value."""
        exchange.states = exchange.states or {}
        exchange.states[self] = value
        return value

    def pop(self, exchange: ExchangeContext) -> _T | None:
        """Remove the value of an exchange. Returns: the value; None if it has none."""
        value: _T | None = None if exchange.states is None else exchange.states.pop(self, None)
        return value


class ExchangeFacts(NamedTuple):
    """What is known of an exchange before its route is chosen. Nothing changes it then.

    Attributes:
        headers: of the request; empty as soon as the request was forwarded.
        unrouted: MODEL/VERSION of the versions that the calling Envoy does not route.
        egressed: those for which this Envoy calls again, in role egress, which sets the model's name and prompt.
        utc_s: when it began, since 1970. [s]
        exhausted: budgets for which routes ask, of which the caller has nothing left.
    """

    dialect: Dialect
    headers: Mapping[str, str]
    models: Mapping[str, CompiledModel]
    unrouted: frozenset[str] = frozenset()
    egressed: frozenset[str] = frozenset()
    utc_s: float = 0.0
    exhausted: frozenset[str] = frozenset()


@dataclass(slots=True)
class ExchangeContext:
    """What filters share about one exchange; ``choice`` is the chosen version."""

    facts: ExchangeFacts
    record: ExchangeRecord
    choice: CompiledVersion | None = None
    failed_open: frozenset[str] = frozenset()  # filters that are skipped for the rest of the exchange
    outbox: Outbox = field(default_factory=Outbox)
    skips: dict[str, Coverage] | None = None  # by guard: why it does not check the response
    failed_closed: str = ""  # the filter whose failure ended the exchange
    held_reports: list[Callable[[], None]] | None = None  # while it is undecided whether the text is released
    states: dict[GuardState[Any], Any] | None = None  # accessed only through the keys
    placeholders: Placeholders | None = None  # of values masked with numbers; they never outlive the exchange
    pace: Pace = UNHURRIED  # consulted between slices of the current message

    def skip(self, guard_name: str, why: Coverage) -> None:
        """Let a guard leave the response unchecked."""
        self.skips = self.skips or {}
        self.skips[guard_name] = why

    def skipped(self, guard_name: str) -> Coverage | None:
        """Why a guard does not check the response; None: it does."""
        return None if self.skips is None else self.skips.get(guard_name)

    @property
    def prompt(self) -> CompiledPrompt | None:
        """The system prompt that is to be inserted."""
        return self.choice.prompt if self.choice is not None else None

    @property
    def is_egressed(self) -> bool:
        """Whether the model's name and prompt are left to a later call, as another version may answer."""
        return self.choice is not None and self.choice.name in self.facts.egressed

    @property
    def has_prompt(self) -> bool:
        """Whether a prompt may be inserted."""
        return self.prompt is not None


@dataclass(frozen=True, slots=True)
class Resources:
    """Resources for building guards, in addition to their sections.

    Attributes:
        models: with the prompts of their versions.
        routes: with prompts of their own.
        files: text of each file named in the configuration, by its path there.
        keys: bytes of each key file, by its path; the key of this process is under ``PROCESS_KEY``.
        data_rules: whose texts may go to a provider.
    """

    models: Mapping[str, CompiledModel]
    routes: CompiledRoutes
    files: Mapping[str, str]
    keys: Mapping[str, bytes]
    data_rules: DataRules = NO_RULES

    @property
    def prompts(self) -> list[CompiledPrompt]:
        """Every system prompt that may be inserted, once."""
        versions = [version for model in self.models.values() for version in model.versions]
        prompts = [version.prompt for version in (*versions, *self.routes.versions) if version.prompt is not None]
        return list({prompt.fingerprint: prompt for prompt in prompts}.values())


_DIRECTIONS: Final[Mapping[On, frozenset[Direction]]] = {
    "request": frozenset({Direction.REQUEST}),
    "response": frozenset({Direction.RESPONSE}),
    "both": frozenset(Direction),
}


class Filter:
    """The base of all filters; its methods do nothing."""

    name: str
    directions: frozenset[Direction] = frozenset()  # which texts it checks
    changes_responses: bool = False  # whether copies of the text must be removed from responses
    cuts_responses: bool = False
    judges_out_of_band: bool = False  # whether it reports its own coverage, and is called at the end of the exchange
    judges_each_alone: bool = True  # the result for a text depends on nothing else, so it can be cached
    inserts_prompt: bool = False  # whether copies of the prompt must be removed, if the chosen version has one
    hold_ns_max: int = 0  # how long its stages may hold text of a stream; 0: no limit
    restores: bool = False  # whether responses must get back the values that it masked in their request
    judges_cut_ends: bool = False  # whether a truncated text may hold findings that ``might_match_any`` cannot predict
    numbers_values: bool = False  # whether its output depends on earlier text on other channels of the choice

    @classmethod
    def build(cls, section: Any, _: Resources) -> Self:
        """Build a filter from its section. Overridden where the constructor needs more."""
        return cls(section.mode, section.on_error)

    def __init__(self, mode: Mode, on_error: OnError) -> None:
        self.mode = mode
        self.on_error = on_error
        self.enforced = mode is Mode.ENFORCE
        self.fails_open = on_error is OnError.OPEN or not self.enforced  # a filter in shadow never ends an exchange

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Check the request and change it; an error refuses it."""
        return None

    def on_passed(self, request: RequestView, exchange: ExchangeContext) -> None:
        """Change a request that every guard has let pass. What is added here is judged by none of them."""

    def applies_to(self, source: TextSource) -> bool:
        """Whether texts of this source are checked at all. Others are counted as skipped."""
        return True

    def might_match_any(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """Whether a stage could find anything in these whole texts; true if in doubt.

        Called once for all texts that are known whole, before stages are created: most texts hold nothing.
        """
        return True

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage | None:
        """The stage for a channel that the filter ``applies_to``; None if there is nothing to check."""
        return None

    def on_verdict(self, found: Sequence[FoundInText], exchange: ExchangeContext) -> ApiError | None:
        """Process the verdict that this filter asked for; an error refuses the request."""
        return None

    def on_no_verdict(self, exchange: ExchangeContext) -> ApiError | None:
        """Go on without the verdict that this filter asked for, as it fails open; an error refuses the request."""
        return None

    def on_end(self, exchange: ExchangeContext, seen: int, whole: Coverage, not_checked: Coverage | None) -> None:
        """The exchange has ended; called if ``judges_out_of_band``, no matter how much of it the filter has seen.

        Args:
            seen: the number of response texts that the filter ``applies_to``, and accounts for.
            whole: their coverage, if they are checked.
            not_checked: why they were not checked; None if they were.
        """

    def on_choice_end(self, choice: int, cut_short: bool, exchange: ExchangeContext) -> None:
        """A choice of the response has ended by itself, and its channels are closed.

        Args: cut_short: the server ended it at the token limit, rather than the model.
        """

    def rejection(self) -> ApiError:
        """The error for the client when a stage of this filter rejects a request."""
        raise NotImplementedError


class Guard(Filter):
    """A filter that checks texts, as configured in a policy."""

    finds_data = True  # hide findings from reviewers; False: reviewers need the words to judge them
    code = ""  # of the error that the client receives on a rejection

    @classmethod
    def build(cls, section: Any, _: Resources) -> Self:
        """Build a guard from its section, likewise."""
        return cls(section)

    def __init__(self, section: GuardSection) -> None:
        self.action = Action(section.action)
        shadow = self.action is Action.SHADOW
        super().__init__(Mode.SHADOW if shadow else Mode.ENFORCE, section.on_error)
        self.name = section.name or section.guard
        self.directions = _DIRECTIONS[section.on]
        self.message = section.rejection_message
        changes = self.action in (Action.MASK, Action.BLOCK) and Direction.RESPONSE in self.directions
        self.changes_responses = changes
        self.cuts_responses = changes and self.action is Action.BLOCK
        self.is_reviewed = not shadow if section.review is None else section.review

    def rejection(self) -> ApiError:
        """The error for the client when a stage of this guard rejects a request."""
        return ApiError(400, "invalid_request_error", self.code, self.message)

    def applies_to(self, source: TextSource) -> bool:
        """True for texts of its directions; guards that check fewer override this."""
        return source.direction in self.directions

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """What led to a finding of this guard. Reads the text again, so it is not for the path."""
        return []

    def thresholds(self, speaker: str) -> dict[str, float]:
        """The lowest score with which a finding in a text of this speaker counts, by action; empty without scores."""
        return {}

    def report(
        self, exchange: ExchangeContext, direction: Direction, evidence: Evidence, action: Action | None = None
    ) -> None:
        """Count a finding and its verdict, and record it for reviewers if the configuration says so.

        Args: action: the resulting action, if it differs from the guard's own.
        """
        note = partial(self._note, exchange.record, direction, evidence, action or self.action)
        if exchange.held_reports is None:
            note()
        else:
            exchange.held_reports.append(note)

    def _note(self, record: ExchangeRecord, direction: Direction, evidence: Evidence, action: Action) -> None:
        finding = evidence.finding
        record.note_finding(self.name, direction.value, finding.kind, action.value)
        if finding.detail:
            record.note_detail(self.name, finding.kind, finding.detail)
        if self.is_reviewed and record.notes is not None:
            record.notes.add(self.name, direction.value, action.value, self.finds_data, evidence)


class FindingReporter:
    """Reports a stage's findings on one channel, with the text it saw last and the released text before it."""

    __slots__ = (
        "_begins",
        "_context_chars_max",
        "_ends",
        "_exchange",
        "_guard",
        "_passed",
        "_passed_whole",
        "_source",
        "_text",
        "_text_start",
    )

    def __init__(self, guard: Guard, source: TextSource, exchange: ExchangeContext) -> None:
        notes = exchange.record.notes
        self._guard = guard
        self._source = source
        self._exchange = exchange
        self._passed = ""
        self._context_chars_max = notes.context_chars_max if notes is not None and guard.is_reviewed else 0
        self._passed_whole = True  # nothing of the released text was dropped
        self._text = ""
        self._text_start = 0  # where the text seen last begins in ``_text``; the released text precedes it
        self._begins = self._ends = True

    def note_released(self, text: str) -> None:
        """Keep the end of the released text, if reviewers get context before a finding."""
        if self._context_chars_max:
            passed = self._passed + text
            if len(passed) > 2 * self._context_chars_max:  # not for every piece: at most twice the context is kept
                passed = passed[-self._context_chars_max :]
                self._passed_whole = False
            self._passed = passed

    def set_text(self, text: str, begins: bool = True, ends: bool = True) -> None:
        """Set the text that the positions of the next findings refer to.

        Args:
            begins: nothing precedes the text except what was released.
            ends: no later text can continue its last word.
        """
        self._text, self._text_start = self._passed + text, len(self._passed)
        self._begins, self._ends = begins and self._passed_whole, ends

    def report(self, finding: Finding) -> None:
        """Report a finding. Positions are below 0 if it starts in the released text."""
        source, first = self._source, self._text_start
        placed = replace(finding, start=max(0, finding.start + first), end=max(0, finding.end + first))
        evidence = Evidence(placed, self._text, source.speaker.value, self._begins, self._ends)
        self._guard.report(self._exchange, source.direction, evidence)


class _NullReporter(FindingReporter):
    """For a fork of a stage: the stage itself finds and reports the same findings later."""

    __slots__ = ()

    def __init__(self) -> None:
        """Belongs to no exchange."""

    def note_released(self, text: str) -> None:
        """Do nothing."""

    def set_text(self, text: str, begins: bool = True, ends: bool = True) -> None:
        """Do nothing."""

    def report(self, finding: Finding) -> None:
        """Do nothing."""


NULL_REPORTER: Final[FindingReporter] = _NullReporter()


def report_nothing(*_: object) -> None:
    """For a fork of a stage: the stage itself finds and reports the same findings later."""
