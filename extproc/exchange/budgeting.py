"""The budgets of one exchange: looked at before its route, refused early, counted while it runs, settled at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from extproc.config.compiled_budgets import CompiledBudgets
from extproc.domain.budgets import BudgetAct, BudgetStanding, taken_at_end
from extproc.domain.errors import ApiError, PayloadRefused
from extproc.domain.record import ExchangeRecord
from extproc.domain.usage import Usage, cost_of
from extproc.exchange.budget_errors import exhausted_error, reserved_error, unknown_error
from extproc.exchange.budget_memory import BudgetClaim, BudgetKeeper
from extproc.exchange.token_counts import TokenCounts
from extproc.exchange.usage_estimates import COUNTS_NOTHING, estimated_usage, learn_length
from extproc.filters.base import ExchangeContext

_NONE: Final[frozenset[str]] = frozenset()
_NOTHING_LEFT: Final = (BudgetStanding.EXHAUSTED, BudgetStanding.RESERVED)
_NS_PER_US: Final = 1_000
_US_PER_S: Final = 1_000_000


class Budgeting:
    """What an exchange has to do with budgets. Args: utc_s: when it began, since 1970. [s]"""

    __slots__ = ("_budgets", "_claims", "_keeper", "_record", "_tokens", "_utc_us")

    def __init__(
        self,
        budgets: CompiledBudgets,
        keeper: BudgetKeeper,
        record: ExchangeRecord,
        tokens: TokenCounts,
        utc_s: float,
    ) -> None:
        self._budgets = budgets
        self._keeper = keeper
        self._record = record
        self._tokens = tokens
        self._utc_us = int(utc_s * _US_PER_S)
        self._claims: Sequence[BudgetClaim] = ()

    @property
    def claims(self) -> Sequence[BudgetClaim]:
        """The budgets that it has."""
        return self._claims

    def begin(self, now_ns: int) -> frozenset[str]:
        """Look at the budgets of who asks. Returns: the exhausted ones for which routes ask."""
        keyed = self._budgets.of(self._record)
        claims = self._claims = self._keeper.look(keyed, self._utc_us, now_ns) if keyed else ()
        exhausted = [one.keyed.budget.name for one in claims if not one.must_fit and one.standing in _NOTHING_LEFT]
        return frozenset(exhausted) if exhausted else _NONE

    def check(self, exchange: ExchangeContext, now_ns: int) -> None:
        """Refuse early, once it is known where the request goes. Raises: PayloadRefused (429, 503)."""
        refusing: BudgetClaim | None = None
        for claim in self._claims:
            standing = claim.standing
            if standing is BudgetStanding.UNKNOWN:
                if not claim.keyed.budget.blocks_unknown:
                    self._note(claim, BudgetAct.UNKNOWN_ALLOWED)
                elif refusing is None and not self._takes_nothing(claim, exchange):
                    refusing = claim
            elif standing is not BudgetStanding.HAS_ROOM:
                if not claim.must_fit:
                    self._note_downgrade(claim)
                elif self._takes_nothing(claim, exchange):
                    claim.must_fit = False
                elif refusing is None or _severity(claim) > _severity(refusing):
                    refusing = claim
        if refusing is not None:
            raise PayloadRefused(self._refusal(refusing, now_ns))

    def reserve(self, exchange: ExchangeContext, now_ns: int) -> None:
        """Count it as in flight, by an estimate. Raises: PayloadRefused (429) if nothing is left any more."""
        if not self._claims:
            return
        estimate = estimated_usage(self._record, self._tokens, self._tokens.size, self._keeper.lengths)
        version = self._record.version
        cost = 0 if version is None else cost_of(estimate, version.prices)
        for claim, amount in zip(self._claims, self._amounts(estimate, cost), strict=True):
            claim.amount = amount
        while (refusing := self._keeper.reserve(self._claims, now_ns)) is not None:
            if not self._takes_nothing(refusing, exchange):
                raise PayloadRefused(self._refusal(refusing, now_ns))
            refusing.must_fit = False

    def end(self) -> None:
        """The record is complete: settle."""
        if not self._claims:
            return
        record, usage = self._record, self._record.usage
        used = [0] * len(self._claims)
        if usage is not None:
            used = self._amounts(usage, record.cost_micro_usd)
        record.spent = self._keeper.settle(self._claims, used)
        learn_length(record, self._tokens, self._keeper.lengths)

    def _amounts(self, usage: Usage, cost: int) -> list[int]:
        """What a usage takes of each of its budgets."""
        tokens = usage.prompt + usage.completion
        return [taken_at_end(one.keyed.budget.of, tokens, cost) for one in self._claims]

    def _takes_nothing(self, claim: BudgetClaim, exchange: ExchangeContext) -> bool:
        """Whether an exchange costs nothing of a budget, whatever comes of it: also if another version answers."""
        if self._record.endpoint == COUNTS_NOTHING:
            return True
        version, choice = self._record.version, exchange.choice
        fallback = None if choice is None else choice.fallback
        if version is None or (fallback is not None and len(fallback.chain) > 1):  # that of a provider is its own
            return False
        match claim.keyed.budget.of:
            case "tokens":
                return False
            case "micro_usd":
                return not (version.prices.prompt or version.prices.cached or version.prices.completion)
            case "gpu_seconds":
                return version.provider != ""  # its GPUs are not ours

    def _refusal(self, claim: BudgetClaim, now_ns: int) -> ApiError:
        if claim.standing is BudgetStanding.UNKNOWN:
            self._note(claim, BudgetAct.UNKNOWN_BLOCKED)
            return unknown_error(claim)
        if claim.standing is BudgetStanding.RESERVED:
            self._note(claim, BudgetAct.RESERVED)
            return reserved_error(claim)
        self._note(claim, BudgetAct.BLOCKED)
        return exhausted_error(claim, self._utc_us + (now_ns - self._record.started_ns) // _NS_PER_US)

    def _note_downgrade(self, claim: BudgetClaim) -> None:
        if claim.keyed.budget.name in self._budgets.by_route.get(self._record.route, _NONE):
            self._note(claim, BudgetAct.DOWNGRADED)

    def _note(self, claim: BudgetClaim, act: BudgetAct) -> None:
        self._record.budget_acts = (*self._record.budget_acts, (claim.keyed.budget.name, act.value))


def _severity(claim: BudgetClaim) -> tuple[bool, int]:
    """What is exhausted comes first, and of that what lasts longest."""
    return claim.standing is BudgetStanding.EXHAUSTED, claim.period.end_us
