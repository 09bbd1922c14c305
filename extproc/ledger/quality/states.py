"""What is known of each signal of each version: the state of its detector, and what people are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, delete, select

from extproc.ledger.quality.sums import SeriesName
from extproc.ledger.quality.tables import STATES
from extproc.ledger.slots import insert_into

_KEYS = ("model", "version", "signal")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDrift:
    """A signal of a version as people see it.

    Attributes:
        reference: `ready`, or why there is none: `empty`, `few_events`.
        answers: that count in `now`; older ones count less.
        now, expected: rates, or geometric means, in the unit of the signal; None: nothing could be compared.
        effect: `now` relative to `expected`: 0.2 is a fifth more, -0.2 a fifth less; 0 without answers.
        evidence: of drift, as a part of what raises the alarm.
        since: while there is an alarm the effect since the drift seems to have begun, with ``low`` and ``high``, an
            interval that holds at every look with 95 %.
        raised_us: when the alarm was raised [us since 1970]; 0: there is none.
        stratum: in which the drift is, if it is not in all; a route and a team.
        left_out: strata that were not compared in the last block.
        at_us: when it was last looked at.
    """

    model: str
    version: str
    fingerprint: str
    signal: str
    reference: str
    answers: float = 0.0
    now: float | None = None
    expected: float | None = None
    effect: float = 0.0
    evidence: float = 0.0
    alarm: bool = False
    since: float | None = None
    low: float | None = None
    high: float | None = None
    raised_us: int = 0
    stratum: str = ""
    left_out: int = 0
    at_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftChange:
    """An alarm that was raised, or cleared. Attributes: reason: `replaced`: another revision answers now."""

    kind: Literal["raised", "cleared"]
    shown: ShownDrift
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SignalState:
    """A row. Attributes: compared_with: the settings that it is for. state: of ``SignalDrift``."""

    name: SeriesName
    signal: str
    compared_with: str
    state: dict[str, Any]
    shown: ShownDrift


def signal_states(connection: Connection) -> dict[tuple[str, str, str], SignalState]:
    """All, by model, version and signal. What another release has written, and is of no use, is left out."""
    found = {}
    for row in connection.execute(select(STATES)).mappings():
        name = SeriesName(row["model"], row["version"], row["fingerprint"], row["prompt_fingerprint"])
        try:
            shown = ShownDrift(**orjson.loads(row["shown"]))
            state = SignalState(name, row["signal"], row["compared_with"], orjson.loads(row["state"]), shown)
        except (ValueError, TypeError):
            continue
        found[state.name.model, state.name.version, state.signal] = state
    return found


def shown_drifts(connection: Connection) -> list[ShownDrift]:
    """What people are shown, by model, version and signal."""
    return [one.shown for _, one in sorted(signal_states(connection).items())]


def store_states(connection: Connection, states: Iterable[SignalState]) -> None:
    """Store states, in a transaction that writes."""
    rows = [
        {
            **one.name._asdict(),
            "signal": one.signal,
            "compared_with": one.compared_with,
            "state": orjson.dumps(one.state).decode(),
            "shown": orjson.dumps(asdict(one.shown)).decode(),
        }
        for one in states
    ]
    if rows:
        statement = insert_into(connection, STATES)
        more = {name: statement.excluded[name] for name in rows[0] if name not in _KEYS}
        connection.execute(statement.on_conflict_do_update(index_elements=_KEYS, set_=more), rows)


def forget_states(connection: Connection, names: Iterable[SeriesName]) -> None:
    """Delete those of revisions without sums."""
    for name in names:
        conditions = [STATES.c[one] == value for one, value in name._asdict().items()]
        connection.execute(delete(STATES).where(*conditions))
