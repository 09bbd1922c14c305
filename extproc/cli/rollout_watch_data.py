"""What ``extproc rollout watch`` shows of a store: a rollout, its gates, the time that is left, its last entries."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from extproc.cli.output import refuse
from extproc.cli.rollout_named import found_rollout
from extproc.cli.rollout_output import entry_data, status_data
from extproc.cli.rollout_shapes import JournalEntryJson, TimeLeftJson, WatchedRolloutJson
from extproc.domain.rollouts import OPEN, RolloutPhase
from extproc.ledger.rollouts.read_sums import read_look
from extproc.ledger.rollouts.states import RolloutState, journal_of, rollouts
from extproc.ledger.rollouts.traffic_seen import traffic_seen
from extproc.rollout.decide import decide
from extproc.rollout.look import RolloutLook
from extproc.rollout.time_left import Due, DueWhen, LookPoint, TimeLeft, look_points, time_left

ENTRIES_MAX: Final = 8
POINTS_MAX: Final = 2_000
_S_PER_HOUR: Final = 3_600.0


class WatchedRollout:
    """The rollout of a name, or the last one that runs or ran. Of its journal only what is new is read.

    Args: name: a name, an id or a model; None: any.
    """

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._forget("")

    def read(self, connection: Connection, now_us: int) -> WatchedRolloutJson:
        """As it is now; without a rollout the command ends. Raises: KeyError, ValueError: its journal is damaged."""
        state = _last(connection) if self._name is None else found_rollout(connection, self._name)
        if state.id != self._id:
            self._forget(state.id)
        self._read_journal(connection)
        look = read_look(connection, state, now_us) if state.phase in OPEN else self._last_look()
        verdict = None if look is None else decide(state.terms, look)
        left = None
        if look is not None and verdict is not None and state.phase is RolloutPhase.RUNNING:
            left = time_left(state.terms, look, verdict, tuple(self._points), now_us)
        seen = traffic_seen(connection).get(state.id)
        shown = status_data(state, look, verdict, seen)
        if state.phase not in OPEN:
            shown |= {"action": None, "reasons": [seen.problem] if seen is not None and seen.problem else []}
        return {**shown, "time_left": None if left is None else _left_data(left), "journal": list(self._entries)}

    def _forget(self, rollout: str) -> None:
        self._id = rollout
        self._read_up_to = 0
        self._look: Mapping[str, Any] | None = None
        self._points: deque[LookPoint] = deque(maxlen=POINTS_MAX)
        self._entries: deque[JournalEntryJson] = deque(maxlen=ENTRIES_MAX)

    def _read_journal(self, connection: Connection) -> None:
        new = journal_of(connection, self._id, self._read_up_to)
        self._points.extend(look_points(new))
        self._entries.extend(entry_data(one) for one in new[-ENTRIES_MAX:])
        self._look = next((found for one in reversed(new) if (found := one.values.get("look"))), self._look)
        self._read_up_to = new[-1].number if new else self._read_up_to

    def _last_look(self) -> RolloutLook | None:
        return None if self._look is None else RolloutLook.from_json(self._look)


def _last(connection: Connection) -> RolloutState:
    known = rollouts(connection)
    if not known:
        refuse("Nothing was rolled out. `extproc rollout start MODEL --to VERSION` begins.")
    return max(known, key=lambda one: (one.phase in OPEN, one.changed_at_us))


def _left_data(left: TimeLeft) -> TimeLeftJson:
    return {
        "when": left.due.when.value,
        "seconds": _seconds(left.due),
        "waits_for": left.waits_for,
        "answers_per_hour": left.answers_per_s * _S_PER_HOUR,
        "gates": [{"gate": name, "when": due.when.value, "seconds": _seconds(due)} for name, due in left.gates.items()],
        "until_over_s": left.until_over_s,
    }


def _seconds(due: Due) -> float | None:
    return due.seconds if due.when is DueWhen.THEN else None
