"""The table of gates in ``docs/rollouts.md``, as ``domain/rollout_gates.py`` lists them."""

from __future__ import annotations

from extproc.domain.rollout_gates import GATES


def gates_table() -> str:
    """One row for each gate."""
    rows = ["| gate | what | worse means | goes on if worse by less than |", "|---|---|---|---|"]
    for gate in GATES:
        unit = "points" if gate.is_rate else "%"
        either = ", up or down" if gate.worse.value == "either" else ""
        rows.append(f"| `{gate.name}` | {gate.meaning} | {gate.harm} | {100 * gate.promote:g} {unit}{either} |")
    return "\n".join(rows)
