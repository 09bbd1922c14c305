"""What is spent is noted when it crosses a share: once, however many watch, and again under another limit."""

from __future__ import annotations

from pathlib import Path

from extproc.config.budgets import Budget
from extproc.domain.budgets import BudgetSums
from extproc.ledger.allocation.settled import DAY_US, LASTS_S_MAX
from extproc.ledger.allocation.used_time import UsedGpuTime
from extproc.ledger.budget_watch import LOOK_S_MAX, LOOK_S_MIN, BudgetWatch, Looked
from extproc.ledger.budgets import BudgetChange, changes_of, grant
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.allocation.samples import MIDNIGHT_US
from tests.unit.ledger.samples import NOON_US, entry
from tests.unit.reports.gpu_samples import allocate, busy_for

BUDGET = Budget(name="daily", per="team", of="tokens", amount=1_000, period="day", warn_at=(90, 50))
PERIOD = BUDGET.period_at(NOON_US)


def spend(store: LedgerStore, tokens: int, exchange: str, team: str = "search") -> None:
    """An entry with so many tokens."""
    store.add([entry(exchange=exchange, prompt_tokens=tokens, completion_tokens=0, team=team)])


def told(looked: Looked) -> list[tuple[str, str, int, int]]:
    """What was noted."""
    return [(one.budget_key, one.kind, one.share_percent, one.amount) for one in looked.crossed]


def give(store: LedgerStore, amount: int) -> None:
    """A grant to the team search."""
    change = BudgetChange(
        at_us=NOON_US,
        budget="daily",
        budget_key="search",
        period_start_us=PERIOD.start_us,
        period_end_us=PERIOD.end_us,
        kind="grant",
        amount=amount,
        made_by="ann",
    )
    with store.writing() as connection:
        grant(connection, BUDGET, change)


def test_each_crossing_is_told_once(url: str, store: LedgerStore) -> None:
    """By one of those that watch, also after a restart; the history has all in order."""
    one, another = BudgetWatch(store, [BUDGET]), BudgetWatch(LedgerStore(url, Path("/")), [BUDGET])
    assert one.look(NOON_US) == Looked({"daily": 0})
    spend(store, 499, "a")
    assert told(one.look(NOON_US)) == []
    spend(store, 1, "b")
    assert one.look(NOON_US).percent == {"daily": 50}
    assert told(another.look(NOON_US)) == []
    spend(store, 500, "c")
    spend(store, 600, "d", team="hr")
    assert told(another.look(NOON_US)) == [
        *(("hr", "warned", 50, 1_000), ("search", "warned", 90, 1_000), ("search", "exhausted", 100, 1_000))
    ]
    assert told(one.look(NOON_US)) == told(one.look(NOON_US)) == []
    assert told(BudgetWatch(store, [BUDGET]).look(NOON_US)) == []
    with store.reading() as connection:
        kinds = [(change.budget_key, change.kind) for change in changes_of(connection, ["daily"])]
    assert kinds == [("search", "warned"), ("hr", "warned"), ("search", "warned"), ("search", "exhausted")]


def test_a_grant_makes_room_and_may_be_spent(store: LedgerStore) -> None:
    """What is exhausted recovers, once, and may be exhausted again under the new limit; grants alone are sums."""
    watch = BudgetWatch(store, [BUDGET])
    spend(store, 1_000, "a")
    watch.look(NOON_US)
    give(store, 1_500)
    assert told(watch.look(NOON_US)) == [("search", "recovered", 40, 2_500)]
    assert told(watch.look(NOON_US)) == told(BudgetWatch(store, [BUDGET]).look(NOON_US)) == []
    spend(store, 1_500, "b")
    looked = watch.look(NOON_US)
    assert told(looked) == [
        *(("search", "warned", 50, 2_500), ("search", "warned", 90, 2_500), ("search", "exhausted", 100, 2_500))
    ]
    assert looked.percent == {"daily": 100}


def test_a_new_period_begins_with_nothing(store: LedgerStore) -> None:
    """And a range of days that is over, or has not begun, is not watched."""
    days = {"period": None, "first_day": "2026-11-28", "last_day": "2026-11-29"}
    over = Budget(**{**BUDGET.model_dump(), "name": "over", **days})
    watch = BudgetWatch(store, [BUDGET, over])
    spend(store, 1_000, "a")
    assert len(watch.look(NOON_US).crossed) == 6
    assert watch.look(NOON_US + DAY_US) == Looked({"daily": 0})
    assert set(watch.look(NOON_US - 3 * DAY_US).percent) == {"daily"}
    store.add([entry(exchange="b", started_at_us=NOON_US + DAY_US, prompt_tokens=1_000)])
    assert [change.kind for change in watch.look(NOON_US + DAY_US).crossed] == ["warned", "warned", "exhausted"]


def test_sums_are_those_of_budgets_that_act(store: LedgerStore) -> None:
    """For the workers: what is spent and granted by key, of the period that runs."""
    acts = {"on_exhausted": "block", "when_unknown": "allow"}
    acting = Budget(**{**BUDGET.model_dump(), **acts})
    of_codes = {"name": "codes", "per": "budget_code", "of": "micro_usd", "match": ("b7", "b8")}
    codes = Budget(**{**acting.model_dump(), **of_codes})
    spend(store, 600, "a")
    give(store, 50)
    assert BudgetWatch(store, [BUDGET]).look(NOON_US).sums == ()
    assert BudgetWatch(store, [acting, codes]).look(NOON_US).sums == (
        BudgetSums("daily", "team", "tokens", PERIOD, {"search": (600, 50)}, {}),
        BudgetSums("codes", "budget_code", "micro_usd", PERIOD, {"b7": (123, 0), "b8": (0, 0)}, {}),
    )


