"""What a filter is: one policy, written once for every dialect, streamed and not.

A filter may look at the whole request (``on_request``) and may put a stage on any channel (``stage``). It reports
what it found to the record and knows nothing of bodies, bytes or the other filters. It may raise anything: the
machine ends the exchange, or goes on without it, as its ``on_error`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, Self, TypeVar, cast

from extproc.config.guards.base import GuardSection, On
from extproc.config.models import CompiledModel, CompiledVersion
from extproc.config.section import Mode, OnError
from extproc.domain.classification import Ask, ClassificationJob, FoundInText
from extproc.domain.errors import ApiError
from extproc.domain.finding import Evidence, Finding
from extproc.domain.pace import UNHURRIED, Pace
from extproc.domain.placeholders import Placeholders
from extproc.domain.record import Action, Coverage, ExchangeRecord
from extproc.domain.text import Direction, Stage, TextSource
from extproc.payload.dialect import Dialect
from extproc.payload.view import RequestView

_T = TypeVar("_T")


@dataclass(slots=True)
class Outbox:
    """What guards want from classifiers, until the machine hands it on.

    Attributes:
        asks: verdicts to wait for before the request goes on.
        judgments: texts to be judged without waiting.
    """

    asks: list[Ask] = field(default_factory=list)
    judgments: list[ClassificationJob] = field(default_factory=list)


class GuardState(Generic[_T]):
    """The key under which a guard keeps a value for each exchange."""

    def of(self, exchange: ExchangeFacts) -> _T | None:
        """The value of an exchange, if it has one."""
        return cast("_T | None", exchange.states.get(self))

    def put(self, exchange: ExchangeFacts, value: _T) -> _T:
        """Keep a value for an exchange. Returns: the value."""
        exchange.states[self] = value
        return value

    def pop(self, exchange: ExchangeFacts) -> _T | None:
        """Remove the value of an exchange. Returns: the value, if it had one."""
        return cast("_T | None", exchange.states.pop(self, None))


@dataclass(slots=True)
class ExchangeFacts:
    """What filters share about one exchange; ``choice`` is the version they settled on."""

    dialect: Dialect
    headers: Mapping[str, str]
    models: Mapping[str, CompiledModel]
    record: ExchangeRecord
    choice: CompiledVersion | None = None
    failed_open: set[str] = field(default_factory=set)  # filters that are left out of the rest
    outbox: Outbox = field(default_factory=Outbox)
    skips: dict[str, Coverage] = field(default_factory=dict)  # by a guard's name, why it does not judge the answer
    failed_closed: str = ""  # the filter that ended the exchange by its failure
    held_reports: list[Callable[[], None]] | None = None  # while it is open whether what is found is let through
    states: dict[GuardState[Any], Any] = field(default_factory=dict)  # read and written through the keys alone
    placeholders: Placeholders | None = None  # of values that were masked by numbers; never outlive the exchange
    pace: Pace = UNHURRIED  # asked between slices of the message at hand

    @property
    def has_prompt(self) -> bool:
        """Whether the chosen version has a prompt of its own."""
        return self.choice is not None and bool(self.choice.prompt)


@dataclass(frozen=True, slots=True)
class Resources:
    """What guards are built from beside their sections.

    Attributes:
        models: with the prompts of their versions.
        files: text of each file that the configuration names, by its path there.
        keys: bytes of each key file, by its path; by ``PROCESS_KEY`` the key of this process.
    """

    models: Mapping[str, CompiledModel]
    files: Mapping[str, str]
    keys: Mapping[str, bytes]


_DIRECTIONS: Mapping[On, frozenset[Direction]] = {
    "request": frozenset({Direction.REQUEST}),
    "response": frozenset({Direction.RESPONSE}),
    "both": frozenset(Direction),
}


class Filter:
    """The base of all filters: does nothing, in order."""

    name: str
    directions: frozenset[Direction] = frozenset()  # where it looks at text
    changes_answers: bool = False  # whether copies of the text must be dropped from answers
    cuts_answers: bool = False
    judges_out_of_band: bool = False  # whether it says itself what it has seen, and is told of the exchange's end
    judges_each_alone: bool = True  # what it makes of a text depends on nothing else: a known one is not judged again
    changes_prompt: bool = False  # whether copies of the prompt must be dropped: they would show our own words
    inserts_prompt: bool = False  # the same where the chosen version has a prompt
    hold_ns_max: int = 0  # how long its stages may hold back text of a stream; 0: as long as it takes
    restores: bool = False  # whether answers must have back what it masked in their request
    judges_cut_ends: bool = False  # whether a text that was cut off may hold more for it than ``may_find`` can tell
    numbers_values: bool = False  # whether what it writes depends on what came earlier on a choice's other channels

    def __init__(self, mode: Mode, on_error: OnError) -> None:
        self.mode = mode
        self.on_error = on_error
        self.enforced = mode is Mode.ENFORCE
        self.fails_open = on_error is OnError.OPEN or not self.enforced  # what only counts never ends an exchange

    def on_request(self, request: RequestView, exchange: ExchangeFacts) -> ApiError | None:
        """Look at the request and change it; an error refuses it."""
        return None

    def sees(self, source: TextSource) -> bool:
        """Whether texts of this source are judged at all. What is not judged is counted as skipped."""
        return True

    def may_find(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """Whether a stage could find anything in these whole texts; true if in doubt.

        Asked once for all texts that are known whole, before a stage is put on each: most hold nothing.
        """
        return True

    def stage(self, source: TextSource, exchange: ExchangeFacts) -> Stage | None:
        """The stage for one channel that the filter ``sees``, or None where it has nothing to look for."""
        return None

    def on_verdict(self, found: Sequence[FoundInText], exchange: ExchangeFacts) -> ApiError | None:
        """Take the verdict that this filter has asked for; an error refuses the request."""
        return None

    def on_end(self, exchange: ExchangeFacts, seen: int, whole: Coverage, not_checked: Coverage | None) -> None:
        """The exchange has ended; called where ``judges_out_of_band``, whatever the filter has met of it.

        Args:
            seen: the answer's texts that the filter ``sees``, which it accounts for.
            whole: what became of them, if they are judged. not_checked: why they were not, if so.
        """

    def on_choice_end(self, choice: int, cut_short: bool, exchange: ExchangeFacts) -> None:
        """One choice of the answer has come to its own end, and its channels were closed.

        Args:
            cut_short: the server ended it at the greatest number of tokens, not where the model would have.
        """

    def rejection(self) -> ApiError:
        """What the client reads when a stage of this filter rejected a request."""
        raise NotImplementedError


class Guard(Filter):
    """A filter that judges texts as a policy says."""

    finds_data = True  # what it finds must be hidden from reviewers; False: words that they must read to judge it
    code = ""  # of the error that the client reads where it rejects

    @classmethod
    def build(cls, section: Any, _: Resources) -> Self:
        """A guard of a section of its own. Overridden by guards whose constructor needs some of the resources."""
        return cls(section)

    def __init__(self, section: GuardSection) -> None:
        self.action = Action(section.action)
        shadow = self.action is Action.SHADOW
        super().__init__(Mode.SHADOW if shadow else Mode.ENFORCE, section.on_error)
        self.name = section.name or section.guard
        self.directions = _DIRECTIONS[section.on]
        self.message = section.rejection_message
        changes = self.action in (Action.MASK, Action.BLOCK) and Direction.RESPONSE in self.directions
        self.changes_answers = changes
        self.cuts_answers = changes and self.action is Action.BLOCK
        self.is_reviewed = not shadow if section.review is None else section.review

    def rejection(self) -> ApiError:
        """What the client reads when a stage of this guard rejected a request."""
        return ApiError(400, "invalid_request_error", self.code, self.message)

    def sees(self, source: TextSource) -> bool:
        """Texts of its directions; a guard that judges fewer says so here."""
        return source.direction in self.directions

    def report(
        self, exchange: ExchangeFacts, direction: Direction, evidence: Evidence, action: Action | None = None
    ) -> None:
        """Count one finding and the verdict it led to, and note it for people where the configuration says so.

        Args: action: what it led to, if not to the guard's own action.
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


