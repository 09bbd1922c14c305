"""What is left of a budget: whole numbers of tokens, micro-USD or GPU-seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, Literal, NamedTuple

from extproc.domain.budget_periods import BudgetPeriod

BUDGET_MAX: Final = 10**15
"""Of any amount: a billion USD."""
BudgetUnit = Literal["micro_usd", "tokens", "gpu_seconds"]
BudgetScope = Literal["team", "project", "budget_code"]


def taken_at_end(of: BudgetUnit, tokens: int, micro_usd: int) -> int:
    """What an exchange takes of a budget, as far as its end tells: GPU time is allocated later, so it is none of it."""
    match of:
        case "tokens":
            return tokens
        case "micro_usd":
            return micro_usd
        case "gpu_seconds":
            return 0


class BudgetState(NamedTuple):
    """One key of a budget in one period.

    Args:
        amount: as the configuration has it.
        granted: the sum of all grants of the period; may be below 0.
        spent: as the ledger has it.
    """

    key: str
    amount: int
    granted: int
    spent: int

    @property
    def limit(self) -> int:
        """How much may be spent."""
        return self.amount + self.granted

    @property
    def left(self) -> int:
        """How much may still be spent; below 0: more was spent than there was."""
        return self.limit - self.spent

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing is left."""
        return self.left <= 0

    def reached(self, shares_percent: Iterable[int]) -> tuple[int, ...]:
        """Those of some shares that are spent. [percent]"""
        return tuple(share for share in sorted(shares_percent) if self.spent * 100 >= share * self.limit)

    @property
    def percent(self) -> int:
        """How much of it is spent, rounded down, so that 100 says that nothing is left."""
        return 100 if self.limit <= 0 else self.spent * 100 // self.limit


class BudgetSums(NamedTuple):
    """All keys of one budget in one period.

    Attributes:
        keys: what is spent, and the sum of all grants, by key.
        in_flight: what exchanges that have not ended are estimated to take, by spool and key.
        late_us: for how long something should be in them that is not: GPU time that is not allocated. None: none ever
            was, so nothing is known. [us]
    """

    name: str
    per: BudgetScope
    of: BudgetUnit
    period: BudgetPeriod
    keys: Mapping[str, tuple[int, int]]
    in_flight: Mapping[str, Mapping[str, int]]
    late_us: int | None = 0


class BudgetStanding(StrEnum):
    """Whether an exchange may spend something of a budget."""

    HAS_ROOM = "has_room"
    RESERVED = "reserved"  # exchanges in flight may need what is left
    EXHAUSTED = "exhausted"
    UNKNOWN = "unknown"  # there are no sums, or they are too old


class SpentOfBudget(NamedTuple):
    """What an exchange has spent of a budget. Args: place: budget and key."""

    place: str
    period_start_us: int
    amount: int


class BudgetAct(StrEnum):
    """What a budget did with an exchange."""

    BLOCKED = "blocked"
    RESERVED = "reserved"  # refused for a moment, as exchanges in flight may need what is left
    DOWNGRADED = "downgraded"
    UNKNOWN_ALLOWED = "unknown_allowed"
    UNKNOWN_BLOCKED = "unknown_blocked"
