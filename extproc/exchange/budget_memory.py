"""What is left of budgets, as one worker knows it: the sums of the store, and what it has spent itself since.

Sums come with the sequence number up to which they have the entries of this worker. What ended behind it is added, and
what its exchanges in flight are estimated to take. So no entry counts twice and none is missed, however late sums come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, NamedTuple, Protocol

from extproc.config.compiled_budgets import CompiledBudget, CompiledBudgets, KeyedBudget
from extproc.domain.budget_periods import BudgetPeriod
from extproc.domain.budgets import BudgetStanding, BudgetSums, SpentOfBudget
from extproc.exchange.answer_lengths import AnswerLengths

KEYS_MAX: Final = 100_000
"""Of all budgets, with something that is in flight or not in the sums. Further ones share a count."""
CHUNKS_MAX: Final = 1_024
"""Parts of the spool that are not in the sums; beyond it, neighbors become one."""
_NOTHING: Final = (0, 0)
_NS_PER_US: Final = 1_000


class SpentHere:
    """Of one budget and key in one period. ``ended``: not in the sums; ``in_flight``: by estimates."""

    __slots__ = ("ended", "in_flight", "start_us")

    def __init__(self, start_us: int) -> None:
        self.start_us = start_us
        self.ended = 0
        self.in_flight = 0


class BudgetClaim:
    """What an exchange takes of one budget.

    Attributes:
        period: that its exchange began in.
        standing: as it was when it was looked at.
        must_fit: whether the exchange is refused where nothing is left.
        amount: by an estimate.
        place: under which it counts; empty until it is reserved.
        here: where it counts.
    """

    __slots__ = ("amount", "here", "keyed", "must_fit", "period", "place", "standing")

    def __init__(self, keyed: KeyedBudget, period: BudgetPeriod, standing: BudgetStanding) -> None:
        self.keyed = keyed
        self.period = period
        self.standing = standing
        self.must_fit = keyed.budget.blocks
        self.amount = 0
        self.place = ""
        self.here: SpentHere | None = None


class BudgetKeeper(Protocol):
    """Knows what is left, for all exchanges.

    Attributes:
        lengths: of answers, from which the next ones are estimated.
    """

    lengths: AnswerLengths

    def look(self, keyed: Sequence[KeyedBudget], utc_us: int, now_ns: int) -> list[BudgetClaim]:
        """The budgets of an exchange whose period has begun. Args: utc_us: when the exchange began, since 1970. [us]"""
        ...

    def reserve(self, claims: Sequence[BudgetClaim], now_ns: int) -> BudgetClaim | None:
        """Count an exchange as in flight. Returns: a claim that must fit and does not; nothing is counted then."""
        ...

    def settle(self, claims: Sequence[BudgetClaim], used: Sequence[int]) -> tuple[SpentOfBudget, ...]:
        """It has ended. Returns: what it has spent, for ``BudgetMemory.spooled``."""
        ...


class _Known(NamedTuple):
    """Sums of one budget.

    Attributes:
        others: what other workers have in flight, by key.
        seen_ns: when they were true; those that lack something that is late, when it was due.
        is_whole: whether all is in them that was spooled before this worker began.
    """

    period: BudgetPeriod
    keys: Mapping[str, tuple[int, int]]
    others: Mapping[str, int]
    seen_ns: int
    is_whole: bool


class _Chunk(NamedTuple):
    """Records of the spool, up to a sequence number, and what they have spent by place and period."""

    sequence: int
    spent: dict[tuple[str, int], int]


class BudgetMemory:
    """A ``BudgetKeeper`` of its own.

    Args: lock: held for each change: long messages are judged in threads, and sums come from one.
    """

    def __init__(self, lock: AbstractContextManager[object] | None = None) -> None:
        self._lock: AbstractContextManager[object] = nullcontext() if lock is None else lock
        self.lengths = AnswerLengths()
        self._budgets: dict[str, CompiledBudget] = {}
        self._known: dict[str, _Known] = {}
        self._periods: dict[str, BudgetPeriod] = {}
        self._here: dict[str, SpentHere] = {}
        self._missed: set[str] = set()
        self._chunks: deque[_Chunk] = deque()  # of the thread that writes the spool

    def configure(self, budgets: CompiledBudgets | None) -> None:
        """Replace the budgets; called between two exchanges. Sums of a budget that counts otherwise are forgotten."""
        new = {} if budgets is None else {one.name: one for one in budgets.budgets}
        with self._lock:
            same = {name for name, one in new.items() if name in self._budgets and _alike(one, self._budgets[name])}
            self._known = {name: known for name, known in self._known.items() if name in same}
            self._periods = {}
            self._budgets = new

    @property
    def acts(self) -> bool:
        """Whether there are any."""
        return bool(self._budgets)

    @property
    def budgets(self) -> Iterable[CompiledBudget]:
        """Those that act."""
        return self._budgets.values()

    # --- for exchanges ---------------------------------------------------------------------------------------------

    def look(self, keyed: Sequence[KeyedBudget], utc_us: int, now_ns: int) -> list[BudgetClaim]:
        """The budgets of an exchange whose period has begun, and how they stand."""
        claims: list[BudgetClaim] = []
        with self._lock:
            for one in keyed:
                period = self._period(one.budget, utc_us)
                if period is not None:
                    claims.append(BudgetClaim(one, period, self._standing(one, period, now_ns)))
        return claims

    def reserve(self, claims: Sequence[BudgetClaim], now_ns: int) -> BudgetClaim | None:
        """Count an exchange as in flight, unless a budget that it must fit in has nothing left."""
        with self._lock:
            for claim in claims:
                if claim.must_fit:
                    standing = self._standing(claim.keyed, claim.period, now_ns)
                    if standing is BudgetStanding.EXHAUSTED or standing is BudgetStanding.RESERVED:
                        claim.standing = standing
                        return claim
            for claim in claims:
                self._count(claim)
        return None

    def settle(self, claims: Sequence[BudgetClaim], used: Sequence[int]) -> tuple[SpentOfBudget, ...]:
        """What was estimated is known now."""
        spent: list[SpentOfBudget] = []
        with self._lock:
            for claim, amount in zip(claims, used, strict=True):
                here = claim.here
                if here is None:
                    continue
                claim.here = None
                here.in_flight -= claim.amount
                here.ended += amount
                if amount:
                    spent.append(SpentOfBudget(claim.place, here.start_us, amount))
                else:
                    self._drop_if_empty(claim.place, here)
        return tuple(spent)

    # --- for the thread that writes the spool ----------------------------------------------------------------------

    def spooled(self, sequence: int, spent: Iterable[SpentOfBudget]) -> None:
        """Records were written. Args: sequence: of the last of them. spent: by all of them."""
        sums: dict[tuple[str, int], int] = {}
        for one in spent:
            _add(sums, (one.place, one.period_start_us), one.amount)
        if not sums:
            return
        self._chunks.append(_Chunk(sequence, sums))
        if len(self._chunks) > CHUNKS_MAX:
            self._chunks = _merged(self._chunks)

    def take(self, sums: Iterable[BudgetSums], spool: str, sequence: int | None, at_us: int, seen_ns: int) -> None:
        """Take new sums in place of all others.

        Args:
            spool, sequence: of this worker, and the last record that is in the sums; None: they are of before it began,
                so something may be missing. Then they say what is exhausted, and not what is left.
            at_us: when they were read, since 1970; ``seen_ns``: the same by the clock of exchanges.
        """
        covered: dict[tuple[str, int], int] = {}
        while self._chunks and sequence is not None and self._chunks[0].sequence <= sequence:
            for counted, amount in self._chunks.popleft().spent.items():
                _add(covered, counted, amount)
        budgets, is_whole = self._budgets, sequence is not None
        known = {
            one.name: _Known(one.period, one.keys, _others(one, spool), seen_ns - one.late_us * _NS_PER_US, is_whole)
            for one in sums
            if one.name in budgets and _counts_so(budgets[one.name], one, at_us) and one.late_us is not None
        }
        with self._lock:
            self._known = known if budgets is self._budgets else {}  # else there are others now: the next sums count
            for (place, start_us), amount in covered.items():
                here = self._here.get(place)
                if here is not None and here.start_us == start_us:
                    here.ended -= amount
                    self._drop_if_empty(place, here)

    def take_missed(self) -> set[str]:
        """The budgets whose sums an exchange missed since the last call."""
        with self._lock:
            missed, self._missed = self._missed, set()
        return missed

    def age_ns(self, name: str, now_ns: int) -> int | None:
        """How old the sums of a budget are; None: there are none that are whole. [ns]"""
        known = self._known.get(name)
        return None if known is None or not known.is_whole else now_ns - known.seen_ns

    def __len__(self) -> int:
        """Keys with something that is in flight or not in the sums."""
        return len(self._here)

    # --- with the lock held ----------------------------------------------------------------------------------------

    def _period(self, budget: CompiledBudget, utc_us: int) -> BudgetPeriod | None:
        known = self._periods.get(budget.name)
        if known is not None and known.start_us <= utc_us < known.end_us:
            return known
        period = budget.period_at(utc_us)
        if period is not None:
            self._periods[budget.name] = period
        return period

    def _standing(self, keyed: KeyedBudget, period: BudgetPeriod, now_ns: int) -> BudgetStanding:
        budget = keyed.budget
        known = self._known.get(budget.name)
        if known is None or now_ns - known.seen_ns > budget.unknown_after_ns:
            self._missed.add(budget.name)
            return BudgetStanding.UNKNOWN
        others = granted = spent = in_flight = 0
        if known.period.start_us == period.start_us:  # else it is a new one, of which nobody has sums yet
            spent, granted = known.keys.get(keyed.key, _NOTHING)
            others = known.others.get(keyed.key, 0)
        here = self._here.get(keyed.place)
        if here is None and len(self._here) >= KEYS_MAX:
            here = self._here.get(budget.name)
        if here is not None and here.start_us == period.start_us:
            spent += here.ended
            in_flight = here.in_flight
        left = budget.amount + granted - spent
        if left <= 0:
            return BudgetStanding.EXHAUSTED
        if not known.is_whole:
            self._missed.add(budget.name)
            return BudgetStanding.UNKNOWN
        return BudgetStanding.HAS_ROOM if left > others + in_flight else BudgetStanding.RESERVED

    def _count(self, claim: BudgetClaim) -> None:
        place, start_us = claim.keyed.place, claim.period.start_us
        here = self._here.get(place)
        if here is None and len(self._here) >= KEYS_MAX:
            place = claim.keyed.budget.name  # no other place is called so
            here = self._here.get(place)
        if here is None or here.start_us < start_us:
            here = self._here[place] = SpentHere(start_us)
        if here.start_us == start_us:  # else its period is over
            claim.place, claim.here = place, here
            here.in_flight += claim.amount

    def _drop_if_empty(self, place: str, here: SpentHere) -> None:
        if not here.ended and not here.in_flight and self._here.get(place) is here:
            del self._here[place]


def _add(sums: dict[tuple[str, int], int], place: tuple[str, int], amount: int) -> None:
    sums[place] = sums.get(place, 0) + amount


def _merged(chunks: Iterable[_Chunk]) -> deque[_Chunk]:
    """Two by two. What a pair has spent counts until all of it is in the sums."""
    merged: deque[_Chunk] = deque()
    first: _Chunk | None = None
    for chunk in chunks:
        if first is None:
            first = chunk
            continue
        for place, amount in first.spent.items():
            _add(chunk.spent, place, amount)
        merged.append(chunk)
        first = None
    if first is not None:
        merged.append(first)
    return merged


def _alike(one: CompiledBudget, other: CompiledBudget) -> bool:
    """Whether the sums of one are those of the other; the amount is none of them."""
    keys = ("per", "of", "period", "first_day", "last_day", "timezone")
    return all(getattr(one.section, key) == getattr(other.section, key) for key in keys)


def _counts_so(budget: CompiledBudget, sums: BudgetSums, at_us: int) -> bool:
    """Whether sums are of this budget, and not of what another configuration calls so."""
    return (sums.per, sums.of, sums.period) == (budget.per, budget.of, budget.section.period_at(at_us))


def _others(sums: BudgetSums, spool: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, keys in sums.in_flight.items():
        if name != spool:
            for key, amount in keys.items():
                found[key] = found.get(key, 0) + amount
    return found