class Witness:
    """Reports what a stage finds on one channel, with the text that it was shown last and what has passed before."""

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

    def __init__(self, guard: Guard, source: TextSource, exchange: ExchangeFacts) -> None:
        notes = exchange.record.notes
        self._guard = guard
        self._source = source
        self._exchange = exchange
        self._passed = ""
        self._context_chars_max = notes.context_chars_max if notes is not None and guard.is_reviewed else 0
        self._passed_whole = True  # nothing of what has passed was forgotten
        self._text = ""
        self._text_start = 0  # in ``_text`` of what was shown last: before it stands what has passed
        self._begins = self._ends = True

    def pass_by(self, text: str) -> None:
        """Keep the end of what is let pass, where people are to read what stood before a finding."""
        if self._context_chars_max:
            passed = self._passed + text
            if len(passed) > 2 * self._context_chars_max:  # not at every piece: a note keeps no more than it needs
                passed = passed[-self._context_chars_max :]
                self._passed_whole = False
            self._passed = passed

    def see(self, text: str, begins: bool = True, ends: bool = True) -> None:
        """Look at the text that the next findings give places of.

        Args:
            begins: nothing stood before it, but for what has passed.
            ends: nothing that is still to come can go on with its last word.
        """
        self._text, self._text_start = self._passed + text, len(self._passed)
        self._begins, self._ends = begins and self._passed_whole, ends

    def tell(self, finding: Finding) -> None:
        """Report a finding. Places before the text, if it was found with what has passed, are below 0."""
        source, first = self._source, self._text_start
        placed = replace(finding, start=max(0, finding.start + first), end=max(0, finding.end + first))
        evidence = Evidence(placed, self._text, source.speaker.value, self._begins, self._ends)
        self._guard.report(self._exchange, source.direction, evidence)


class _Nobody(Witness):
    """For a fork of a stage: what it finds is found again, and told, by the stage itself."""

    __slots__ = ()

    def __init__(self) -> None:
        """It belongs to no exchange."""

    def pass_by(self, text: str) -> None:
        """Keep nothing."""

    def see(self, text: str, begins: bool = True, ends: bool = True) -> None:
        """Look away."""

    def tell(self, finding: Finding) -> None:
        """Keep silent."""


NOBODY: Witness = _Nobody()


def tell_nobody(*_: object) -> None:
    """What a fork of a stage finds is found again, and told, by the stage itself."""