def test_it_looks_more_often_where_a_budget_acts(store: LedgerStore) -> None:
    """Each second, as somebody may grant more; at once, if a worker waits for its first sums."""
    clock = Clock()
    acting = Budget(**{**BUDGET.model_dump(), "on_exhausted": "block", "when_unknown": "allow"})
    watch = BudgetWatch(store, [acting], clock)
    assert watch.look_if_due(False, NOON_US) is not None
    assert watch.look_if_due(False, NOON_US, at_once=True) is not None
    assert watch.look_if_due(True, NOON_US) is None
    clock.now_s += LOOK_S_MIN
    assert watch.look_if_due(False, NOON_US) is not None
    warning = BudgetWatch(store, [BUDGET], clock)
    assert warning.look_if_due(False, NOON_US) is not None
    assert warning.look_if_due(False, NOON_US, at_once=True) is None


class Clock:
    """A clock that is put forward by hand, and by each reading as long as a look takes."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.step_s = 0.0

    def __call__(self) -> float:
        """The time now. [s]"""
        self.now_s += self.step_s
        return self.now_s


def test_when_it_looks(store: LedgerStore) -> None:
    """A second after entries were stored; else after some, since others store and grant; never most of the time."""
    clock = Clock()
    watch = BudgetWatch(store, [BUDGET], clock)
    assert watch.look_if_due(False, NOON_US) is not None
    assert watch.look_if_due(True, NOON_US) is None
    clock.now_s += LOOK_S_MIN
    assert watch.look_if_due(False, NOON_US) is not None
    clock.now_s += LOOK_S_MAX - 1
    assert watch.look_if_due(False, NOON_US) is None
    clock.now_s += 1
    clock.step_s = 0.5
    assert watch.look_if_due(False, NOON_US) is not None
    clock.step_s = 0
    clock.now_s += 9.9
    assert watch.look_if_due(True, NOON_US) is None
    clock.now_s += 0.1
    assert watch.look_if_due(True, NOON_US) is not None
    assert BudgetWatch(store, []).look_if_due(True, NOON_US) is None


def test_a_crossing_in_another_zone_of_time_is_another(store: LedgerStore) -> None:
    """Its period begins at another moment."""
    spend(store, 500, "a")
    assert len(BudgetWatch(store, [BUDGET]).look(NOON_US).crossed) == 1
    moved = Budget(**{**BUDGET.model_dump(), "timezone": "Asia/Tokyo"})
    (change,) = BudgetWatch(store, [moved]).look(NOON_US).crossed
    assert change.period_start_us == PERIOD.start_us - 9 * 3_600_000_000


# --- GPU time ------------------------------------------------------------------------------------------------------

ACTS = {"on_exhausted": "block", "when_unknown": "block"}
GPU = Budget(**{**BUDGET.model_dump(), **ACTS, "name": "gpus", "of": "gpu_seconds", "warn_at": ()})
HOUR_US = 3_600_000_000


def keep_busy(store: LedgerStore, number: int, lasts_s: int, team: str = "search", begin_us: int = 0) -> None:
    """An entry of so long, on a server with two GPUs; and the day is allocated again."""
    store.add([busy_for(number, begin_us, lasts_s * 1_000_000, team=team)])
    allocate(store, 1)


def test_gpu_time_is_watched_as_anything_else(store: LedgerStore) -> None:
    """By those who used it, once it is allocated; the crossing is told in its unit."""
    watch = BudgetWatch(store, [GPU])
    keep_busy(store, 1, 499)
    keep_busy(store, 2, 501, "hr", HOUR_US)
    looked = watch.look(NOON_US)
    assert (looked.percent, told(looked)) == ({"gpus": 100}, [("hr", "exhausted", 100, 1_000)])
    assert looked.sums[0].keys == {"search": (998, 0), "hr": (1_002, 0)}


def test_gpu_time_that_is_not_allocated_is_late(store: LedgerStore) -> None:
    """Nothing is known before the first time, and then from when on the next hour is due."""
    watch = BudgetWatch(store, [GPU, BUDGET])
    assert [one.late_us for one in watch.look(NOON_US).sums] == [None]
    allocate(store, 2, first=-1)
    due_us = MIDNIGHT_US + DAY_US + 2 * HOUR_US + LASTS_S_MAX * 1_000_000
    assert [watch.look(at_us).sums[0].late_us for at_us in (NOON_US, due_us, due_us + 5)] == [0, 0, 5]


def test_what_a_late_entry_takes_away_may_be_used_up_again(store: LedgerStore) -> None:
    """There is room again without a grant, and each time it is told once."""
    kept = UsedGpuTime()
    watch, other = BudgetWatch(store, [GPU], gpu_time=kept), BudgetWatch(store, [GPU])
    keep_busy(store, 1, 500)
    found = [told(watch.look(NOON_US))]
    keep_busy(store, 2, 500, "hr")  # at the same time
    found.append(told(watch.look(NOON_US)))
    assert told(other.look(NOON_US)) == told(watch.look(NOON_US)) == []
    keep_busy(store, 3, 400, begin_us=HOUR_US)
    found.append(told(watch.look(NOON_US)))
    keep_busy(store, 4, 400, "hr", HOUR_US)
    found.append(told(watch.look(NOON_US)))
    assert [[(key, kind) for key, kind, _, _ in one] for one in found] == [
        [("search", "exhausted")],
        [("search", "recovered")],
        [("search", "exhausted")],
        [("search", "recovered")],
    ]
    again = BudgetWatch(store, [GPU], gpu_time=kept)
    assert told(again.look(NOON_US)) == told(other.look(NOON_US)) == []
