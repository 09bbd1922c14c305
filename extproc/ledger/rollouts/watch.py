"""Watches rollouts in the process that ships: one process of all decides, and each tells its workers the shares.

All that is known is in the store. So a restart changes nothing, and a process that dies is replaced by another one. A
store that does not answer changes nothing either: shares stay as they are, except where ``local_watch`` goes back.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import Connection

from extproc.domain.rollouts import OPEN, RolloutPhase
from extproc.ledger.leader import Leadership, NotLeading, leader_row
from extproc.ledger.rollouts.adding import RolloutSums, add_sums
from extproc.ledger.rollouts.leading import (
    LookedAt,
    RolloutChange,
    begin,
    break_off,
    change_of,
    due_rollouts,
    look_at,
    roll_back_as_seen,
    why_broken,
    write_decision,
)
from extproc.ledger.rollouts.local_watch import LocalWatch
from extproc.ledger.rollouts.open_units import OpenUnits, open_units
from extproc.ledger.rollouts.settings import RolloutSettings
from extproc.ledger.rollouts.states import RolloutChanged, RolloutRefused, RolloutState, last_rollouts
from extproc.ledger.rollouts.tables import LEADER
from extproc.ledger.rollouts.traffic_seen import TrafficSeen, note_traffic, traffic_seen
from extproc.ledger.rollouts.verdicts import VerdictReader, VerdictsRead
from extproc.ledger.store import LedgerStore
from extproc.rollout.journal import JournalEntry, JournalKind

if TYPE_CHECKING:
    from extproc.ledger.rollouts.kubernetes.keeper import TrafficApi, TrafficFound, TrafficKeeper

LOOK_S: Final = 0.5
_PART_MAX: Final = 0.1
"""Of the time of a process."""
_ID_BYTES: Final = 6


class RolloutsLooked(NamedTuple):
    """What was seen.

    Attributes:
        leads: whether this process decides.
        shown: the last rollout of each model, with what is known of it if this process decides.
        changes: that this process is to tell: its own, and those that people made while it decides.
        verdicts: for controllers; what is new of them.
        problems: of objects of a mesh, which this process has met first now; sentences.
    """

    leads: bool
    shown: tuple[LookedAt, ...]
    changes: tuple[RolloutChange, ...]
    verdicts: VerdictsRead = VerdictsRead((), (), ())
    problems: tuple[str, ...] = ()


class RolloutWatch:
    """Looks at rollouts, as often as the time that it takes allows.

    Args:
        root: of the spool, whose workers read the shares there.
        local: decides while the store does not answer.
        clocks: seconds of a monotonic clock, and microseconds since 1970. The latter is read once, so that a clock of
            the day that is set meanwhile changes no decision.
        open_api: the API server that has the objects of a mesh; called when there is one.
    """

    def __init__(
        self,
        store: LedgerStore,
        root: Path,
        settings: RolloutSettings,
        local: LocalWatch,
        clocks: tuple[Callable[[], float], Callable[[], int]] = (time.monotonic, lambda: time.time_ns() // 1_000),
        open_api: Callable[[], TrafficApi] | None = None,
    ) -> None:
        self._store = store
        self._root = root
        self.settings = settings
        self._clock_s, wall_us = clocks
        self._offset_us = wall_us() - int(self._clock_s() * 1e6)
        self._leadership = Leadership(LEADER, secrets.token_hex(_ID_BYTES))
        self._next_s = float("-inf")
        self._local = local
        self._compares = True  # whether exchanges have arms, as far as is known
        self._open = OpenUnits({}, {})  # when it looked last
        self._verdicts = VerdictReader()
        self._open_api = open_api
        self._keeper: TrafficKeeper | None = None

    def look_if_due(self) -> RolloutsLooked | None:
        """Look, if it is time. Raises: StoreFailed, OSError."""
        began_s = self._clock_s()
        if began_s < self._next_s:
            return None
        looked = self.look()
        ended_s = self._clock_s()
        self._next_s = ended_s + max(LOOK_S, (ended_s - began_s) / _PART_MAX)
        return looked

    def look(self) -> RolloutsLooked:
        """Decide if this process leads, and tell the workers. Raises: StoreFailed, OSError."""
        now_s = self._clock_s()
        now_us = self._offset_us + int(now_s * 1e6)
        changes = self._store_local(now_us)
        if self._compares:
            self._add_open()
        leads = self._leads(now_s)
        looked = self._decided(now_us) if leads else []
        kept, problems = self._keep_traffic(leads, now_s, now_us)
        looked += kept
        with self._store.reading() as connection:
            states, seen = last_rollouts(connection), traffic_seen(connection)
        self._compares = any(one.phase in OPEN for one in states)
        self._local.tell_workers(states, seen, now_us)
        by_id = {one.state.id: one for one in looked}
        shown = tuple(by_id.get(one.id, LookedAt(one, None, None, None))._replace(state=one) for one in states)
        changes += [one.change for one in looked if one.change is not None]
        with self._store.reading() as connection:  # after all that can fail, so that what is new is told once
            verdicts = self._verdicts.read(connection)
        if self._leadership.term is not None:
            changes += [_by_hand(state, entry) for state, entry in verdicts.by_hand]
        return RolloutsLooked(leads, shown, tuple(changes), verdicts, tuple(problems))

    def close(self) -> None:
        """Let another process decide at once. Raises: StoreFailed."""
        if self._keeper is not None:
            self._keeper.close()
        if self._leadership.term is not None:
            with self._store.writing() as connection:
                self._leadership.resign(connection)

    def _store_local(self, now_us: int) -> list[RolloutChange]:
        """What this machine has rolled back by itself; where somebody has changed a rollout meanwhile, that wins."""
        found = self._local.to_store()
        changes = []
        for one in found:
            with contextlib.suppress(RolloutChanged), self._store.writing() as connection:
                changes.append(roll_back_as_seen(connection, one, now_us))
        self._local.stored(found)
        return changes

    def _add_open(self) -> None:
        """What has not ended; each process adds that of its machine."""
        found = open_units(self._root)
        seen, waiting = (
            {place: first for place, first in now.items() if place not in before}
            for now, before in zip(found, self._open, strict=True)
        )
        if seen or waiting:
            with self._store.writing() as connection:
                add_sums(connection, RolloutSums({}, waiting, seen, {}))
        self._open = found

    def _leads(self, now_s: float) -> bool:
        """Whether this process decides; without a rollout that is open or due nobody has to."""
        if not self._leadership.is_due(now_s):
            return self._leadership.term is not None
        with self._store.reading() as connection:
            states, seen = last_rollouts(connection), traffic_seen(connection)
            wanted = any(one.phase in OPEN or one.waits_for_mesh(seen.get(one.id)) for one in states) or any(
                True for _ in due_rollouts(connection, self.settings)
            )
            row = leader_row(connection, LEADER)
        if not wanted or not self._leadership.may_lead(row, now_s):
            return False
        with self._store.writing() as connection:
            return self._leadership.keep(connection, now_s)

    def _decided(self, now_us: int) -> list[LookedAt]:
        found = []
        with self._store.reading() as connection:
            due = list(due_rollouts(connection, self.settings))
            states = [one for one in last_rollouts(connection) if one.phase in OPEN]
        for plan, arms in due:
            found.append(self._written_by_leader(lambda c, p=plan, a=arms: begin(c, p, a, _new_id, now_us)))
        for state in states:
            found.append(self._decide(state, now_us))
        return [one for one in found if one is not None]

    def _decide(self, state: RolloutState, now_us: int) -> LookedAt | None:
        broken = why_broken(state, self.settings)
        if broken:
            return self._written_by_leader(lambda connection: break_off(connection, state, broken, now_us))
        if state.phase is RolloutPhase.PAUSED:
            return LookedAt(state, None, None, None)
        with self._store.reading() as connection:
            looked, decision = look_at(connection, state, now_us)
        if decision is None:
            return looked
        return self._written_by_leader(lambda connection: write_decision(connection, looked, decision, now_us))

    def _keep_traffic(self, leads: bool, now_s: float, now_us: int) -> tuple[list[LookedAt], list[str]]:
        """Keep the objects by which a mesh shares traffic. Returns: rollouts that ended by that, and problems."""
        if not leads:
            if self._keeper is not None:
                self._keeper.look((), now_s)
            return [], []
        with self._store.reading() as connection:
            states, seen = last_rollouts(connection), traffic_seen(connection)
        wanted = [
            (one, seen.get(one.id, TrafficSeen()))
            for one in states
            if one.terms.traffic is not None and (one.phase in OPEN or one.waits_for_mesh(seen.get(one.id)))
        ]
        if self._keeper is None:
            if not wanted:
                return [], []
            from extproc.ledger.rollouts.kubernetes.keeper import TrafficKeeper, open_kubernetes

            self._keeper = TrafficKeeper(self._open_api or open_kubernetes, self._may_write)
        ended, problems = [], []
        for found in self._keeper.look(wanted, now_s):
            looked = self._written_by_leader(lambda connection, f=found: _note_found(connection, f, now_us))
            if looked is not None and found.edited:
                ended.append(looked)
            elif looked is not None and found.seen.problem:
                problems.append(f"rollout {found.state.name}: {found.seen.problem}")
        return ended, problems

    def _may_write(self, state: RolloutState) -> bool:
        """Whether this process leads still, and a rollout is still as it was read. Raises: StoreFailed."""
        try:
            with self._store.writing() as connection:
                self._leadership.check(connection)
                return state in last_rollouts(connection)
        except NotLeading:
            return False

    def _written_by_leader(self, write: Callable[..., LookedAt]) -> LookedAt | None:
        """Write in the term of this process. Returns: None if it leads no more, or somebody was faster."""
        try:
            with self._store.writing() as connection:
                self._leadership.check(connection)
                return write(connection)
        except (NotLeading, RolloutChanged, RolloutRefused):
            return None


def _by_hand(state: RolloutState, entry: JournalEntry) -> RolloutChange:
    values = entry.values
    reasons = (str(values["note"]),) if values.get("note") else ()
    return change_of(state, JournalKind(values["kind"]), str(values["by"]), reasons, entry.at_us)


def _note_found(connection: Connection, found: TrafficFound, now_us: int) -> LookedAt:
    """Keep what was seen of an object, in a transaction that writes. Raises: RolloutChanged."""
    state = found.state
    if not found.edited:
        note_traffic(connection, state.id, found.seen)
        return LookedAt(state, None, None, None)
    share = state.share if found.share is None else found.share
    note_traffic(connection, state.id, TrafficSeen(share))
    return break_off(connection, state, found.edited, now_us, share)


def _new_id() -> str:
    return secrets.token_hex(_ID_BYTES)
