"""``make quality-sim``: how soon drift is found, and how often there is a false alarm, by simulation.

The detectors are those of ``extproc/statistics``, the answers are drawn (``quality_worlds.py``). A figure has a target,
or none where it shows what is not promised. Thresholds were calibrated with other seeds (``--calibrate``) than a report
has.

    python -m tests.tools.quality_sim --quick --only refusals-pinned
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from extproc.reports.plots import HEIGHT, WIDTH, Plot, Series, lines
from extproc.statistics.arrays import Floats
from extproc.statistics.drift import log_threshold
from tests.tools.quality_figures import (
    LOG,
    PINNED,
    RATE,
    SAME_HOURS,
    Shift,
    Sizes,
    constant,
    counter_reset,
    false_alarms,
    hours_delays,
    mix_shift,
    months,
    pinned_delays,
    without_data,
)
from tests.tools.quality_stored import stored_differences
from tests.tools.quality_worlds import SERIES, Apart, Weeks

REPORT_SEED, CALIBRATION_SEED = 2_000_003, 17
QUICK = Sizes(runs=100, months=2, block_minutes=20)
ANSWERS, APART, A_MONTH, A_DAY = "answers", "answers apart", "alarms a month", "alarms a day"
_PLOT_STEPS = 41
_PLOT_ANSWERS = (30, 100_000)
_COLORS = ("#4051b5", "#c2410c", "#15803d", "#7e22ce", "#0e7490", "#a16207", "#be185d", "#57606a")

Simulation = Callable[[Sizes, np.random.Generator], Floats]
"""Gives one value a run: answers until the alarm, or alarms."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What is simulated. ``median``, ``p95`` and ``mean``: the target, where there is one."""

    name: str
    of: str
    says: str
    run: Simulation
    median: float | None = None
    p95: float | None = None
    mean: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """What came out; infinite: never found."""

    measure: Measure
    values: Floats

    def quantile(self, share: float) -> float:
        """Of the runs."""
        return float(np.quantile(self.values, share, method="higher"))

    @property
    def mean(self) -> float:
        """Of the runs."""
        return float(np.mean(self.values))

    @property
    def met(self) -> bool | None:
        """Whether all that has a target is within it; None: there is none."""
        wanted = ((self.quantile(0.5), self.measure.median), (self.quantile(0.95), self.measure.p95))
        both = [(found, most) for found, most in (*wanted, (self.mean, self.measure.mean)) if most is not None]
        return all(found <= most for found, most in both) if both else None

    def as_json(self) -> dict[str, Any]:
        """For ``--json``; null: never found."""
        shown = {"median": self.quantile(0.5), "p95": self.quantile(0.95), "mean": self.mean}
        return {
            "name": self.measure.name,
            "of": self.measure.of,
            "says": self.measure.says,
            "runs": len(self.values),
            "target": {"median": self.measure.median, "p95": self.measure.p95, "mean": self.measure.mean},
            "found": {name: value if math.isfinite(value) else None for name, value in shown.items()},
            "met": self.met,
        }


def _delay(shift: Shift) -> Simulation:
    return lambda sizes, chance: pinned_delays(shift, sizes.runs, chance)


