"""Watches what is spent of budgets, and notes what crosses a share: once over all processes that watch one store.

A crossing is a row of ``budget_changes`` with a name that is unique in the store, so the process that adds it tells it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from extproc.config.budgets import Budget
from extproc.domain.budget_periods import BudgetPeriod
from extproc.domain.budgets import BudgetState, BudgetSums
from extproc.ledger.allocation.used_time import UsedGpuTime, late_us
from extproc.ledger.budgets import (
    NO_NOTES,
    BudgetChange,
    ChangeKind,
    ExhaustedNotes,
    exhausted_notes,
    note_once,
    states_of,
)
from extproc.ledger.store import LedgerStore

LOOK_S_MIN: Final = 1.0
LOOK_S_MAX: Final = 15.0
"""How long grants, and what other machines store, may go unnoticed where no budget acts."""
_PART_MAX: Final = 0.05
"""Of the time of a process, for sums."""
_WHO: Final = "extproc"


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen.

    Attributes:
        percent: of each budget, the largest part that any key has spent.
        crossed: what was noted, and is to be told.
        sums: of budgets that act, for the workers.
    """

    percent: dict[str, int] = field(default_factory=dict)
    crossed: tuple[BudgetChange, ...] = ()
    sums: tuple[BudgetSums, ...] = ()


class BudgetWatch:
    """Looks at the sums, as often as they may have changed and as the time that it takes allows."""

    def __init__(
        self,
        store: LedgerStore,
        budgets: Sequence[Budget],
        clock_s: Callable[[], float] = time.monotonic,
        gpu_time: UsedGpuTime | None = None,
    ) -> None:
        self._store = store
        self._budgets = budgets
        self._gpu_time = UsedGpuTime() if gpu_time is None else gpu_time
        self._acts = any(one.on_exhausted is not None for one in budgets)
        self._clock_s = clock_s
        self._noted: set[str] = set()
        self._looked_s = float("-inf")
        self._pause_s = LOOK_S_MIN
        self._changed = True

    def look_if_due(self, stored: bool, now_us: int, at_once: bool = False) -> Looked | None:
        """Look, if it is time. Raises: StoreFailed.

        Args:
            stored: whether entries were stored since the last call.
            at_once: whether somebody waits for the sums of budgets that act.
        """
        self._changed = self._changed or stored
        began_s = self._clock_s()
        pause_s = self._pause_s if self._changed or self._acts else max(self._pause_s, LOOK_S_MAX)
        if not self._budgets or (began_s - self._looked_s < pause_s and not (at_once and self._acts)):
            return None
        looked = self.look(now_us)
        self._looked_s, self._changed = self._clock_s(), False
        self._pause_s = max(LOOK_S_MIN, (self._looked_s - began_s) / _PART_MAX)
        return looked

    def look(self, now_us: int) -> Looked:
        """Add up what is spent, and note what crossed a share since. Raises: StoreFailed."""
        percent: dict[str, int] = {}
        found: dict[str, BudgetChange] = {}
        sums: list[BudgetSums] = []
        with self._store.reading() as connection:
            for budget in self._budgets:
                period = budget.period_at(now_us)
                if not period.start_us <= now_us < period.end_us:
                    continue
                # Before the sums: what recovers meanwhile is not taken to be exhausted again.
                notes = exhausted_notes(connection, budget.name, period)
                states = states_of(connection, budget, period, self._gpu_time)
                percent[budget.name] = max((state.percent for state in states), default=0)
                found |= _crossings(budget, period, states, notes, now_us)
                if budget.on_exhausted is not None:
                    keys = {state.key: (state.spent, state.granted) for state in states}
                    late = late_us(connection, now_us) if budget.of == "gpu_seconds" else 0
                    sums.append(BudgetSums(budget.name, budget.per, budget.of, period, keys, {}, late))
        new = {once: change for once, change in found.items() if once not in self._noted}
        crossed = self._note(new) if new else ()
        self._noted = set(found)
        return Looked(percent, crossed, tuple(sums))

    def _note(self, new: dict[str, BudgetChange]) -> tuple[BudgetChange, ...]:
        """Returns: those that nobody has noted before."""
        with self._store.writing() as connection:
            return tuple([change for once, change in new.items() if note_once(connection, change, once)])


def _crossings(
    budget: Budget,
    period: BudgetPeriod,
    states: Sequence[BudgetState],
    notes: Mapping[str, ExhaustedNotes],
    now_us: int,
) -> dict[str, BudgetChange]:
    """What is crossed at the moment, by the name under which it is noted once."""
    found: dict[str, BudgetChange] = {}
    for state in states:
        noted = notes.get(state.key, NO_NOTES)
        kinds: list[tuple[ChangeKind, int]] = [("warned", share) for share in state.reached(budget.warn_at)]
        if state.is_exhausted:
            kinds.append(("exhausted", 100))
        elif noted.is_exhausted:
            kinds.append(("recovered", state.percent))
        for kind, share in kinds:
            change = BudgetChange(
                at_us=now_us,
                budget=budget.name,
                budget_key=state.key,
                period_start_us=period.start_us,
                period_end_us=period.end_us,
                kind=kind,
                amount=state.limit,
                share_percent=share,
                made_by=_WHO,
            )
            # An entry that comes late takes GPU time from others: they recover and exhaust the same limit again.
            found[_once(change, noted.recovered if budget.of == "gpu_seconds" else 0)] = change
    return found


def _once(change: BudgetChange, recovered: int) -> str:
    """A grant gives another limit, of which all shares may be crossed again.

    Args: recovered: how often the key had room again, of a budget that needs no grant for it; else 0.
    """
    is_warning = change.kind == "warned"
    share, again = change.share_percent if is_warning else 0, 0 if is_warning else recovered
    parts = (change.budget, change.budget_key, change.period_start_us, change.kind, share, change.amount)
    return orjson.dumps((*parts, again) if again else parts).decode()
