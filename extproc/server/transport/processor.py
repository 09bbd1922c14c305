"""What all gRPC streams of a process share: the snapshot, memories, limits, classifiers and sinks.

A transport owns bytes, streams and backpressure; it opens one ``Session`` per gRPC stream.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Final

from extproc.domain.classification import BlockingCheck, ClassificationJob
from extproc.domain.feedback import FeedbackClaim
from extproc.exchange.budget_memory import BudgetMemory
from extproc.exchange.claims import Claim
from extproc.exchange.clean_texts import CleanTexts
from extproc.exchange.endpoint_picks import EndpointPicks
from extproc.exchange.events import FeedbackAnswered, LimitsAnswered, VerdictMissing, VerdictReceived, Wait
from extproc.exchange.learned_rates import LearnedRates
from extproc.exchange.snapshot import Snapshot
from extproc.exchange.used_marks import UsedMarks
from extproc.rate_limits.local import LocalLimits
from extproc.server.operations.json_log import where
from extproc.server.transport.envoy_routes import EnvoyRoutes
from extproc.server.transport.long_messages import LongMessageMeter, LongMessages
from extproc.server.transport.record_sinks import RecordSinks, Sink
from extproc.server.transport.services import (
    BudgetService,
    ClassifierService,
    ExchangeLedger,
    FeedbackService,
    LimitService,
    TokenService,
)
from extproc.server.transport.session import Session

MESSAGE_FRAMING_BYTES: Final = 1_048_576  # overhead of an Envoy message around a body
_JUDGE_LATE_S_MAX: Final = 0.1
"""Tolerance after a classifier's deadline. [s]"""
METHOD: Final = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"


class Processor:
    """Opens sessions on the current snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        sinks: list[Sink],
        on_step: Callable[[str, int], None],
        logger: Any,
        judge: ClassifierService | None = None,
        meter: LongMessageMeter | None = None,
        limiter: LimitService | None = None,
        ledger: ExchangeLedger | None = None,
        budgets: BudgetService | None = None,
        counter: TokenService | None = None,
        feedback: FeedbackService | None = None,
    ) -> None:
        self._snapshot = snapshot
        self.counter = counter
        self._feedback = feedback
        self.records = RecordSinks(sinks, ledger, counter, logger)
        self.cancels = False  # streams that end now are ended by us: the drain is over
        self.long_messages = LongMessages(meter)
        self._classifiers = judge
        self.inflight = 0
        self.on_step = on_step
        self.logger = logger
        self.clean_texts = CleanTexts(secrets.token_bytes(32), snapshot.limits.clean_texts_max)
        self.learned_rates = LearnedRates()
        self.picks = EndpointPicks()
        self.used_marks = UsedMarks(Lock())
        self.limiter: LimitService = LocalLimits() if limiter is None else limiter
        self.limiter.configure(snapshot.rate_limits)
        self.budgets: BudgetService = BudgetMemory(Lock()) if budgets is None else budgets
        self.budgets.configure(snapshot.budgets)
        if counter is not None:
            counter.configure(snapshot.tokenizers)
        self.envoy_routes = EnvoyRoutes(snapshot)
        self._id_prefix = secrets.token_hex(6)
        self._id_number = itertools.count(1)

    @property
    def snapshot(self) -> Snapshot:
        """The configuration for the next exchange."""
        return self._snapshot

    @snapshot.setter
    def snapshot(self, snapshot: Snapshot) -> None:
        if self._classifiers is not None:
            self._classifiers.configure(snapshot.classifiers)
        self.limiter.configure(snapshot.rate_limits)
        self.budgets.configure(snapshot.budgets)
        if self.counter is not None:
            self.counter.configure(snapshot.tokenizers)
        self._snapshot = snapshot
        self.envoy_routes.use(snapshot)

    def open(self, routes: bytes = b"", egress: bytes = b"", hop: bytes = b"") -> Session:
        """A session for one gRPC stream.

        Args:
            routes: what Envoy states of its routes with the call.
            egress: MODEL/VERSION whose model server gets the request next; empty in the call of the listener.
            hop: the trusted listener that calls; empty: the one for clients.
        """
        return Session(self, routes, egress, hop)

    def next_id(self) -> str:
        """The id of an exchange: unique across processes and restarts."""
        return f"{self._id_prefix}-{next(self._id_number):x}"

    async def answer(self, wait: Wait) -> VerdictReceived | VerdictMissing | LimitsAnswered | FeedbackAnswered:
        """What a request waits for; always returns in time."""
        if isinstance(wait, FeedbackClaim):
            return FeedbackAnswered(wait if self._feedback is None else await self._feedback.ask(wait))
        if isinstance(wait, Claim):
            await self.limiter.ask(wait)
            return LimitsAnswered(wait)
        return await self._verdict(wait)

    async def _verdict(self, check: BlockingCheck) -> VerdictReceived | VerdictMissing:
        """The result of a blocking check, or its expiry; always returns in time."""
        if self._classifiers is None:
            return VerdictMissing(check, "no_classifier")
        try:
            async with asyncio.timeout(check.wait_ms / 1_000 + _JUDGE_LATE_S_MAX):
                return await self._classifiers.check(check)
        except TimeoutError:
            return VerdictMissing(check, "deadline")
        except Exception as error:
            self.logger.error("classifier failed", error=type(error).__name__, where=where(error))
            return VerdictMissing(check, "failed")

    def submit(self, jobs: Sequence[ClassificationJob]) -> None:
        """Queue texts for classification; failures never affect the exchange."""
        if self._classifiers is None:
            return
        for job in jobs:
            try:
                self._classifiers.submit(job)
            except Exception as error:
                self.logger.error("classifier failed", error=type(error).__name__, where=where(error))