def _days(day: Callable[[np.random.Generator], int]) -> Simulation:
    return lambda sizes, chance: np.array([day(chance) for _ in range(max(sizes.runs // 50, 1))], dtype=np.float64)


REFUSALS = Shift(RATE, 0.02, 0.04)
LENGTH = Shift(LOG, 6.0, 6.0 + math.log(0.8), sd=0.8)
TIME_PER_TOKEN = Shift(LOG, -3.5, -3.5 + math.log(1.15), sd=0.3, answers=10)

MEASURES = (
    Measure("length", ANSWERS, "length -20 %, sd of log 0.8, pinned", _delay(LENGTH), 500, 800),
    Measure("refusals-pinned", ANSWERS, "refusals 2 to 4 %, pinned", _delay(REFUSALS), 1_500, 3_000),
    Measure("time-per-token", ANSWERS, "+15 %, sd of log 0.3, pinned", _delay(TIME_PER_TOKEN), None, 300),
    Measure(
        "refusals-stored",
        APART,
        "the same draws through the database",
        lambda sizes, chance: stored_differences(REFUSALS, max(sizes.runs // 50, 1), chance),
        mean=0,
    ),
    Measure(
        "refusals-hours",
        ANSWERS,
        "refusals doubled, same hours of last week",
        lambda sizes, chance: hours_delays(RATE, "refused", 2.0, sizes, chance),
        None,
        8_000,
    ),
    Measure(
        "months-hours",
        A_MONTH,
        "all signals, same hours, weeks 10 % apart",
        lambda sizes, chance: months(SAME_HOURS, sizes, chance, Apart()),
        mean=1,
    ),
    Measure(
        "months-pinned",
        A_MONTH,
        "all signals, pinned, traffic without a rhythm",
        lambda sizes, chance: months(PINNED, sizes, chance, Apart(hours=0.0), rhythm=False),
        mean=1,
    ),
    Measure("mix-shift", A_DAY, "guests send 90 % in place of 25 %", _days(mix_shift), mean=0),
    Measure("constant", A_DAY, "a signal that is constant", _days(constant), mean=0),
    Measure("no-reference", A_DAY, "a reference without data, or with few", _days(without_data), mean=0),
    Measure("counter-reset", A_DAY, "a counter that begins again each hour", _days(counter_reset), mean=0),
    Measure(
        "one-stratum",
        ANSWERS,
        "refusals 2 to 4 % in 10 % of the answers",
        _delay(replace(REFUSALS, drifting=1)),
    ),
    Measure(
        "length-hours",
        ANSWERS,
        "length -20 %, same hours of last week",
        lambda sizes, chance: hours_delays(LOG, "completion_tokens", 0.8, sizes, chance),
    ),
    Measure(
        "mix-pooled", A_DAY, "mix-shift, were there no strata", _days(lambda chance: mix_shift(chance, pooled=True))
    ),
    Measure(
        "months-pinned-rhythm",
        A_MONTH,
        "pinned, with a daily and weekly rhythm",
        lambda sizes, chance: months(PINNED, replace(sizes, months=max(sizes.months // 10, 2)), chance, Apart()),
    ),
    Measure(
        "months-whole-weeks",
        A_MONTH,
        "same hours, whole weeks 10 % apart",
        lambda sizes, chance: months(
            SAME_HOURS, replace(sizes, months=max(sizes.months // 4, 2)), chance, Apart(0.0, 0.1)
        ),
    ),
    Measure(
        "months-20",
        A_MONTH,
        "same hours, weeks 20 % apart",
        lambda sizes, chance: months(SAME_HOURS, replace(sizes, months=max(sizes.months // 4, 2)), chance, Apart(0.2)),
    ),
)


def figure_of(measure: Measure, sizes: Sizes, seed: int) -> Figure:
    """Simulate; each measure has draws of its own."""
    return Figure(measure, measure.run(sizes, np.random.default_rng([seed, *measure.name.encode()])))


def row(figure: Figure) -> str:
    """A line of the table, within 100 columns."""
    measure = figure.measure
    targets = [measure.median, measure.p95] if measure.mean is None else [measure.mean]
    target = " | ".join("-" if one is None else f"{one:,.0f}" for one in targets)
    digits = 0 if measure.of in (ANSWERS, APART) else 2
    found = [f"{one:>8,.{digits}f}" for one in (figure.quantile(0.5), figure.quantile(0.95), figure.mean)]
    verdict = {True: "met", False: "MISSED", None: "measured"}[figure.met]
    return f"{measure.name:<21}{measure.says:<46}{target:>14}{''.join(found)}  {verdict}"


def heading() -> str:
    """Of the table."""
    return f"{'figure':<21}{'':<46}{'target':>14}{'median':>8}{'95 %':>8}{'mean':>8}"


def drawn(figures: Sequence[Figure]) -> str:
    """The share of runs that have found the drift, by answers, as an SVG of its own."""
    delays = [one for one in figures if one.measure.of == ANSWERS][: len(_COLORS)]
    places = np.geomspace(*_PLOT_ANSWERS, _PLOT_STEPS).tolist()
    series = [
        Series(one.measure.name, [round(100 * float(np.mean(one.values <= place))) for place in places])
        for one in delays
    ]
    says = "For each drift the share of simulated runs whose alarm was raised, by the number of answers since it began."
    plot = Plot(
        "found", "Drift that is found", says, [f"{place:,.0f}" for place in places], series, lambda value: f"{value} %"
    )
    colors = "".join(
        f".c{number}{{fill:{color}}}.line.c{number}{{fill:none;stroke:{color}}}" for number, color in enumerate(_COLORS)
    )
    style = f"text{{font:12px sans-serif}}.grid{{stroke:#d0d7de}}.line{{stroke-width:1.5}}{colors}"
    legend = "".join(
        f'<text class="c{number}" x="90" y="{30 + 16 * number}">{one.name}</text>' for number, one in enumerate(series)
    )
    opened, _, rest = lines(plot).partition(">")
    size = f'xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
    return f"{opened} {size}><style>{style}</style>{rest.removesuffix('</svg>')}{legend}</svg>\n"


def calibrate(sizes: Sizes, seed: int) -> None:
    """Print the false alarms a month of all signals of a kind, by how much the threshold is below the bound."""
    slacks = np.arange(0.0, 6.5, 0.5)
    for reference in (PINNED, SAME_HOURS):
        for kind in (RATE, LOG):
            bound = log_threshold(reference, kind, SERIES, slack=0.0)
            rhythm = reference is SAME_HOURS
            world = Weeks(kind, sizes.months, np.random.default_rng(seed), rhythm, Apart() if rhythm else Apart(0.0))
            alarms = false_alarms(reference, world, sizes, bound - slacks).mean(axis=0)
            print(f"{reference.value} {kind.value}: bound {bound:.2f}")
            print(
                "  " + "  ".join(f"-{slack:g}: {mean:.2f}" for slack, mean in zip(slacks, alarms, strict=True)),
                flush=True,
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table. Returns 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="make quality-sim", description="How soon drift is found, and false alarms.")
    parser.add_argument("--runs", type=int, help="runs of each drift (default: 1000)")
    parser.add_argument("--months", type=int, help="simulated months (default: 24)")
    parser.add_argument(
        "--quick", action="store_true", help="few runs and coarse blocks: some 20 seconds, rough figures"
    )
    parser.add_argument("--only", action="append", choices=[one.name for one in MEASURES], help="a figure; may repeat")
    parser.add_argument("--seed", type=int, default=REPORT_SEED)
    parser.add_argument("--calibrate", action="store_true", help="print false alarms by threshold, with other seeds")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    options = parser.parse_args(arguments)
    sizes = QUICK if options.quick else Sizes()
    sizes = replace(sizes, runs=options.runs or sizes.runs, months=options.months or sizes.months)
    if options.calibrate:
        calibrate(sizes, CALIBRATION_SEED)
        return 0
    print(heading())
    figures = []
    for measure in MEASURES:
        if options.only is None or measure.name in options.only:
            began_s = time.monotonic()
            figures.append(figure_of(measure, sizes, options.seed))
            print(f"{row(figures[-1])}  ({time.monotonic() - began_s:.0f} s)", flush=True)
    if options.json:
        document = {"seed": options.seed, "quick": options.quick, "figures": [one.as_json() for one in figures]}
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    if options.plot:
        options.plot.write_text(drawn(figures))
    return int(any(one.met is False for one in figures))


if __name__ == "__main__":
    sys.exit(main())
