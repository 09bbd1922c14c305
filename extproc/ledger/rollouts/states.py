"""The state of rollouts, and their journal. Both change in one transaction, and only if nobody was faster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError

from extproc.config.problems import names
from extproc.config.rollouts import RolloutSection
from extproc.domain.rollouts import OPEN, RolloutPhase, RolloutShare
from extproc.ledger.rollouts.settings import ComparedArms
from extproc.ledger.rollouts.tables import JOURNAL, ROLLOUTS
from extproc.ledger.rollouts.traffic_seen import TrafficSeen
from extproc.rollout.explain import noted
from extproc.rollout.journal import PROCESSOR, JournalEntry, JournalKind, appended


class RolloutChanged(Exception):
    """Somebody else changed the rollout meanwhile. Look again."""


class RolloutRefused(ValueError):
    """A change that cannot be. The message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutState:
    """A row of ``rollouts``; its columns have the same names.

    Attributes:
        plan: JSON of ``RolloutSection``.
        step: from 1 on.
        share: of the canary, from 0 to 1.
        open_model: the model while something is compared.
        revision: of this row.
    """

    id: str
    name: str
    model: str
    stable: str
    canary: str
    stable_fingerprint: str
    canary_fingerprint: str
    stable_weight: int
    canary_weight: int
    plan: str
    phase: RolloutPhase
    step: int
    share: float
    open_model: str | None
    created_at_us: int
    step_began_at_us: int
    changed_at_us: int
    revision: int

    @property
    def arms(self) -> ComparedArms:
        """What is compared."""
        return ComparedArms(*(getattr(self, name) for name in ComparedArms._fields))

    @property
    def is_readable(self) -> bool:
        """Whether this release understands the plan."""
        try:
            return bool(self.terms)
        except ValidationError:
            return False

    @property
    def terms(self) -> RolloutSection:
        """The plan."""
        return RolloutSection.model_validate_json(self.plan)

    def waits_for_mesh(self, seen: TrafficSeen | None) -> bool:
        """Whether the object of a mesh has another share, as far as is known. Args: seen: None: it was not seen."""
        return self.terms.traffic is not None and (seen is None or seen.share != self.share)

    def share_of(self, now_us: int, seen: TrafficSeen | None = None) -> RolloutShare:
        """For the processes that serve. In its warm-up a rollout is at step 0, which is not compared.

        Args: seen: of the object of a mesh; without one that has the share for a while nothing is compared.
        """
        terms = self.terms
        by_mesh = terms.traffic is not None
        is_there = not by_mesh or (seen is not None and seen.share == self.share and seen.measures)
        warms_up = self.step == 1 and now_us - self.created_at_us < terms.warm_up_s * 1_000_000
        return RolloutShare(
            id=self.id,
            model=self.model,
            stable=self.stable,
            canary=self.canary,
            stable_fingerprint=self.stable_fingerprint,
            canary_fingerprint=self.canary_fingerprint,
            stable_weight=None if by_mesh else self.stable_weight,
            canary_weight=None if by_mesh else self.canary_weight,
            teams=terms.teams,
            step=0 if warms_up else self.step,
            share=self.share,
            measures=self.phase in OPEN and is_there,
            by_mesh=by_mesh,
        )


_NAMES = tuple(one.name for one in fields(RolloutState))


def new_rollout(
    connection: Connection,
    plan: RolloutSection,
    arms: ComparedArms,
    rollout: str,
    by: str,
    now_us: int,
    note: str = "",
) -> RolloutState:
    """Begin a rollout at its first step, in a transaction that writes.

    Args: rollout: its id, new.
    Raises: RolloutRefused: the model has an open one, or this person may not.
    """
    state = RolloutState(
        id=rollout,
        name=plan.name,
        model=plan.model,
        stable=plan.stable,
        canary=plan.canary,
        **arms._asdict(),
        plan=plan.model_dump_json(),
        phase=RolloutPhase.RUNNING,
        step=1,
        share=plan.steps[0].percent / 100,
        open_model=plan.model,
        created_at_us=now_us,
        step_began_at_us=now_us,
        changed_at_us=now_us,
        revision=1,
    )
    refuse_stranger(plan, by)
    opened = open_rollout(connection, plan.model)
    if opened is not None:
        raise RolloutRefused(
            f"{plan.model} is being rolled out already: {opened.name}, {opened.stable} to {opened.canary}. Promote it "
            "or roll it back first."
        )
    try:
        with connection.begin_nested():
            connection.execute(insert(ROLLOUTS).values(_row(state)))
    except IntegrityError:
        raise RolloutRefused(f"{plan.model} is being rolled out since a moment ago. Look at it first.") from None
    content = noted(JournalKind.STARTED, by, note, plan=state.plan, arms=arms._asdict())
    _append(connection, rollout, now_us, content)
    return state


