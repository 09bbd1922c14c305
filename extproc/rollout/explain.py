"""Recomputes the decisions of a rollout from its journal alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from extproc.config.rollouts import RolloutSection
from extproc.rollout.decide import GateVerdict, RolloutAction, RolloutVerdict, decide
from extproc.rollout.journal import PROCESSOR, JournalBroken, JournalEntry, JournalKind, broken_at
from extproc.rollout.look import RolloutLook

DECIDED: Final = {
    JournalKind.LOOKED: RolloutAction.HOLD,
    JournalKind.HELD: RolloutAction.HOLD,
    JournalKind.ADVANCED: RolloutAction.ADVANCE,
    JournalKind.PROMOTED: RolloutAction.PROMOTE,
    JournalKind.ROLLED_BACK: RolloutAction.ROLL_BACK,
    JournalKind.INCONCLUSIVE: RolloutAction.INCONCLUSIVE,
}
"""What each entry that was made from numbers says was decided."""


class Explained(NamedTuple):
    """One entry.

    Attributes:
        made_by: a person, or ``PROCESSOR``.
        verdict: recomputed; None: it was not made from numbers.
        agrees: whether the entry says the same; True without numbers.
    """

    number: int
    at_us: int
    kind: JournalKind
    made_by: str
    note: str
    verdict: RolloutVerdict | None
    look: RolloutLook | None
    agrees: bool


class ExplainedJournal(NamedTuple):
    """A journal. Attributes: broken: where it is not what it was; nothing after it is explained."""

    plan: RolloutSection | None
    entries: tuple[Explained, ...]
    broken: JournalBroken | None

    @property
    def agrees(self) -> bool:
        """Whether it is whole, and every decision follows from its numbers."""
        return self.broken is None and all(one.agrees for one in self.entries)


def explain(rollout: str, entries: Sequence[JournalEntry]) -> ExplainedJournal:
    """Recompute every decision. Args: entries: from the first on."""
    broken = broken_at(rollout, entries)
    whole = entries if broken is None else entries[: broken.number - 1]
    if not whole:
        return ExplainedJournal(None, (), broken or JournalBroken(1, "there is no entry"))
    try:
        plan = RolloutSection.model_validate_json(whole[0].values["plan"])
        found = tuple(_explained(plan, entry) for entry in whole)
    except (KeyError, TypeError, ValueError, ValidationError):
        return ExplainedJournal(None, (), JournalBroken(1, "the journal is of another release, or damaged"))
    return ExplainedJournal(plan, found, broken)


def _explained(plan: RolloutSection, entry: JournalEntry) -> Explained:
    values = entry.values
    kind, made_by = JournalKind(values["kind"]), str(values["by"])
    common = entry.number, entry.at_us, kind, made_by, str(values.get("note", ""))
    if values.get("look") is None:
        return Explained(*common, None, None, agrees=made_by != PROCESSOR or kind not in DECIDED)
    look = RolloutLook.from_json(values["look"])
    verdict = decide(plan, look)
    agrees = verdict.action is DECIDED.get(kind) if made_by == PROCESSOR else True
    same = all(
        _same(values["verdict"][name], value) for name, value in verdict_json(verdict).items() if name != "reasons"
    )
    return Explained(*common, verdict, look, agrees=agrees and same)


def verdict_json(verdict: RolloutVerdict) -> dict[str, Any]:
    """A decision for the journal; what is not finite is null."""
    values = verdict._asdict()
    values["gates"] = [_gate_json(gate) for gate in verdict.gates]
    values["reasons"] = list(verdict.reasons)
    return {name: _finite(value) for name, value in values.items()}


def _gate_json(gate: GateVerdict) -> dict[str, Any]:
    evidence = (
        None
        if gate.evidence is None
        else {name: _finite(float(value)) for name, value in gate.evidence._asdict().items()}
    )
    return {**gate._asdict(), "evidence": evidence}


def _same(written: Any, found: Any) -> bool:
    """Whether both say the same; the last digits of a float depend on the machine."""
    if isinstance(found, float) and isinstance(written, (int, float)):
        return math.isclose(written, found, rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(found, dict):
        return isinstance(written, dict) and all(_same(written.get(name), value) for name, value in found.items())
    if isinstance(found, (list, tuple)):
        return isinstance(written, list) and len(written) == len(found) and all(map(_same, written, found))
    return bool(written == found)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def noted(kind: JournalKind, by: str, note: str = "", **more: Any) -> Mapping[str, Any]:
    """The content of an entry."""
    return {"kind": kind.value, "by": by, "note": note, **more}
