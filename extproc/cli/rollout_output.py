"""How ``extproc rollout`` shows rollouts, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.rollout_shapes import (
    ExplainedEntryJson,
    JournalEntryJson,
    RolloutExplainedJson,
    RolloutGateJson,
    RolloutHistoryJson,
    RolloutJson,
    RolloutStatusJson,
    RolloutTrafficJson,
)
from extproc.cli.tables import plain_text, print_line, print_table
from extproc.ledger.rollouts.states import RolloutState
from extproc.ledger.rollouts.traffic_seen import TrafficSeen
from extproc.rollout.decide import GateState, GateVerdict, RolloutVerdict
from extproc.rollout.explain import ExplainedJournal
from extproc.rollout.journal import JournalEntry
from extproc.rollout.look import RolloutLook
from extproc.rollout.shown_gates import shown_gate

_PERCENT: Final = 100.0
GATE_STATES: Final = {
    GateState.WORSE: Text("worse", "bold red"),
    GateState.NOT_WORSE: Text("ok", "green"),
    GateState.OPEN: Text("open"),
    GateState.NOT_MEASURED: Text("-", "dim"),
}


def rollout_data(state: RolloutState) -> RolloutJson:
    """A rollout as data."""
    return {
        "id": state.id,
        "name": state.name,
        "model": state.model,
        "stable": state.stable,
        "canary": state.canary,
        "stable_fingerprint": state.stable_fingerprint,
        "canary_fingerprint": state.canary_fingerprint,
        "phase": state.phase.value,
        "step": state.step,
        "steps": [step.percent for step in state.terms.steps],
        "share_percent": _PERCENT * state.share,
        "began": moment_of(state.created_at_us),
        "step_began": moment_of(state.step_began_at_us),
        "changed": moment_of(state.changed_at_us),
    }


def status_data(
    state: RolloutState, look: RolloutLook | None, verdict: RolloutVerdict | None, seen: TrafficSeen | None = None
) -> RolloutStatusJson:
    """The same with what its numbers say. Args: seen: of the object of a mesh, if it has one."""
    problems = [] if seen is None or not seen.problem else [seen.problem]
    return {
        **rollout_data(state),
        "action": None if verdict is None else verdict.action.value,
        "reasons": problems + ([] if verdict is None else list(verdict.reasons)),
        "gates": [] if verdict is None else [gate_data(gate) for gate in verdict.gates],
        "canary_units": 0 if look is None else sum(look.canary_units),
        "stable_units": 0 if look is None else sum(look.stable_units),
        "traffic": _traffic_data(state, seen or TrafficSeen()),
    }


def _traffic_data(state: RolloutState, seen: TrafficSeen) -> RolloutTrafficJson | None:
    traffic = state.terms.traffic
    if traffic is None:
        return None
    return {
        "object": f"{traffic.kind} {traffic.namespace}/{' and '.join(traffic.names)}",
        "share_percent": None if seen.share is None else _PERCENT * seen.share,
        "compared": seen.measures and not state.waits_for_mesh(seen),
        "problem": seen.problem,
    }


def gate_data(gate: GateVerdict) -> RolloutGateJson:
    """A gate as data."""
    found, shown = gate.evidence, shown_gate(gate)
    return {
        "gate": shown.gate,
        "state": shown.state,
        "unit": shown.unit,
        "harmful": shown.harmful,
        "margin": shown.margin,
        "roll_back_margin": shown.roll_back_margin,
        "difference": shown.difference,
        "low": shown.low,
        "high": shown.high,
        "evidence_worse": shown.evidence_worse,
        "evidence_not_worse": shown.evidence_not_worse,
        "canary_answers": 0 if found is None else int(found.canary_count),
        "stable_answers": 0 if found is None else int(found.stable_count),
        "canary_units": 0.0 if found is None else found.canary_units,
        "stable_units": 0.0 if found is None else found.stable_units,
    }


def history_data(state: RolloutState, entries: Sequence[JournalEntry]) -> RolloutHistoryJson:
    """A journal as data."""
    return {"rollout": rollout_data(state), "entries": [entry_data(entry) for entry in entries]}


def explained_data(state: RolloutState, explained: ExplainedJournal) -> RolloutExplainedJson:
    """A recomputed journal as data."""
    found: list[ExplainedEntryJson] = [
        {
            "number": one.number,
            "at": moment_of(one.at_us),
            "kind": one.kind.value,
            "by": one.made_by,
            "note": one.note,
            "recomputed": None if one.verdict is None else one.verdict.action.value,
            "reasons": [] if one.verdict is None else list(one.verdict.reasons),
            "agrees": one.agrees,
        }
        for one in explained.entries
    ]
    problem = "" if explained.broken is None else explained.broken.problem
    return {"rollout": rollout_data(state), "agrees": explained.agrees, "problem": problem, "entries": found}


def entry_data(entry: JournalEntry) -> JournalEntryJson:
    """An entry of a journal as data. Raises: KeyError, ValueError: it is damaged."""
    values = entry.values
    verdict = values.get("verdict") or {}
    return {
        "number": entry.number,
        "at": moment_of(entry.at_us),
        "kind": str(values["kind"]),
        "by": str(values["by"]),
        "note": str(values.get("note", "")),
        "reasons": list(verdict.get("reasons", [])),
        "hash": entry.hash,
    }


# --- for people ----------------------------------------------------------------------------------------------------


def print_status(console: Console, one: RolloutStatusJson) -> None:
    """A heading, the gates, and what follows."""
    print_rollout(console, one)
    if one["traffic"] is not None:
        share = one["traffic"]["share_percent"]
        has = "was not written yet" if share is None else f"has {share:g} %"
        compared = "" if one["traffic"]["compared"] else ", not compared yet"
        print_line(console, Text(f"{one['traffic']['object']} {has}{compared}"))
    if one["gates"]:
        print_gates(console, one["gates"])
    for reason in one["reasons"]:
        print_line(console, Text(plain_text(reason)))


def print_rollout(console: Console, one: RolloutJson) -> None:
    """Three lines."""
    steps = " ".join(f"[{step}]" if place == one["step"] else str(step) for place, step in enumerate(one["steps"], 1))
    heading = Text.assemble(
        (one["name"], "bold"),
        f"  {one['model']}: {one['stable']} to {one['canary']}, {one['phase'].replace('_', ' ')}, "
        f"{one['share_percent']:g} % canary",
    )
    print_line(console, heading)
    print_line(console, Text(f"steps {steps}"))
    print_line(console, Text(f"began {_short(one['began'])}, at this share since {_short(one['step_began'])} (UTC)"))


def print_gates(console: Console, gates: Sequence[RolloutGateJson]) -> None:
    """A table that fits 80 columns."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("gate", no_wrap=True)
    for name in ("canary", "difference", "interval", "margin"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("worse", "ok"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for one in gates:
        table.add_row(
            one["gate"],
            f"{one['canary_answers']:,}" if one["canary_answers"] else "-",
            _number(one["difference"]),
            "-" if one["difference"] is None else f"{_number(one['low'])} to {_number(one['high'])}",
            f"{one['margin']:g}",
            _share(one["evidence_worse"], one),
            _share(one["evidence_not_worse"], one),
            GATE_STATES[GateState(one["state"])],
        )
    print_table(console, table)


def print_history(console: Console, data: RolloutHistoryJson) -> None:
    """The entries, one below the other."""
    print_rollout(console, data["rollout"])
    for one in data["entries"]:
        said = one["note"] or " ".join(one["reasons"][:1])
        print_line(console, Text(plain_text(f"{one['number']:>4}  {one['at']}  {one['kind']:<12} {one['by']}  {said}")))


def print_explained(console: Console, data: RolloutExplainedJson) -> None:
    """Each decision with what was recomputed, and whether all agrees."""
    print_rollout(console, data["rollout"])
    for one in data["entries"]:
        found = "" if one["recomputed"] is None else f"recomputed: {one['recomputed']}"
        verdict = "" if one["agrees"] else "  DOES NOT FOLLOW"
        line = f"{one['number']:>4}  {one['at']}  {one['kind']:<12} {one['by']}  {found}{verdict}"
        print_line(console, Text(plain_text(line), "" if one["agrees"] else "bold red"))
    if data["problem"]:
        print_line(console, Text(f"The journal is not what was written: {data['problem']}.", "bold red"))
    elif data["agrees"]:
        print_line(console, Text(f"All of {len(data['entries'])} entries agree with their numbers."))


def moment_of(at_us: int) -> str:
    """In UTC."""
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).isoformat()


def _short(moment: str) -> str:
    return moment[:19].replace("T", " ")


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:+.2f}"


def _share(part: float, gate: RolloutGateJson) -> str:
    return "-" if gate["state"] == "not_measured" else f"{_PERCENT * min(part, 9.99):.0f} %"