def refuse_stranger(plan: RolloutSection, by: str) -> None:
    """Raises: RolloutRefused: the plan names operators, and this is none of them."""
    if plan.operators and by not in (*plan.operators, PROCESSOR):
        raise RolloutRefused(
            f"{by} is no operator of {plan.name}; its plan names {names(plan.operators)}. Ask one of them, or say with "
            "--by who you are."
        )


def change_rollout(
    connection: Connection, before: RolloutState, content: Mapping[str, Any], now_us: int, **changes: Any
) -> RolloutState:
    """Change a rollout and note why, in a transaction that writes.

    Args: before: as it was read; content: of the journal's entry; changes: of the row.
    Raises: RolloutChanged.
    """
    after = replace(before, **changes, changed_at_us=now_us, revision=before.revision + 1)
    after = replace(after, open_model=after.model if after.phase in OPEN else None)
    at = (ROLLOUTS.c.id == before.id) & (ROLLOUTS.c.revision == before.revision)
    if not connection.execute(update(ROLLOUTS).where(at).values(_row(after))).rowcount:
        raise RolloutChanged
    _append(connection, before.id, now_us, content)
    return after


def note_look(connection: Connection, state: RolloutState, content: Mapping[str, Any], now_us: int) -> None:
    """Note a look that changed nothing, in a transaction that writes. Raises: RolloutChanged."""
    at = (ROLLOUTS.c.id == state.id) & (ROLLOUTS.c.revision == state.revision)
    if not connection.execute(update(ROLLOUTS).where(at).values(changed_at_us=ROLLOUTS.c.changed_at_us)).rowcount:
        raise RolloutChanged
    _append(connection, state.id, now_us, content)


def open_rollout(connection: Connection, model: str) -> RolloutState | None:
    """The rollout of a model that is not over."""
    row = connection.execute(select(ROLLOUTS).where(ROLLOUTS.c.open_model == model)).mappings().one_or_none()
    return None if row is None else _state(row)


def rollout_of(connection: Connection, rollout: str) -> RolloutState | None:
    """The rollout with an id."""
    row = connection.execute(select(ROLLOUTS).where(ROLLOUTS.c.id == rollout)).mappings().one_or_none()
    return None if row is None else _state(row)


def rollouts(connection: Connection, name: str | None = None) -> list[RolloutState]:
    """All rollouts, or those of a name, the oldest first."""
    query = select(ROLLOUTS).order_by(ROLLOUTS.c.created_at_us, ROLLOUTS.c.id)
    if name is not None:
        query = query.where(ROLLOUTS.c.name == name)
    return [_state(row) for row in connection.execute(query).mappings()]


def last_rollouts(connection: Connection) -> list[RolloutState]:
    """The last rollout of each model: what it left is in force until the configuration says otherwise.

    One with a plan of another release is left out: others go on.
    """
    return [one for one in {one.model: one for one in rollouts(connection)}.values() if one.is_readable]


def journal_of(connection: Connection, rollout: str, after: int = 0) -> list[JournalEntry]:
    """The journal, from the first entry on. Args: after: only what follows this number."""
    columns = (JOURNAL.c[name] for name in JournalEntry._fields)
    is_wanted = (JOURNAL.c.rollout == rollout) & (JOURNAL.c.number > after)
    query = select(*columns).where(is_wanted).order_by(JOURNAL.c.number)
    return [JournalEntry(*row) for row in connection.execute(query)]


def last_entry(connection: Connection, rollout: str) -> JournalEntry | None:
    """The end of the journal."""
    return next(iter(last_entries(connection, rollout, 1)), None)


def last_entries(connection: Connection, rollout: str, count: int) -> list[JournalEntry]:
    """The last entries of the journal, the newest first."""
    columns = (JOURNAL.c[name] for name in JournalEntry._fields)
    query = select(*columns).where(JOURNAL.c.rollout == rollout).order_by(JOURNAL.c.number.desc()).limit(count)
    return [JournalEntry(*row) for row in connection.execute(query)]


def last_number(connection: Connection, rollout: str) -> int:
    """The number of the last entry, without its content; 0: there is none."""
    query = select(JOURNAL.c.number).where(JOURNAL.c.rollout == rollout).order_by(JOURNAL.c.number.desc()).limit(1)
    return connection.execute(query).scalar() or 0


def _append(connection: Connection, rollout: str, now_us: int, content: Mapping[str, Any]) -> None:
    entry = appended(last_entry(connection, rollout), rollout, now_us, content)
    connection.execute(insert(JOURNAL).values(rollout=rollout, **entry._asdict()))


def _state(row: RowMapping) -> RolloutState:
    values = {name: row[name] for name in _NAMES}
    return RolloutState(**{**values, "phase": RolloutPhase(values["phase"])})


def _row(state: RolloutState) -> dict[str, Any]:
    return asdict(state) | {"phase": state.phase.value}
