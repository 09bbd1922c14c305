"""What a filter is: one policy, written once for every dialect, streamed and not.

A filter may look at the whole request (``on_request``) and may put a stage on any channel (``stage``). It reports
what it found to the record and knows nothing of bodies, bytes or the other filters. It may raise anything: the
machine ends the exchange, or goes on without it, as its ``on_error`` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from extproc.config.guards.base import GuardSection, On
from extproc.config.models import CompiledModel, CompiledVersion
from extproc.config.section import Mode, OnError
from extproc.domain.beside import Ask, Found, Judgement
from extproc.domain.errors import ApiError
from extproc.domain.finding import Finding
from extproc.domain.record import Action, ExchangeRecord
from extproc.domain.text import Direction, Stage, TextSource
from extproc.payload.dialect import Dialect
from extproc.payload.view import RequestView


@dataclass(slots=True)
class ExchangeFacts:
    """What filters share about one exchange; ``choice`` is the version they settled on."""

    dialect: Dialect
    headers: Mapping[str, str]
    models: Mapping[str, CompiledModel]
    record: ExchangeRecord
    choice: CompiledVersion | None = None
    failed_open: set[str] = field(default_factory=set)  # filters that are left out of the rest
    asks: list[Ask] = field(default_factory=list)  # verdicts to wait for before the request goes on
    judgements: list[Judgement] = field(default_factory=list)  # not handed on yet
    gathered: dict[tuple[str, TextSource], Any] = field(default_factory=dict)  # by filters that judge beside


_DIRECTIONS: Mapping[On, frozenset[Direction]] = {
    "request": frozenset({Direction.REQUEST}),
    "response": frozenset({Direction.RESPONSE}),
    "both": frozenset(Direction),
}


class Filter:
    """The base of all filters: does nothing, in order."""

    name: str
    directions: frozenset[Direction] = frozenset()  # where it looks at text: what coverage counts
    changes_answers: bool = False  # whether copies of the text must be dropped from answers
    cuts_answers: bool = False
    judges_beside: bool = False  # whether it says itself what it has seen, and is told of the exchange's end
    changes_prompt: bool = False  # whether copies of the prompt must be dropped: they would show our own words

    def __init__(self, mode: Mode, on_error: OnError) -> None:
        self.mode = mode
        self.on_error = on_error
        self.fails_open = on_error is OnError.OPEN
        self.enforced = mode is Mode.ENFORCE

    def on_request(self, request: RequestView, exchange: ExchangeFacts) -> ApiError | None:
        """Look at the request and change it; an error refuses it."""
        return None

    def may_find(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """Whether a stage could find anything in these whole texts; true if in doubt.

        Asked once for all texts that are known whole, before a stage is put on each: most hold nothing.
        """
        return True

    def stage(self, source: TextSource, exchange: ExchangeFacts) -> Stage | None:
        """The stage for one channel, or None where the filter has nothing to look for."""
        return None

    def on_verdict(self, found: Sequence[Found], exchange: ExchangeFacts) -> ApiError | None:
        """Take the verdict that this filter has asked for; an error refuses the request."""
        return None

    def on_end(self, exchange: ExchangeFacts) -> None:
        """The exchange has ended; called where ``judges_beside``, whatever the filter has seen of it."""

    def rejection(self) -> ApiError:
        """What the client reads when a stage of this filter rejected a request."""
        raise NotImplementedError


class Guard(Filter):
    """A filter that judges texts as a policy says."""

    def __init__(self, section: GuardSection, guard: str, on: On, action: str, message: str = "") -> None:
        shadow = action == Action.SHADOW
        super().__init__(Mode.SHADOW if shadow else Mode.ENFORCE, section.on_error)
        self.name = section.name or guard
        self.directions = _DIRECTIONS[on]
        self.action = Action(action)
        self.message = message
        changes = self.action in (Action.MASK, Action.BLOCK) and Direction.RESPONSE in self.directions
        self.changes_answers = changes
        self.cuts_answers = changes and self.action is Action.BLOCK

    def report(self, exchange: ExchangeFacts, direction: Direction, finding: Finding) -> None:
        """Count one finding and the verdict it led to."""
        exchange.record.note_finding(self.name, direction.value, finding.kind, self.action.value)
