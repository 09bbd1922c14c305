"""The gates of a rollout on its page: their last values, and each one over time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final, NamedTuple

from extproc.domain.rollout_gates import GATES, Worse
from extproc.reports.html_parts import name_cell, section_of, table_of
from extproc.reports.time_plots import Curve, TimePlot, curves
from extproc.reports.units import duration_in_words
from extproc.rollout.decide import GateFound, GateState, GateVerdict

_PERCENT: Final = 100.0
_DIGITS: Final = 4
_MARGINS_SHOWN: Final = 3.0
_EVIDENCE_MAX: Final = 300.0
_STATES: Final = {
    GateState.WORSE: "worse",
    GateState.NOT_WORSE: "not worse",
    GateState.OPEN: "not decided",
    GateState.NOT_MEASURED: "no values",
}
_TWO_SIDED: Final = frozenset(gate.name for gate in GATES if gate.worse is Worse.EITHER)
_FIGURES: Final = (
    "answers of the canary",
    "difference",
    "interval",
    "margin",
    "evidence: worse",
    "evidence: not worse",
)


class GateLook(NamedTuple):
    """The gates at one look. Attributes: at_s: since the rollout began."""

    at_s: float
    gates: Sequence[GateVerdict]


class _Known(NamedTuple):
    """One gate at one look at which it had values."""

    at_s: float
    gate: GateVerdict
    found: GateFound


def gate_table(gates: Sequence[GateVerdict]) -> str:
    """The last values of all gates."""
    body = []
    for gate in gates:
        figures = [""] * len(_FIGURES) if gate.evidence is None else _figures(gate, gate.evidence)
        cells = "".join(f"<td>{escape(figure)}</td>" for figure in figures)
        body.append(f"<tr>{name_cell(gate.name)}{name_cell(_STATES[gate.state])}{cells}</tr>")
    return table_of("Gates at the last look", _heads("gate", "state"), body)


def gate_parts(looks: Sequence[GateLook]) -> Iterator[str]:
    """Two plots and a table for each gate that had values."""
    span_s = max(looks[-1].at_s, 1.0)
    for place in range(len(looks[-1].gates)):
        both = ((look.at_s, look.gates[place]) for look in looks)
        known = [_Known(at_s, gate, gate.evidence) for at_s, gate in both if gate.evidence is not None]
        if known:
            for plot in (_difference(known, span_s), _evidence(known, span_s)):
                yield section_of(plot, curves(plot))
            yield _looked(known)


def _difference(known: Sequence[_Known], span_s: float) -> TimePlot:
    gate = known[-1].gate
    margin = _PERCENT * gate.promote
    widest = _MARGINS_SHOWN * max(_PERCENT * one.gate.promote for one in known)
    seen = max(abs(_shown(one.found.estimate, gate.is_rate)) for one in known)
    bound = max(2 * margin, min(1.2 * seen, widest))
    margins = [(one.at_s, _PERCENT * one.gate.promote) for one in known]
    series = [
        Curve("difference, with its interval", [(one.at_s, _shown(one.found.estimate, gate.is_rate)) for one in known]),
        Curve("margin", margins, holds=True),
    ]
    if gate.name in _TWO_SIDED:
        series.append(Curve("margin of less", [(at_s, -value) for at_s, value in margins], holds=True))
    unit = "points" if gate.is_rate else "%"
    return TimePlot(
        f"{gate.name}-difference",
        f"{gate.name}: canary less stable version [{unit}]",
        f"At the end {_span(gate, known[-1].found)} {unit}.",
        span_s,
        (-bound, bound),
        lambda value: f"{value:+.2g}",
        series,
        [(one.at_s, _shown(one.found.low, gate.is_rate), _shown(one.found.high, gate.is_rate)) for one in known],
        (0.0,),
    )


def _evidence(known: Sequence[_Known], span_s: float) -> TimePlot:
    gate = known[-1].gate
    worse = [(one.at_s, _part(one.found.log_worse, gate.worse_at)) for one in known]
    not_worse = [(one.at_s, _part(one.found.log_not_worse, gate.not_worse_at)) for one in known]
    most = max(value for _, value in [*worse, *not_worse])
    return TimePlot(
        f"{gate.name}-evidence",
        f"{gate.name}: evidence, as a part of what it takes",
        f"At the end {worse[-1][1]:.0f} % that it is worse, {not_worse[-1][1]:.0f} % that it is not.",
        span_s,
        (0.0, min(max(most, 1.2 * _PERCENT), _EVIDENCE_MAX)),
        lambda value: f"{value:.0f} %",
        [Curve("not worse", not_worse), Curve("worse", worse)],
        marks=(_PERCENT,),
    )


def _looked(known: Sequence[_Known]) -> str:
    body = []
    for one in known:
        cells = "".join(f"<td>{escape(figure)}</td>" for figure in _figures(one.gate, one.found))
        when = duration_in_words(round(one.at_s * 1_000))
        body.append(f"<tr>{name_cell(when)}{name_cell(_STATES[one.gate.state])}{cells}</tr>")
    name = known[-1].gate.name
    table = table_of(f"{name} at each look", _heads("after", "state"), body)
    return f"<details>\n<summary>{escape(name)} at each look ({len(known):,})</summary>\n{table}\n</details>"


def _heads(*names: str) -> list[str]:
    return [
        *(f'<th scope="col">{name}</th>' for name in names),
        *(f'<th scope="col" class="figure">{name}</th>' for name in _FIGURES),
    ]


def _figures(gate: GateVerdict, found: GateFound) -> list[str]:
    unit = "pt" if gate.is_rate else "%"
    estimate, interval = _span(gate, found).split(" ", 1)
    return [
        f"{found.canary_count:,.0f}",
        f"{estimate} {unit}",
        interval.strip("()"),
        f"{_PERCENT * gate.promote:.3g} {unit}",
        f"{_part(found.log_worse, gate.worse_at):.0f} %",
        f"{_part(found.log_not_worse, gate.not_worse_at):.0f} %",
    ]


def _span(gate: GateVerdict, found: GateFound) -> str:
    estimate, low, high = (_amount(value, gate.is_rate) for value in (found.estimate, found.low, found.high))
    return f"{estimate} ({low} to {high})"


def _amount(value: float, is_rate: bool) -> str:
    return f"{round(_shown(value, is_rate), _DIGITS) + 0.0:+.3g}" if math.isfinite(value) else "any"


def _shown(value: float, is_rate: bool) -> float:
    """In points or percent; a difference of logarithms that is too large for a number is infinite."""
    if is_rate or not math.isfinite(value):
        return _PERCENT * value
    return _PERCENT * math.expm1(min(value, 700.0))


def _part(evidence: float, enough: float) -> float:
    return _PERCENT * max(evidence, 0.0) / enough
