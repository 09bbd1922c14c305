"""What the process that decides does with a rollout: looks at its sums, and changes its state by what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from extproc.config.rollouts import RolloutSection
from extproc.domain.rollouts import RolloutPhase
from extproc.ledger.rollouts.local_files import LocalRollBack
from extproc.ledger.rollouts.read_sums import read_look
from extproc.ledger.rollouts.settings import ComparedArms, RolloutSettings
from extproc.ledger.rollouts.states import (
    RolloutChanged,
    RolloutState,
    change_rollout,
    last_entry,
    new_rollout,
    note_look,
    open_rollout,
    rollout_of,
    rollouts,
)
from extproc.rollout.decide import LOG_MISMATCH_AT, RolloutAction, RolloutVerdict, decide, is_mismatched
from extproc.rollout.explain import noted, verdict_json
from extproc.rollout.journal import PROCESSOR, JournalEntry, JournalKind
from extproc.rollout.look import RolloutLook

LOOKED_S_MIN: Final = 30.0
"""Between two entries of looks that changed nothing; later a hundredth of the time that the rollout has taken."""
_LOOKED_PART: Final = 0.01
_KINDS: Final = {
    RolloutAction.ADVANCE: JournalKind.ADVANCED,
    RolloutAction.PROMOTE: JournalKind.PROMOTED,
    RolloutAction.ROLL_BACK: JournalKind.ROLLED_BACK,
    RolloutAction.INCONCLUSIVE: JournalKind.INCONCLUSIVE,
}


class RolloutChange(NamedTuple):
    """What is to be told.

    Attributes:
        made_by: a person, or ``PROCESSOR``.
        reasons: sentences; of a person what they gave.
    """

    rollout: str
    name: str
    model: str
    stable: str
    canary: str
    kind: JournalKind
    step: int
    share: float
    made_by: str
    reasons: tuple[str, ...]
    at_us: int


class LookedAt(NamedTuple):
    """A rollout with what is known of it. Attributes: change: None: nothing was changed."""

    state: RolloutState
    look: RolloutLook | None
    verdict: RolloutVerdict | None
    change: RolloutChange | None


class RolloutDecision(NamedTuple):
    """What is to be written. Attributes: changes: of the row; None: only the journal gets an entry."""

    content: dict[str, Any]
    changes: dict[str, Any] | None


def look_at(connection: Connection, state: RolloutState, now_us: int) -> tuple[LookedAt, RolloutDecision | None]:
    """Look at a running rollout, in a transaction that reads. Returns: what is to be written, if anything."""
    plan, look = state.terms, read_look(connection, state, now_us)
    verdict = decide(plan, look)
    kind = _KINDS.get(verdict.action) or _quiet_kind(last_entry(connection, state.id), look, verdict, now_us)
    looked = LookedAt(state, look, verdict, None)
    if kind is None:
        return looked, None
    content = noted(kind, PROCESSOR, look=look.as_json(), verdict=verdict_json(verdict))
    changes = _changed(plan, state, verdict.action, now_us) if verdict.action is not RolloutAction.HOLD else None
    return looked, RolloutDecision(dict(content), changes)


def write_decision(connection: Connection, looked: LookedAt, decision: RolloutDecision, now_us: int) -> LookedAt:
    """Write it, in a transaction that writes. Raises: RolloutChanged."""
    state = looked.state
    if decision.changes is None:
        note_look(connection, state, decision.content, now_us)
    else:
        state = change_rollout(connection, state, decision.content, now_us, **decision.changes)
    kind = JournalKind(decision.content["kind"])
    if kind is JournalKind.LOOKED:
        return looked
    reasons = () if looked.verdict is None else looked.verdict.reasons
    return looked._replace(state=state, change=change_of(state, kind, PROCESSOR, reasons, now_us))


def change_of(
    state: RolloutState, kind: JournalKind, made_by: str, reasons: tuple[str, ...], now_us: int
) -> RolloutChange:
    """A change of a rollout, as it is told."""
    names = state.id, state.name, state.model, state.stable, state.canary
    return RolloutChange(*names, kind, state.step, state.share, made_by, reasons, now_us)


def why_broken(state: RolloutState, settings: RolloutSettings) -> str:
    """Why an open rollout cannot go on by the configuration of this process; empty: it can.

    A process whose configuration does not have the model at all says nothing: it may be another service.
    """
    if not settings.has_model(state.model):
        return ""
    for role, name, fingerprint, weight in _arms(state):
        found = settings.version(state.model, name)
        if found is None:
            return f"The configuration has no version {state.model}/{name} any more, which is the {role}."
        if found.fingerprint != fingerprint:
            return (
                f"{state.model}/{name}, the {role}, is another revision now ({found.fingerprint}, not {fingerprint}): "
                "what was seen of it is not comparable. Start a new rollout."
            )
        if found.weight != weight and state.terms.traffic is None:
            return (
                f"The weight of {state.model}/{name} was changed from {weight} to {found.weight} by hand, which wins. "
                "Leave weights alone during a rollout; `extproc rollout promote` and `rollback` change the share."
            )
    return ""


def break_off(connection: Connection, state: RolloutState, reason: str, now_us: int, share: float = 0.0) -> LookedAt:
    """End a comparison, in a transaction that writes. Raises: RolloutChanged."""
    content = noted(JournalKind.BROKEN_OFF, PROCESSOR, reason)
    after = change_rollout(connection, state, content, now_us, phase=RolloutPhase.BROKEN_OFF, share=share)
    change = change_of(after, JournalKind.BROKEN_OFF, PROCESSOR, (reason,), now_us)
    return LookedAt(after, None, None, change)


def roll_back_as_seen(connection: Connection, seen: LocalRollBack, now_us: int) -> RolloutChange:
    """Roll back what one machine has rolled back already, in a transaction that writes.

    Raises: RolloutChanged: it is not any more what that machine knew of it.
    """
    state = rollout_of(connection, seen.rollout)
    if state is None or state.revision != seen.revision:
        raise RolloutChanged
    after = change_rollout(connection, state, seen.content, now_us, phase=RolloutPhase.ROLLED_BACK, share=0.0)
    reasons = tuple(seen.content["verdict"]["reasons"])
    return change_of(after, JournalKind.ROLLED_BACK, PROCESSOR, reasons, now_us)


def due_rollouts(connection: Connection, settings: RolloutSettings) -> Iterator[tuple[RolloutSection, ComparedArms]]:
    """Rollouts of the configuration that have not been, with versions as they are now.

    One that was rolled back or promoted does not begin again: that takes another revision, or a person.
    """
    for plan in settings.declared:
        arms = settings.arms(plan)
        if arms is None or open_rollout(connection, plan.model) is not None:
            continue
        known = {one.arms[:2] for one in rollouts(connection) if (one.model, one.canary) == (plan.model, plan.canary)}
        if arms[:2] not in known:
            yield plan, arms


def begin(
    connection: Connection, plan: RolloutSection, arms: ComparedArms, new_id: Callable[[], str], now_us: int
) -> LookedAt:
    """Begin a rollout of the configuration, in a transaction that writes. Raises: RolloutRefused."""
    state = new_rollout(connection, plan, arms, new_id(), PROCESSOR, now_us)
    return LookedAt(state, None, None, change_of(state, JournalKind.STARTED, PROCESSOR, (), now_us))


def _changed(plan: RolloutSection, state: RolloutState, action: RolloutAction, now_us: int) -> dict[str, Any]:
    """The row after a decision."""
    if action is RolloutAction.ADVANCE:
        share = plan.steps[state.step].percent / 100
        return {"step": state.step + 1, "share": share, "step_began_at_us": now_us}
    if action is RolloutAction.PROMOTE:
        return {"phase": RolloutPhase.PROMOTED, "share": 1.0}
    if action is RolloutAction.ROLL_BACK:
        return {"phase": RolloutPhase.ROLLED_BACK, "share": 0.0}
    share = state.share if plan.when_inconclusive == "hold" else 0.0
    return {"phase": RolloutPhase.INCONCLUSIVE, "share": share}


def _quiet_kind(
    before: JournalEntry | None, look: RolloutLook, verdict: RolloutVerdict, now_us: int
) -> JournalKind | None:
    """The entry of a look that changes nothing; None: it is too soon for one."""
    if is_mismatched(verdict) and (before is None or not _was_mismatched(before)):
        return JournalKind.HELD
    pause_s = max(LOOKED_S_MIN, look.total_s * _LOOKED_PART)
    is_due = before is None or now_us - before.at_us >= pause_s * 1_000_000
    return JournalKind.LOOKED if is_due else None


def _was_mismatched(entry: JournalEntry) -> bool:
    verdict = entry.values.get("verdict")
    return verdict is not None and max(verdict["mismatch"], verdict["left_out"]) >= LOG_MISMATCH_AT


def _arms(state: RolloutState) -> Iterator[tuple[str, str, str, int]]:
    yield "stable version", state.stable, state.stable_fingerprint, state.stable_weight
    yield "canary", state.canary, state.canary_fingerprint, state.canary_weight
