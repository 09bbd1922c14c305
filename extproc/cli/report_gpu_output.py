"""How ``extproc report`` shows GPU time on a terminal and in a pipe: columns, words of a sentence, and notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from extproc.reports.gpu_figures import NO_GPU_TIME, GpuColumns, GpuFigures
from extproc.reports.report import Report
from extproc.reports.units import (
    costs_in_words,
    gpu_hours_in_words,
    gpus_in_words,
    kwh_in_words,
    quota_use_in_words,
    rate_in_words,
    share_in_words,
)

STATES_IN_WORDS: Final = {
    "idle": "idle",
    "starting": "starting up",
    "sleeping": "asleep",
    "unexplained": "unexplained",
}


class ShownColumn(NamedTuple):
    """``rank``: the higher, the sooner a narrow terminal leaves it out; 0: never."""

    name: str
    rank: int
    values: Sequence[str]


_READ: Final[Sequence[tuple[str, int, Callable[[GpuFigures], str]]]] = (
    ("GPU-hours", 1, lambda one: gpu_hours_in_words(one.time_us)),
    ("GPU cost", 2, lambda one: costs_in_words(one.costs)),
    ("idle", 4, lambda one: share_in_words(one.idle_share)),
    ("tokens/GPU-s", 3, lambda one: rate_in_words(one.tokens_per_gpu_second)),
)
_ENERGY: Final[tuple[str, int, Callable[[GpuFigures], str]]] = ("kWh", 6, lambda one: kwh_in_words(one.energy_mwh))
_QUOTA_RANK: Final = 5
_QUOTA_USE_RANK: Final = 2


def gpu_table_columns(report: Report) -> Iterator[ShownColumn]:
    """The columns of each method; its name is in their heads if there are several."""
    several = report.gpu.columns if report.gpu else ()
    quotas = report.gpu.quotas.teams if report.gpu else {}
    known = [quotas.get(row.group[0]) for row in report.rows] if quotas else []
    for place, columns in enumerate(several):
        before = f"{columns.method} " if len(several) > 1 else ""
        figures = [columns.rows.get((row.period.start_us, row.group), NO_GPU_TIME) for row in report.rows]
        for name, rank, read in _READ if columns.without_watts_us is None else (*_READ, _ENERGY):
            values = [read(one) if one.time_us else "" for one in figures]
            if any(values):
                yield ShownColumn(before + name, rank + place, values)
        if known and not place:
            yield ShownColumn("quota", _QUOTA_RANK, [gpus_in_words(one.milli_gpus) if one else "" for one in known])
        if known:
            values = [quota_use_in_words(one.quota_use) for one in figures]
            yield ShownColumn(f"{before}quota use", _QUOTA_USE_RANK + place, values)


def gpu_words_of_group(report: Report, group: tuple[str, ...]) -> str:
    """What follows in the sentence of a group: `48 GPU-hours, $120.00`, by each method; empty: nothing."""
    several = report.gpu.columns if report.gpu else ()
    quota = report.gpu.quotas.teams.get(group[0]) if report.gpu and report.gpu.quotas.teams else None
    gpus = f"{gpus_in_words(quota.milli_gpus)} GPU{'' if quota.milli_gpus == 1_000 else 's'}" if quota else ""
    return _by_method(several, [one.groups.get(group, NO_GPU_TIME) for one in several], gpus)


def gpu_words_of_total(report: Report) -> str:
    """Likewise, of all GPUs."""
    several = report.gpu.columns if report.gpu else ()
    return _by_method(several, [one.total for one in several])


def _by_method(several: Sequence[GpuColumns], figures: Sequence[GpuFigures], quota_gpus: str = "") -> str:
    words = []
    for columns, one in zip(several, figures, strict=True):
        if one.time_us:
            by = f" by {columns.method}" if len(several) > 1 else ""
            costs, energy = costs_in_words(one.costs), _energy_in_words(columns, one)
            words += [f"{gpu_hours_in_words(one.time_us)} GPU-hours{by}", *filter(None, (energy, costs))]
        if one.quota_use is not None:
            words.append(f"{quota_use_in_words(one.quota_use)} of a quota of {quota_gpus}")
    return ", ".join(words)


def _energy_in_words(columns: GpuColumns, figures: GpuFigures) -> str:
    """Empty: it is not known."""
    return "" if columns.without_watts_us is None else f"{kwh_in_words(figures.energy_mwh)} kWh"


def without_watts_in_words(time_us: int) -> str:
    """What of GPU time that worked has no energy, as a sentence. Args: time_us: [GPU us]."""
    hours = gpu_hours_in_words(time_us)
    return f"{hours} GPU-hours are of kinds that `gpus.watts` does not have: they have no energy."


def gpu_notes(report: Report) -> Iterator[str]:
    """What nobody pays, which days are allocated, and why there is nothing."""
    if report.gpu is None:
        return
    if report.gpu.absent:
        yield report.gpu.absent
    yield from report.gpu.quotas.notes
    for columns in report.gpu.columns:
        yield f"GPU time by {columns.method}{_days_in_words(columns)}: {_all_in_words(columns)}."
        if columns.without_watts_us:
            yield without_watts_in_words(columns.without_watts_us)


def _days_in_words(columns: GpuColumns) -> str:
    days = columns.days
    if days.whole == days.asked:
        return ""
    in_part = f", and a part of {days.in_part}" if days.in_part else ""
    return f", allocated for {days.whole} of {days.asked} days{in_part}"


def _all_in_words(columns: GpuColumns) -> str:
    """All of it, and what nobody pays."""
    total = columns.total
    parts = (_energy_in_words(columns, total), costs_in_words(total.costs))
    whole = ", ".join([f"{gpu_hours_in_words(total.time_us)} GPU-hours", *filter(None, parts)])
    unpaid = []
    for one in columns.unpaid:
        cost = costs_in_words({one.currency: one.cost})
        hours = f"{gpu_hours_in_words(one.time)} {STATES_IN_WORDS[one.state]}"
        unpaid.append(f"{hours} ({cost})" if cost else hours)
    return f"{whole}. Nobody pays: {', '.join(unpaid)}" if unpaid else whole
