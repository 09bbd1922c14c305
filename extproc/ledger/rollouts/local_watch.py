"""Rolls back on hard failures while the store does not answer, by what one machine sees itself.

Shares stay as they are then, with this one exception: evidence of one machine is enough to go back, never to go on. The
decision is made from the same kind of numbers as any other. So it is journalled when the store answers again, and can
be recomputed. Where somebody has changed the rollout meanwhile, that wins.

Where a mesh shares the traffic, one machine sees one arm and cannot change what others get: nothing goes back then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.domain.rollouts import RolloutPhase
from extproc.ledger.places import SpoolPlace
from extproc.ledger.rollouts.local_files import (
    LocalRollBack,
    read_rolled_back,
    read_states,
    write_rolled_back,
    write_states,
)
from extproc.ledger.rollouts.open_units import open_units
from extproc.ledger.rollouts.state_file import write_rollout_file
from extproc.ledger.rollouts.states import RolloutState
from extproc.ledger.rollouts.traffic_seen import TrafficSeen
from extproc.ledger.schema import row_of
from extproc.ledger.unshipped import UnshippedEntries
from extproc.rollout.decide import RolloutAction, decide
from extproc.rollout.explain import noted, verdict_json
from extproc.rollout.journal import PROCESSOR, JournalKind

if TYPE_CHECKING:
    from extproc.ledger.rollouts.local_tally import LocalTally


class LocalWatch:
    """The rollouts of one machine without the store. Two threads use it: that of the store, and one that always runs.

    Args:
        root: of the spool, whose workers read the shares there.
        place_stored: up to where a spool is stored.
    """

    def __init__(self, root: Path, place_stored: Callable[[str], SpoolPlace | None]) -> None:
        self._root = root
        self._place_stored = place_stored
        self._lock = threading.Lock()
        self._back = {one.rollout: one for one in read_rolled_back(root)}
        self._states: list[RolloutState] | None = None  # None: the store answers
        self._seen: Mapping[str, TrafficSeen] = {}
        self._entries: UnshippedEntries | None = None
        self._tally: LocalTally | None = None

    # --- while the store does not answer ---------------------------------------------------------------------------

    def look(self, now_us: int) -> list[str]:
        """Look at what is new. Returns: sentences about rollouts that went back. Raises: OSError."""
        with self._lock:
            if self._states is None:
                self._begin()
            states = self._states or []
            running = [
                one
                for one in states
                if one.phase is RolloutPhase.RUNNING and one.id not in self._back and one.terms.traffic is None
            ]
            if not running:
                return []
            self._read()
            told = [found for state in running if (found := self._judged(state, now_us))]
            if self._back:
                self._tell_workers(states, now_us)
            return told

    def _begin(self) -> None:
        from extproc.ledger.rollouts.local_tally import LocalTally

        self._states = read_states(self._root)
        self._entries = UnshippedEntries(self._root, self._place_stored)
        self._tally = LocalTally()

    def _read(self) -> None:
        assert self._entries is not None
        assert self._tally is not None
        self._tally.add_entries(row_of(entry) for entry in self._entries.read() if entry.rollout)
        self._tally.add_events(open_units(self._root).waiting)

    def _judged(self, state: RolloutState, now_us: int) -> str:
        assert self._tally is not None
        look = self._tally.look_of(state, now_us)
        verdict = decide(state.terms, look)
        if verdict.action is not RolloutAction.ROLL_BACK:
            return ""
        numbers = {"look": look.as_json(), "verdict": verdict_json(verdict)}
        content = noted(JournalKind.ROLLED_BACK, PROCESSOR, "by one machine, as the store did not answer", **numbers)
        back = {**self._back, state.id: LocalRollBack(state.id, state.revision, content)}
        write_rolled_back(self._root, back.values())
        self._back = back
        return (
            f"rollout {state.name}: {verdict.reasons[0]} The store does not answer, so on this machine alone all goes "
            f"to {state.stable} until it does."
        )

    # --- when the store answers ------------------------------------------------------------------------------------

    def to_store(self) -> list[LocalRollBack]:
        """What the store does not know yet."""
        with self._lock:
            return list(self._back.values())

    def stored(self, rollouts: list[LocalRollBack]) -> None:
        """The store knows them, or somebody was faster. Raises: OSError."""
        if rollouts:
            with self._lock:
                for one in rollouts:
                    self._back.pop(one.rollout, None)
                write_rolled_back(self._root, self._back.values())

    def tell_workers(self, states: list[RolloutState], seen: Mapping[str, TrafficSeen], now_us: int) -> None:
        """The store answers: its shares are in force. Raises: OSError.

        Args: seen: of the objects of a mesh, by the ids of rollouts.
        """
        with self._lock:
            self._seen = seen
            self._states = self._entries = self._tally = None
            write_states(self._root, states)
            self._tell_workers(states, now_us)

    def _tell_workers(self, states: list[RolloutState], now_us: int) -> None:
        gone_back = {"phase": RolloutPhase.ROLLED_BACK, "share": 0.0}
        now = [replace(one, **gone_back) if one.id in self._back else one for one in states]  # type: ignore[arg-type]
        write_rollout_file(self._root, [one.share_of(now_us, self._seen.get(one.id)) for one in now])
