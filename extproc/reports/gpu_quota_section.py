"""Quotas of teams on the page of a report: how much each used of its own, as bars and in a table."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from html import escape
from typing import Final

from extproc.reports.gpu_figures import NO_GPU_TIME, GpuColumns
from extproc.reports.gpu_quotas import TeamQuotas
from extproc.reports.html_parts import name_cell, plain_name, section_of, table_of
from extproc.reports.plots import Plot, Series, stacked_bars
from extproc.reports.units import gpu_hours_in_words, gpus_in_words, quota_use_in_words

_TEAMS_DRAWN_MAX: Final = 20
_HEADS: Final = ("quota (GPUs)", "quota (GPU-hours)", "GPU-hours", "quota use")


def quota_section(columns: GpuColumns, quotas: TeamQuotas, id: str) -> Iterator[str]:
    """Of one method. Teams come in the order of their use, those that used most first. Args: id: of the plot."""
    figures = {team: columns.groups.get((team,), NO_GPU_TIME) for team in quotas.teams}
    uses = {team: one.quota_use for team, one in figures.items() if one.quota_us is not None}
    teams = sorted(uses, key=lambda team: (-(uses[team] or 0), team))
    if not teams:
        return
    names = [plain_name(team) for team in teams[:_TEAMS_DRAWN_MAX]]
    values = [round((uses[team] or 0) * 1_000) for team in teams[:_TEAMS_DRAWN_MAX]]
    told = f"The largest first: {', '.join(names)}."
    plot = Plot(
        id,
        "Quota use of teams",
        told,
        names,
        [Series("quota use", values)],
        lambda one: quota_use_in_words(Fraction(one, 1_000)),
    )
    yield section_of(plot, stacked_bars(plot))
    heads = ['<th scope="col">team</th>', *(f'<th scope="col" class="figure">{name}</th>' for name in _HEADS)]
    body = []
    for team in teams:
        words = (
            gpus_in_words(quotas.teams[team].milli_gpus),
            gpu_hours_in_words(figures[team].quota_us or 0),
            gpu_hours_in_words(figures[team].time_us),
            quota_use_in_words(uses[team]),
        )
        cells = "".join(f"<td>{escape(one)}</td>" for one in words)
        body.append(f"<tr>{name_cell(team)}{cells}</tr>")
    yield table_of(f"Quotas of teams, by {columns.method}", heads, body)
