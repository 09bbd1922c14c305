"""The state of one exchange, and its end. ``machine`` defines the effect of each event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from extproc.domain.classification import ClassificationJob
from extproc.domain.errors import ApiError
from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.review import FindingNotes
from extproc.domain.text import Direction
from extproc.exchange import ending
from extproc.exchange.budgeting import Budgeting
from extproc.exchange.clean_texts import CleanTexts
from extproc.exchange.endpoint_picks import EndpointPick, EndpointPicks
from extproc.exchange.events import Command, Step
from extproc.exchange.limiting import Limiting
from extproc.exchange.open_waits import OpenWaits
from extproc.exchange.phases import Phase
from extproc.exchange.response import ResponseHandler
from extproc.exchange.snapshot import Snapshot
from extproc.exchange.token_counts import TokenCounts
from extproc.exchange.used_marks import UsedMarks
from extproc.filters.base import ExchangeContext
from extproc.payload.dialect import Dialect
from extproc.payload.endpoints import CHAT
from extproc.payload.view import RequestView

_COMPUTED: Final = frozenset({Outcome.COMPLETED, Outcome.CUT, Outcome.FAILED, Outcome.ABORTED})


class ExchangeState:
    """The state of one exchange.

    Attributes:
        errors: the dialect of error messages.
        guarded: whether the responses of this path are read and judged.
        policy: the chosen policy; until then the last one, which matches every request.
        response: the handler of the response's body, once its headers have arrived.
        open_waits: what the request waits for.
        limiting: what it has to do with rate limits; None without them.
        budgeting: what it has to do with budgets; None if none acts.
        picks, pick: what is known of endpoints, and the one that was picked for this request.
        refusal: why no request may be sent on now, if so.
        used_marks: what hops in front have vouched for; None: nobody remembers it.
        trace_seed: chance, for the ids of its span.
        forwarded: whether the model server has the request.
        ended: whether the record was handed out.
        hop: the trusted listener of Envoy through which the request came; empty: the one for clients.
        body_digest: keyed digest of the request's body as it is sent on, for its mark; empty: it gets none.
        awaits_encoded: whether the next message may be a short encoding of a long text.
        cors: headers for a web page that may read the reply.
    """

    __slots__ = (
        "awaits_encoded",
        "body_digest",
        "budgeting",
        "clean_texts",
        "cors",
        "ended",
        "errors",
        "exchange",
        "forwarded",
        "guarded",
        "hop",
        "limiting",
        "open_waits",
        "phase",
        "pick",
        "picks",
        "policy",
        "record",
        "refusal",
        "request",
        "response",
        "snapshot",
        "tokens",
        "trace_seed",
        "used_marks",
    )

    def __init__(
        self,
        snapshot: Snapshot,
        exchange: ExchangeContext,
        tokens: TokenCounts,
        clean_texts: CleanTexts | None,
        picks: EndpointPicks | None,
        hop: str = "",
        refusal: ApiError | None = None,
        trace_seed: int = 0,
    ) -> None:
        self.snapshot = snapshot
        self.exchange = exchange
        self.record: ExchangeRecord = exchange.record
        self.tokens = tokens
        self.clean_texts = clean_texts
        self.picks = picks
        self.hop = hop
        self.refusal = refusal
        self.trace_seed = trace_seed
        self.pick: EndpointPick | None = None
        self.phase = Phase.REQUEST_HEADERS
        self.errors: Dialect = CHAT
        self.guarded = False
        self.policy = snapshot.policies[-1]
        self.request: RequestView | None = None
        self.response: ResponseHandler | None = None
        self.open_waits: OpenWaits | None = None
        self.limiting: Limiting | None = None
        self.budgeting: Budgeting | None = None
        self.forwarded = False
        self.ended = False
        self.awaits_encoded = False
        self.body_digest = ""
        self.used_marks: UsedMarks | None = None
        self.cors: tuple[tuple[str, str], ...] = ()
        if snapshot.logs_text:
            self.record.texts = {}
        if snapshot.reviews:
            self.record.notes = FindingNotes(snapshot.excerpt_chars_max)

    def take_jobs(self) -> Sequence[ClassificationJob]:
        """The jobs that guards have submitted since the last call."""
        jobs = self.exchange.outbox.jobs
        if jobs is None:
            return ()
        self.exchange.outbox.jobs = None
        return jobs

    def end(self, commands: list[Command], now_ns: int, phase: Phase = Phase.DONE) -> Step:
        """End the exchange with these commands, if it has not ended yet, and enter the given phase."""
        self.phase = phase
        if self.ended:
            return Step(commands)
        self.ended = True
        if self.forwarded and self.record.usage is None and self.record.outcome in _COMPUTED:
            self._measure_unfinished(now_ns)
        ending.settle(self.record, self.tokens, now_ns)
        if self.limiting is not None:
            self.limiting.end(self.forwarded, now_ns)
        if self.budgeting is not None:
            self.budgeting.end()
        if self.pick is not None:
            self.pick.ends()
            if self.forwarded:  # a client that left before an answer began: Envoy has not said whom it asked
                self.record.server = self.record.server or self.pick.endpoint
        if self.exchange.placeholders is not None:
            self.exchange.placeholders.forget()
        sources = self.response.sources if self.response is not None else ()
        if self.guarded and self.record.policy:
            ending.note_response_coverage(self.policy.response_filters, sources, self.exchange)
            if self.policy.skipped:
                ending.note_skipped(self.policy.skipped, Direction.RESPONSE, self.record)
        if self.snapshot.keeps_ledger and sources:
            ending.note_tool_calls(self.record, sources)
        error = None
        if self.record.policy and self.policy.on_end_guards:
            error = ending.finish_guards(self.policy.on_end_guards, sources if self.guarded else (), self.exchange)
        return Step(commands, self.record, jobs=self.take_jobs(), error=error)

    def _measure_unfinished(self, now_ns: int) -> None:
        """Measure a forwarded request whatever failed: the server has computed something."""
        if self.response is None or not self.response.measure_unfinished():
            ending.measure_unseen(self.record, self.exchange.facts.dialect, self.tokens, now_ns)
