"""What people do with a rollout. It wins over what the numbers say, and the journal has who did it, and why."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

from extproc.domain.rollouts import OPEN, RolloutPhase
from extproc.ledger.rollouts.read_sums import read_look
from extproc.ledger.rollouts.states import RolloutRefused, RolloutState, change_rollout, refuse_stranger
from extproc.rollout.decide import decide
from extproc.rollout.explain import noted, verdict_json
from extproc.rollout.journal import JournalKind

_CHANGES: Final[dict[JournalKind, dict[str, Any]]] = {
    JournalKind.PAUSED: {"phase": RolloutPhase.PAUSED},
    JournalKind.RESUMED: {"phase": RolloutPhase.RUNNING},
    JournalKind.PROMOTED: {"phase": RolloutPhase.PROMOTED, "share": 1.0},
    JournalKind.ROLLED_BACK: {"phase": RolloutPhase.ROLLED_BACK, "share": 0.0},
}
_FROM: Final = {
    JournalKind.PAUSED: frozenset({RolloutPhase.RUNNING}),
    JournalKind.RESUMED: frozenset({RolloutPhase.PAUSED}),
    # What was decided can be undone: a promoted canary goes back, one that went back is promoted after all.
    JournalKind.PROMOTED: frozenset(RolloutPhase) - {RolloutPhase.PROMOTED, RolloutPhase.BROKEN_OFF},
    JournalKind.ROLLED_BACK: frozenset(RolloutPhase) - {RolloutPhase.ROLLED_BACK, RolloutPhase.BROKEN_OFF},
}


def change_by_hand(
    connection: Connection, state: RolloutState, kind: JournalKind, made_by: str, note: str, now_us: int
) -> RolloutState:
    """Change a rollout, in a transaction that writes; the journal gets the numbers of the moment as well.

    Raises: RolloutRefused, RolloutChanged.
    """
    refuse_stranger(state.terms, made_by)
    if state.phase not in _FROM[kind]:
        raise RolloutRefused(f"{state.name} is {state.phase.value.replace('_', ' ')}, so it cannot be {kind.value}.")
    numbers: dict[str, Any] = {}
    if state.phase in OPEN:
        look = read_look(connection, state, now_us)
        numbers = {"look": look.as_json(), "verdict": verdict_json(decide(state.terms, look))}
    return change_rollout(connection, state, noted(kind, made_by, note, **numbers), now_us, **_CHANGES[kind])
