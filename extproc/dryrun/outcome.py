"""What came of a dry run: what each side got, what was found where and why, and what was not asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from extproc.config.route_reasons import RouteVerdict
from extproc.domain.budgets import BudgetStanding
from extproc.domain.finding import Evidence, Finding
from extproc.domain.reasons import Reason
from extproc.domain.record import Action, ExchangeRecord, Outcome
from extproc.domain.text import Direction
from extproc.dryrun.message import AnswerMessage, RequestMessage
from extproc.dryrun.routing import routes_tried
from extproc.dryrun.texts import SourcedText, TextPlace, answer_texts, locate, request_texts
from extproc.exchange.budget_memory import BudgetClaim
from extproc.exchange.claims import Claim
from extproc.exchange.events import ContinueBody, ContinueHeaders, ImmediateResponse
from extproc.exchange.snapshot import Snapshot
from extproc.filters.base import Guard
from extproc.payload.dialect import Dialect
from extproc.payload.endpoints import ENDPOINTS


@dataclass(frozen=True, slots=True)
class GuardFinding:
    """A finding as a guard reported it; the explanation is computed when asked for."""

    guard: str
    direction: Direction
    action: Action
    evidence: Evidence = field(repr=False)
    owner: Guard | None = field(repr=False, default=None)

    @property
    def finding(self) -> Finding:
        """Kind, score and detector."""
        return self.evidence.finding

    @property
    def words(self) -> str:
        """The found text; empty where it is not known."""
        return self.evidence.text[max(0, self.finding.start) : self.finding.end]

    @property
    def thresholds(self) -> dict[str, float]:
        """The lowest scores that count, by action."""
        return self.owner.thresholds(self.evidence.speaker) if self.owner is not None else {}

    def reasons(self) -> list[Reason]:
        """What led to it."""
        return self.owner.reasons(self.evidence) if self.owner is not None else []


class LocatedFinding(NamedTuple):
    """A finding and its place among the texts of its direction; None if it is in none of them as it was found."""

    found: GuardFinding
    place: TextPlace | None


class StreamPiece(NamedTuple):
    """What one chunk of a stream brought, what the client got for it, and what is held back since."""

    arrived: str
    released: str
    held: str


class Unasked(NamedTuple):
    """Texts that a classifier would have got. ``awaited``: the request would have waited for its verdict."""

    guard: str
    classifier: str
    direction: Direction
    texts: int
    awaited: bool


@dataclass(frozen=True, slots=True)
class DryRun:
    """One exchange.

    Attributes:
        model: the body for the model server; None if the request was not forwarded.
        answer: what the client gets of the answer, with the headers that are left; None without an answer.
        reply: the processor's own reply to the client, in place of the answer.
        broken_off: the response was cut off, because it can no longer be replaced.
        errors: internal failures.
        utc_s: when the exchange is taken to begin, since 1970. [s]
        claim: what it takes of the rate limits that apply; None if none does.
        budgets: that act, of who asks.
    """

    snapshot: Snapshot
    record: ExchangeRecord
    request: RequestMessage
    upstream: AnswerMessage | None
    model: bytes | None = field(default=None, repr=False)
    answer: AnswerMessage | None = field(default=None, repr=False)
    reply: ImmediateResponse | None = None
    broken_off: bool = False
    changes: tuple[ContinueHeaders | ContinueBody, ...] = ()
    found: tuple[GuardFinding, ...] = ()
    pieces: tuple[StreamPiece, ...] = ()
    unasked: tuple[Unasked, ...] = ()
    errors: tuple[BaseException, ...] = ()
    utc_s: float = 0.0
    claim: Claim | None = None
    budgets: tuple[BudgetClaim, ...] = ()

    @property
    def dialect(self) -> Dialect | None:
        """The API that is spoken; None for a path that is passed on or refused."""
        return ENDPOINTS.get(self.request.path.partition("?")[0])

    @property
    def routes_tried(self) -> tuple[RouteVerdict, ...]:
        """The routes up to the one that was taken; empty without routes."""
        asked = [one for one in self.budgets if not one.keyed.budget.blocks]
        exhausted = frozenset(one.keyed.budget.name for one in asked if one.standing is BudgetStanding.EXHAUSTED)
        return routes_tried(self.snapshot, self.request, self.dialect, self.record, self.utc_s, exhausted)

    @property
    def is_denied(self) -> bool:
        """Whether the route that was taken leads nowhere."""
        return any(route.denies and route.name == self.record.route for route in self.snapshot.routes.routes)

    @property
    def is_refused(self) -> bool:
        """Whether a client would get an error, or less of the answer than the model gave."""
        failed = self.record.outcome in (Outcome.REJECTED, Outcome.CUT, Outcome.FAILED)
        return failed or self.broken_off or (self.reply is not None and self.reply.status >= 400)

    @property
    def blocking_guards(self) -> tuple[str, ...]:
        """The guards that refused the request, or ended the answer."""
        if not self.is_refused:
            return ()
        blocked = [guard for guard, _, action in self.record.verdicts if action == Action.BLOCK]
        return tuple(dict.fromkeys(blocked))

    def texts(self, direction: Direction) -> list[SourcedText]:
        """The texts of the request, or of the answer, as they came."""
        if self.dialect is None:
            return []
        if direction is Direction.REQUEST:
            return request_texts(self.request.body, self.dialect, self.snapshot.requests)
        return answer_texts(self.upstream, self.dialect) if self.upstream is not None else []

    def texts_after(self, direction: Direction) -> list[SourcedText]:
        """The texts that the model server, or the client, gets."""
        if self.dialect is None:
            return []
        if direction is Direction.REQUEST:
            return [] if self.model is None else request_texts(self.model, self.dialect, self.snapshot.requests)
        return answer_texts(self.answer, self.dialect) if self.answer is not None else []

    def located(self) -> Iterator[LocatedFinding]:
        """The findings with their places."""
        texts: dict[Direction, Sequence[SourcedText]] = {one: self.texts(one) for one in Direction}
        taken: dict[tuple[str, str], list[TextPlace]] = {}
        for found in self.found:
            places = taken.setdefault((found.guard, found.finding.kind), [])
            place = locate(found.evidence, found.direction, texts[found.direction], places)
            if place is not None:
                places.append(place)
            yield LocatedFinding(found, place)


def with_owners(found: Sequence[GuardFinding], guards: Sequence[Guard]) -> tuple[GuardFinding, ...]:
    """The findings, each with the guard that can explain it."""
    by_name = {guard.name: guard for guard in guards}
    return tuple(replace(one, owner=by_name.get(one.guard)) for one in found)
