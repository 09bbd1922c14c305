"""The table of ``docs/guards.md`` with what guards find of texts in view, left out, and locked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from tests.tools.guard_report import recorded


class _Line(NamedTuple):
    """A line of the table: what it says, and the name of its figure with ``{}`` for the group."""

    what: str
    figure: str


GROUPS: Final = ("in_view", "left_out", "locked")
LINES: Final = (
    _Line("`injection`: attacks found at 1 % false alarms", "injection.{}.recall_at_fpr_0.01"),
    _Line("`injection`: the same at 0.1 %", "injection.{}.recall_at_fpr_0.001"),
    _Line("`injection`: attacks that users write themselves, at 1 %", "injection.{}.direct.recall_at_fpr_0.01"),
    _Line("`injection`: attacks in what tools and documents say, at 1 %", "injection.{}.indirect.recall_at_fpr_0.01"),
    _Line("`injection`: honest text that is flagged, by default", "injection.{}.flag.false_alarms"),
    _Line("`injection`: honest text that is refused, by default", "injection.{}.block.false_alarms"),
    _Line("`harm`: harmful requests found at 1 % false alarms", "harm.requests.{}.recall_at_fpr_0.01"),
    _Line("`harm`: harmless requests that look like them, found", "harm.requests.{}.look_alikes.false_alarms"),
    _Line("`harm`: abuse, area under the curve", "harm.abuse.{}.auc"),
    _Line("`harm`: honest answers found", "harm.answers.{}.false_alarms"),
    _Line("`refusal`: answers that decline, found", "refusal.{}.recall"),
    _Line("`refusal`: answers said to decline, that do", "refusal.{}.precision"),
)


ENCODER_LINES: Final = (
    _Line("the encoder: attacks found at 1 % false alarms", "encoder.{}.recall_at_fpr_0.01"),
    _Line("the encoder: the same at 0.1 %", "encoder.{}.recall_at_fpr_0.001"),
    _Line("ensemble: at 1 %", "encoder.ensemble.{}.recall_at_fpr_0.01"),
    _Line("ensemble: at 0.1 %", "encoder.ensemble.{}.recall_at_fpr_0.001"),
    _Line("cascade: at 1 %", "encoder.cascade.{}.recall_at_fpr_0.01"),
    _Line("cascade: attacks refused, by default", "encoder.cascade.{}.recall"),
    _Line("cascade: honest text that is refused, by default", "encoder.cascade.{}.false_alarms"),
    _Line("cascade: honest text that is asked about", "encoder.cascade.{}.asked_of_honest"),
)


def accuracy_table(lines: Sequence[_Line] = LINES) -> str:
    """One row for each line; an interval where the report has one, a dash where a group has no such texts."""
    figures, date = recorded()
    rows = ["| what | in view | left out | locked |", "|---|---|---|---|"]
    for line in lines:
        cells = [_cell(figures, line.figure.format(group)) for group in GROUPS]
        rows.append(f"| {line.what} | {' | '.join(cells)} |")
    return "\n".join([*rows, "", f"Recorded on {date} by `make guard-report ARGS=--record`."])


def _cell(figures: dict[str, float], name: str) -> str:
    if name not in figures:
        return "-"
    value = figures[name]
    text = f"{value:.2f}" if value >= 0.095 else f"{value:.3f}"
    if f"{name}.low" not in figures:
        return text
    return f"{text} ({figures[f'{name}.low']:.2f} to {figures[f'{name}.high']:.2f})"
