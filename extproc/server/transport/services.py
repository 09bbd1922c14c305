"""The services of a processor: classifiers, the keepers of rate limits and of budgets, the ledger, and what counts
tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from extproc.config.classifiers import Classifier
from extproc.config.compiled_budgets import CompiledBudgets
from extproc.config.compiled_rate_limits import CompiledRateLimits
from extproc.domain.classification import BlockingCheck, ClassificationJob
from extproc.domain.errors import ApiError
from extproc.domain.feedback import FeedbackClaim
from extproc.domain.record import ExchangeRecord
from extproc.exchange.budget_memory import BudgetKeeper
from extproc.exchange.claims import Claim, Limiter
from extproc.exchange.events import VerdictMissing, VerdictReceived


class ExchangeLedger(Protocol):
    """Learns of exchanges that a model server has, before they end."""

    @property
    def refusal(self) -> ApiError | None:
        """Why no new exchange may begin now, if so."""
        ...

    def exchange_sent(self, record: ExchangeRecord) -> None:
        """The request of this exchange was sent on. Must not block."""
        ...

    def exchange_ends(self, record: ExchangeRecord) -> None:
        """This exchange has ended, and its tokens are being counted: ``exchange_ended`` follows. Must not block."""
        ...


class TokenService(Protocol):
    """Counts the tokens of exchanges without reported usage, with the tokenizer of their model."""

    def configure(self, tokenizers: Mapping[str, str]) -> None:
        """Replace the tokenizers; called between two exchanges. Args: tokenizers: SHA-256 of each, by file."""
        ...

    def take(self, record: ExchangeRecord, publish: Callable[[ExchangeRecord], None]) -> bool:
        """Whether it counts this exchange, and passes its record to ``publish`` afterwards. Must not block."""
        ...

    async def close(self, wait_s: float) -> None:
        """Publish all records; count what waits for a while. [s]"""
        ...


class ClassifierService(Protocol):
    """Runs classifiers out of band."""

    def configure(self, classifiers: Mapping[str, Classifier]) -> None:
        """Replace the classifiers; called between two exchanges."""
        ...

    def submit(self, job: ClassificationJob) -> None:
        """Queue texts for classification. Must not block."""
        ...

    async def check(self, check: BlockingCheck) -> VerdictReceived | VerdictMissing:
        """The result that a request waits for, before its deadline. Cancelled when the client is gone."""
        ...


class BudgetService(BudgetKeeper, Protocol):
    """Knows what is left of budgets."""

    def configure(self, budgets: CompiledBudgets | None) -> None:
        """Replace the budgets; called between two exchanges. What is counted stays."""
        ...


class FeedbackService(Protocol):
    """Takes feedback of users."""

    async def ask(self, claim: FeedbackClaim) -> FeedbackClaim:
        """Let the store take a feedback, before its deadline. Never raises. Returns: what became of it."""
        ...


class LimitService(Limiter, Protocol):
    """Keeps rate limits, here or in a store that all processors share."""

    def configure(self, limits: CompiledRateLimits | None) -> None:
        """Replace the limits; called between two exchanges. What is reserved stays."""
        ...

    async def close(self, wait_s: float) -> None:
        """Send what is to be settled, for a while. [s]"""
        ...

    async def ask(self, claim: Claim) -> None:
        """Let the store decide a claim, before its deadline. Never raises; cancelled when the client is gone."""
        ...
