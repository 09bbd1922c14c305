"""The verdict of each rollout for controllers of deliveries, read from the state and the journal in the store.

So every replica says the same, also one that does not decide. A decision is known at once; numbers are those of the
last entry of the journal that has some.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from extproc.domain.rollouts import NOT_HARMED, OPEN, ControllerVerdict, RolloutPhase
from extproc.ledger.rollouts.states import RolloutState, last_entries, last_number, rollouts
from extproc.rollout.decide import RolloutAction, RolloutVerdict, decide
from extproc.rollout.journal import PROCESSOR, JournalEntry, JournalKind
from extproc.rollout.look import RolloutLook
from extproc.rollout.shown_gates import shown_gate

VERDICTS_MAX: Final = 100
"""Rollouts that are known: those that run, then the newest ones."""
_ENTRIES_MAX: Final = 10
"""Entries in which numbers are looked for; only what people do to a rollout that is over has none."""
_PERCENT: Final = 100.0
_OF_PHASE: Final = {
    RolloutPhase.PAUSED: ControllerVerdict.PAUSED,
    RolloutPhase.PROMOTED: ControllerVerdict.PROMOTED,
    RolloutPhase.ROLLED_BACK: ControllerVerdict.ROLLED_BACK,
    RolloutPhase.INCONCLUSIVE: ControllerVerdict.INCONCLUSIVE,
    RolloutPhase.BROKEN_OFF: ControllerVerdict.BROKEN_OFF,
}
_OF_ACTION: Final = {
    RolloutAction.ADVANCE: ControllerVerdict.ADVANCE,
    RolloutAction.PROMOTE: ControllerVerdict.ADVANCE,
    RolloutAction.HOLD: ControllerVerdict.HOLD,
    RolloutAction.ROLL_BACK: ControllerVerdict.ROLL_BACK,
    RolloutAction.INCONCLUSIVE: ControllerVerdict.INCONCLUSIVE,
}
_NAMES: Final = ("id", "name", "model", "stable", "canary", "stable_fingerprint", "canary_fingerprint")


class VerdictsRead(NamedTuple):
    """What is new.

    Attributes:
        ids: of all that are known, the oldest first.
        changed: verdicts that may be new, as JSON.
        by_hand: entries that people made since the reading before, the oldest first; none at the first one.
    """

    ids: tuple[str, ...]
    changed: tuple[Mapping[str, Any], ...]
    by_hand: tuple[tuple[RolloutState, JournalEntry], ...]


class VerdictReader:
    """Reads verdicts again and again; of a rollout without a new entry only the state."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[int, int]] | None = None
        self._newest: dict[str, int] = {}

    def read(self, connection: Connection) -> VerdictsRead:
        """What is new, in a transaction that reads; a plan of another release is left out, and others go on."""
        before, marks, newest = self._read or {}, {}, {}
        changed, by_hand = [], []
        for state in _known(rollouts(connection)):
            number = last_number(connection, state.id) if state.phase in OPEN else 0
            marks[state.id], newest[state.id] = (state.revision, number), self._newest.get(state.id, 0)
            if before.get(state.id) != marks[state.id] and state.is_readable:
                entries = last_entries(connection, state.id, _ENTRIES_MAX)
                changed.append(_verdict(state, entries))
                by_hand += [(state, one) for one in reversed(entries) if one.number > newest[state.id]]
                newest[state.id] = max((one.number for one in entries), default=0)
        is_first, self._read, self._newest = self._read is None, marks, newest
        return VerdictsRead(tuple(marks), tuple(changed), () if is_first else tuple(filter(_is_by_hand, by_hand)))


def _known(every: Sequence[RolloutState]) -> list[RolloutState]:
    """The oldest first."""
    kept = {one.id for one in sorted(every, key=lambda one: one.phase in OPEN)[-VERDICTS_MAX:]}
    return [one for one in every if one.id in kept]


def _is_by_hand(one: tuple[RolloutState, JournalEntry]) -> bool:
    try:
        return bool(one[1].values["by"] != PROCESSOR)
    except (KeyError, ValueError):  # damaged
        return False


def _verdict(state: RolloutState, entries: Sequence[JournalEntry]) -> Mapping[str, Any]:
    try:
        return verdict_of(state, entries)
    except (KeyError, TypeError, ValueError):
        damaged = f"Its journal cannot be read; `extproc rollout explain {state.name}` says where."
        return {**verdict_of(state, ()), "reasons": [damaged]}


def verdict_of(state: RolloutState, entries: Sequence[JournalEntry]) -> Mapping[str, Any]:
    """A verdict as JSON; who answers adds how old it is. Args: entries: the newest first."""
    at_us, decided = _decided(state, entries)
    newest = entries[0].values if entries else {}
    if state.phase is RolloutPhase.RUNNING:
        has_numbers = decided is not None and newest.get("look") is not None
        verdict = _OF_ACTION[decided.action] if decided and has_numbers else ControllerVerdict.HOLD
    else:
        verdict = _OF_PHASE[state.phase]
    return {
        **{name: getattr(state, name) for name in _NAMES},
        "phase": state.phase.value,
        "step": state.step,
        "steps": [step.percent for step in state.terms.steps],
        "share_percent": _PERCENT * state.share,
        "verdict": verdict.value,
        "healthy": int(verdict in NOT_HARMED),
        "reasons": _reasons(state, newest, decided),
        "gates": [] if decided is None else [shown_gate(gate)._asdict() for gate in decided.gates],
        "changed": _moment(state.changed_at_us),
        "numbers_at": None if at_us is None else _moment(at_us),
    }


def _decided(state: RolloutState, entries: Sequence[JournalEntry]) -> tuple[int | None, RolloutVerdict | None]:
    """What follows from the last numbers, and when they were read."""
    for entry in entries:
        if entry.values.get("look") is not None:
            return entry.at_us, decide(state.terms, RolloutLook.from_json(entry.values["look"]))
    return None, None


def _reasons(state: RolloutState, newest: Mapping[str, Any], decided: RolloutVerdict | None) -> list[str]:
    """Sentences. What a person wrote is not for everybody who reaches the page."""
    kind = newest.get("kind")
    if newest.get("by") != PROCESSOR and kind != JournalKind.STARTED:
        what = state.phase.value.replace("_", " ")
        return [f"A person decided that it is {what}; `extproc rollout history {state.name}` says who, and why."]
    if kind == JournalKind.BROKEN_OFF:
        return [str(newest.get("note", ""))]
    if decided is None:
        return ["It has begun; nothing was looked at yet."]
    return list(decided.reasons)


def _moment(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).isoformat()
