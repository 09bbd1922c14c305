"""What a worker knows of budgets: compared with a plain model, whatever happens in which order; and its bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from extproc.config.compiled_budgets import CompiledBudgets, KeyedBudget
from extproc.domain.budgets import BudgetStanding, BudgetSums, SpentOfBudget
from extproc.exchange import budget_memory
from extproc.exchange.budget_memory import BudgetClaim, BudgetMemory
from tests.unit.exchange.budgets import DAILY, GPU, LIMIT, compiled, keyed

DAY_S = 86_400
S_NS = 1_000_000_000


def made(*budgets: dict[str, Any]) -> tuple[BudgetMemory, CompiledBudgets]:
    """A memory of its own."""
    found, memory = compiled(*budgets), BudgetMemory()
    memory.configure(found)
    return memory, found


def sums_of(budgets: CompiledBudgets, now_s: int, **spent: int) -> list[BudgetSums]:
    """What the store says of each budget."""
    keys = {key: (value, 0) for key, value in spent.items()}
    sections = [(one, one.section.period_at(now_s * 1_000_000)) for one in budgets.budgets]
    return [BudgetSums(one.name, one.per, one.of, period, keys, {}) for one, period in sections]


def begun(memory: BudgetMemory, one: tuple[KeyedBudget, ...], amount: int, now_s: int = 0) -> list[BudgetClaim]:
    """An exchange that goes on."""
    claims = memory.look(one, now_s * 1_000_000, now_s * S_NS)
    for claim in claims:
        claim.amount = amount
    assert memory.reserve(claims, now_s * S_NS) is None
    return claims


AMOUNTS = {amount: compiled({**DAILY, "amount": amount}) for amount in range(1, 120)}


# --- against a model -----------------------------------------------------------------------------------------------


@dataclass
class Entry:
    """An exchange of the model that has ended. ``chunk``: last sequence number of what was written with it."""

    amount: int
    day: int
    chunk: int = 0


@dataclass
class File:
    """What the shipper has written last, and of which worker."""

    number: int
    day: int
    spent: int
    granted: int
    sequence: int
    in_flight: dict[str, int]


@dataclass
class Worker:
    """What one worker has: its memory, and what the model knows of it."""

    number: int
    memory: BudgetMemory
    running: list[tuple[BudgetClaim, int]] = field(default_factory=list)  # with the day
    waiting: list[tuple[Entry, tuple[SpentOfBudget, ...]]] = field(default_factory=list)  # ended, not written
    written: list[Entry] = field(default_factory=list)  # in the spool, in order
    shipped: int = 0
    file: File | None = None

    @property
    def spool(self) -> str:
        """Its folder."""
        return f"spool-{self.number}"

    def ended(self) -> list[Entry]:
        """What is not in its sums."""
        assert self.file is not None
        covered = self.file.sequence if self.file.number == self.number else 0
        own = [entry for entry, _ in self.waiting]
        return own + [entry for entry in self.written if entry.chunk > covered]

    def known_ended(self, day: int) -> int:
        """What is spent, less what is granted, by the model."""
        assert self.file is not None
        known = sum(entry.amount for entry in self.ended() if entry.day == day)
        return known + (self.file.spent - self.file.granted if self.file.day == day else 0)

    def known_total(self, day: int) -> int:
        """Likewise, with what is in flight."""
        assert self.file is not None
        known = self.known_ended(day)
        known += sum(claim.amount for claim, begun_on in self.running if begun_on == day)
        if self.file.day == day:
            known += sum(amount for spool, amount in self.file.in_flight.items() if spool != self.spool)
        return known


class Order(RuleBasedStateMachine):
    """Exchanges, the spool, the shipper, grants, other workers, restarts and midnight, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.budgets = compiled(DAILY)
        self.now_s = 0
        self.stored: dict[int, int] = {}  # by day
        self.grants: dict[int, int] = {}
        self.left: list[Entry] = []  # of workers that are gone, not shipped yet
        self.file: File | None = None
        self.elsewhere = 0  # in flight at another worker
        self.worker = self.new_worker(1)

    def new_worker(self, number: int) -> Worker:
        """One that has just started."""
        memory = BudgetMemory()
        memory.configure(self.budgets)
        return Worker(number, memory)

    @property
    def day(self) -> int:
        """Today."""
        return self.now_s // DAY_S

    @invariant()
    def knows_what_the_model_knows(self) -> None:
        """To the token: by the amounts at which it would be exhausted, and at which it would have room."""
        worker = self.worker
        if worker.file is None:
            assert self.standing_at(1) is BudgetStanding.UNKNOWN
            return
        ended, total = worker.known_ended(self.day), worker.known_total(self.day)
        rest = BudgetStanding.RESERVED if worker.file.number == worker.number else BudgetStanding.UNKNOWN
        room = BudgetStanding.HAS_ROOM if worker.file.number == worker.number else BudgetStanding.UNKNOWN
        for amount in {ended - 1, ended, ended + 1, total - 1, total, total + 1} & AMOUNTS.keys():
            expected = BudgetStanding.EXHAUSTED if amount <= ended else rest if amount <= total else room
            assert self.standing_at(amount) is expected

    def standing_at(self, amount: int) -> BudgetStanding:
        """If the budget was of that amount."""
        self.worker.memory.configure(AMOUNTS[amount])
        (claim,) = self.worker.memory.look(keyed(AMOUNTS[amount]), self.now_s * 1_000_000, self.now_s * S_NS)
        return claim.standing

    @rule(estimate=st.integers(0, 9))
    def begin(self, estimate: int) -> None:
        """An exchange asks for room: it is admitted only if the model knows of some."""
        worker, now_ns = self.worker, self.now_s * S_NS
        worker.memory.configure(self.budgets)
        claims = worker.memory.look(keyed(self.budgets), self.now_s * 1_000_000, now_ns)
        (claim,) = claims
        if claim.standing is BudgetStanding.UNKNOWN:
            return
        claim.amount = estimate
        is_admitted = worker.memory.reserve(claims, now_ns) is None
        assert is_admitted is (worker.known_total(self.day) < LIMIT)
        if is_admitted:
            worker.running.append((claim, self.day))

    @precondition(lambda self: self.worker.running)
    @rule(number=st.integers(0, 9), used=st.integers(0, 12))
    def end(self, number: int, used: int) -> None:
        """One of them ends, with more or less than was estimated."""
        claim, day = self.worker.running.pop(number % len(self.worker.running))
        spent = self.worker.memory.settle([claim], [used])
        self.worker.waiting.append((Entry(used, day), spent))

    @rule()
    def write(self) -> None:
        """The thread of the ledger writes what has ended."""
        worker = self.worker
        sequence = len(worker.written) + len(worker.waiting)
        for entry, _ in worker.waiting:
            entry.chunk = sequence
            worker.written.append(entry)
        worker.memory.spooled(sequence, [one for _, spent in worker.waiting for one in spent])
        worker.waiting = []

    @rule(entries=st.integers(0, 5))
    def ship(self, entries: int) -> None:
        """Some entries reach the store; those of workers that are gone too."""
        for entry in self.worker.written[self.worker.shipped : self.worker.shipped + entries]:
            self.store(entry)
            self.worker.shipped += 1
        while self.left:
            self.store(self.left.pop())

    def store(self, entry: Entry) -> None:
        """Add it up."""
        self.stored[entry.day] = self.stored.get(entry.day, 0) + entry.amount

    @rule(tokens=st.integers(0, 9), in_flight=st.integers(0, 9))
    def other_worker(self, tokens: int, in_flight: int) -> None:
        """It has its own exchanges."""
        self.store(Entry(tokens, self.day))
        self.elsewhere = in_flight

    @rule(tokens=st.integers(-5, 30))
    def grant(self, tokens: int) -> None:
        """For today."""
        self.grants[self.day] = self.grants.get(self.day, 0) + tokens

    @rule()
    def look(self) -> None:
        """The shipper writes the sums, when it has shipped what is left of workers that are gone."""
        self.ship(0)
        day, worker = self.day, self.worker
        in_flight = {
            "elsewhere": self.elsewhere,
            worker.spool: sum(claim.amount for claim, begun_on in worker.running if begun_on == day),
        }
        spent, granted = self.stored.get(day, 0), self.grants.get(day, 0)
        self.file = File(worker.number, day, spent, granted, worker.shipped, in_flight)

    @rule()
    def look_and_read(self) -> None:
        """Without delay, as usual."""
        self.look()
        self.read()

    @precondition(lambda self: self.file is not None)
    @rule()
    def read(self) -> None:
        """The worker reads them, as late as it does."""
        file = self.file
        assert file is not None
        (budget,) = self.budgets.budgets
        at_us = file.day * DAY_S * 1_000_000
        in_flight = {spool: {"search": amount} for spool, amount in file.in_flight.items()}
        keys = {"search": (file.spent, file.granted)}
        sums = BudgetSums("daily", "team", "tokens", budget.section.period_at(at_us), keys, in_flight)
        sequence = file.sequence if file.number == self.worker.number else None
        self.worker.memory.take([sums], self.worker.spool, sequence, at_us, self.now_s * S_NS)
        self.worker.file = file

    @rule()
    def restart(self) -> None:
        """The worker is killed: what it had in flight and in the spool is recovered, and shipped later."""
        old = self.worker
        self.left += old.written[old.shipped :]
        self.left += [entry for entry, _ in old.waiting]
        self.left += [Entry(claim.amount, day) for claim, day in old.running]
        self.worker = self.new_worker(old.number + 1)

    @rule(seconds=st.sampled_from([60, DAY_S // 2]))
    def pass_time(self, seconds: int) -> None:
        """Some of it takes the next day; the sums get no older than they may."""
        self.now_s += seconds
        known = self.worker.file
        if known is not None:
            self.worker.memory._known = {
                name: one._replace(seen_ns=self.now_s * S_NS) for name, one in self.worker.memory._known.items()
            }


Order.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestOrder = Order.TestCase


# --- bounds --------------------------------------------------------------------------------------------------------


def test_a_store_that_is_gone_for_long_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbors become one. What a pair has spent counts until all of it is in the sums."""
    monkeypatch.setattr(budget_memory, "CHUNKS_MAX", 8)
    memory, budgets = made({**DAILY, "amount": 1_000})
    one = keyed(budgets)
    for sequence in range(1, 101):
        memory.spooled(sequence, memory.settle(begun(memory, one, 9), [1]))
        assert len(memory._chunks) <= 8
    for covered, left in ((1, 99), (97, 3), (100, 0)):
        memory.take(sums_of(budgets, 0, search=covered), "mine", covered, 0, 0)
        counted = sum(here.ended for here in memory._here.values())
        assert left <= counted <= 100
    assert len(memory) == len(memory._chunks) == 0


def test_more_keys_than_are_kept_share_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is full early for them, and never too late; the others have their own."""
    monkeypatch.setattr(budget_memory, "KEYS_MAX", 2)
    memory, budgets = made(DAILY)
    memory.take(sums_of(budgets, 0), "mine", 0, 0, 0)
    for team in ("a", "b", "c", "d"):
        begun(memory, keyed(budgets, team), LIMIT // 2)
    assert len(memory) == 3
    standings = {team: memory.look(keyed(budgets, team), 0, 0)[0].standing for team in ("a", "c", "new")}
    assert standings == {"a": "has_room", "c": "reserved", "new": "reserved"}


def test_what_has_ended_and_is_stored_is_forgotten() -> None:
    """No key stays for ever."""
    memory, budgets = made(DAILY, {**DAILY, "name": "money", "of": "micro_usd"})
    for number in range(100):
        claims = begun(memory, keyed(budgets, f"team-{number}"), 3)
        memory.spooled(number + 1, memory.settle(claims, [1, 0]))
    assert len(memory) == 100
    memory.take(sums_of(budgets, 0), "mine", 100, 0, 0)
    assert len(memory) == 0


def test_entries_of_yesterday_that_are_stored_late_give_nothing_back_today() -> None:
    """They are in the sums of yesterday."""
    memory, budgets = made(DAILY)
    memory.spooled(1, memory.settle(begun(memory, keyed(budgets), 1), [7]))
    claims = begun(memory, keyed(budgets), 1, DAY_S)
    memory.spooled(2, memory.settle(claims, [LIMIT - 1]))
    memory.take(sums_of(budgets, DAY_S), "mine", 1, DAY_S * 1_000_000, DAY_S * S_NS)
    assert [here.ended for here in memory._here.values()] == [LIMIT - 1]


# --- other configurations ------------------------------------------------------------------------------------------


def test_sums_of_what_another_configuration_calls_so_do_not_count() -> None:
    """Another unit, another payer, another zone: unknown, until the shipper has its sums."""
    memory, budgets = made(DAILY)
    sums = sums_of(budgets, 0)
    for change in (
        {"of": "micro_usd"},
        {"of": "gpu_seconds"},
        {"per": "project"},
        {"timezone": "Asia/Tokyo"},
        {"period": "week"},
    ):
        other = compiled({**DAILY, **change})
        memory.configure(other)
        memory.take(sums, "mine", 0, 0, 0)
        assert memory.look(keyed(other), 0, 0)[0].standing is BudgetStanding.UNKNOWN
    memory.configure(budgets)
    memory.take(sums, "mine", 0, 0, 0)
    assert memory.look(keyed(budgets), 0, 0)[0].standing is BudgetStanding.HAS_ROOM


def test_a_reload_keeps_what_is_known() -> None:
    """Another amount holds at once; a budget that counts otherwise is unknown; what is in flight stays."""
    memory, budgets = made(DAILY)
    memory.take(sums_of(budgets, 0, search=5), "mine", 0, 0, 0)
    claims = begun(memory, keyed(budgets), 3)
    larger, smaller = compiled({**DAILY, "amount": 9}), compiled({**DAILY, "amount": 8})
    found = []
    for new in (larger, smaller, compiled({**DAILY, "of": "micro_usd"})):
        memory.configure(new)
        found.append(memory.look(keyed(new), 0, 0)[0].standing.value)
    assert found == ["has_room", "reserved", "unknown"]
    assert [one.amount for one in memory.settle(claims, [4])] == [4]
    memory.configure(None)
    assert not memory.acts


def test_sums_that_are_late_are_old() -> None:
    """As if they were of when something was due that they lack; without any of it, they are none."""
    memory, budgets = made({**GPU, "unknown_after_s": 60})
    sums = sums_of(budgets, 0)
    found = []
    for late_us in (0, 60_000_000, 60_000_001, None):
        memory.take([one._replace(late_us=late_us) for one in sums], "mine", 0, 0, 0)
        found.append((memory.look(keyed(budgets), 0, 0)[0].standing.value, memory.age_ns("gpus", 0)))
    assert found == [("has_room", 0), ("has_room", 60 * S_NS), ("unknown", 60 * S_NS + 1_000), ("unknown", None)]


def test_which_sums_are_missed() -> None:
    """For the log: only what an exchange has asked for."""
    memory, budgets = made(DAILY)
    assert memory.take_missed() == set()
    memory.look(keyed(budgets), 0, 0)
    assert (memory.take_missed(), memory.take_missed()) == ({"daily"}, set())
    memory.take(sums_of(budgets, 0), "mine", 0, 0, 7)
    assert (memory.age_ns("daily", 9), memory.age_ns("other", 9)) == (2, None)
