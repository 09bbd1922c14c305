"""``make allocation-proof``: how far what teams are charged is from what their requests cost an engine, by simulation.

The engine is ``engine_simulator``, of which each step is known, and the reference the Shapley value of its steps. What
is charged is what the product charges by what a proxy sees, with coefficients that it has calibrated on other traffic.
A figure has a target, or none where it shows what is not promised.

    python -m tests.tools.allocation_proof --quick --only mixed
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from extproc.allocation.methods import DEFAULT_METHOD, METHODS
from extproc.allocation.step_costs import TYPICAL, StepCosts
from extproc.reports.plots import Plot, Series
from tests.tools.allocation_counterfactual import STEP_GAME, counterfactual_games
from tests.tools.allocation_figures import (
    TEAM_MEAN,
    AllocationFigure,
    AllocationScene,
    error_figures,
    mean_error,
)
from tests.tools.allocation_savings import followed_hints
from tests.tools.allocation_worlds import LAWS, ROOFLINE, ProofSizes, ProofWorlds, with_budget
from tests.tools.engine_simulator.proxy_view import ProxyView
from tests.tools.engine_simulator.step_laws import Affine
from tests.tools.engine_simulator.traffic_mixes import BATCH, BATCH_AGAIN, MIXES, TrafficMix
from tests.tools.proof_figures import MOST, as_json, heading, row
from tests.tools.svg_file import lines_alone

SEED = 3_000_017
QUICK = ProofSizes(draws=2, share=0.25, players=7, games=1)
PROMISED = tuple(mix for mix in MIXES if mix is not BATCH_AGAIN)
"""Mixes with targets; where two in five tokens are computed again, nothing shows whose they were."""
_AGAIN_MAX = 0.1
_BASELINES = {"tokens_1_2p5": 1 / 3, "prefill_decode_split": 1 / 2}
"""Methods that others use, and which part of their error is allowed."""
_WINDOWS_S = (5, 15, 60)
_CLOCKS = ProxyView(clocks_us=50_000.0)
_BUDGET = 2_048
_OFF = StepCosts(TYPICAL.step, 2 * TYPICAL.prefill_token, TYPICAL.sequence / 2, 2 * TYPICAL.kv_token, 0.0026)
"""Against ``TYPICAL``, which are right for a law that is affine."""
_COUNTERFACTUAL_TARGET = 0.1
_COEFFICIENT_TARGET = 0.1
_PLOT_STEPS = 20
_PLOT_PERCENT_MAX = 100


def of_mix(mix: TrafficMix, worlds: ProofWorlds) -> Iterator[AllocationFigure]:
    """Errors of each method on one mix, and what of them the rule itself has."""
    costs, is_promised = worlds.costs(), mix in PROMISED
    cases = worlds.cases(mix)
    errors = {method: [case.errors(costs, method) for case in cases] for method in METHODS}
    for method, found in errors.items():
        targets = is_promised and method == DEFAULT_METHOD
        yield from error_figures(mix.name, f"{mix.says}, {method}", found, targets, method)
    floor = [one.floor_errors() for one in cases]
    yield from error_figures(mix.name, f"{mix.says}, best coefficients", floor, method="floor")
    tried = [one.tried_errors(costs) for one in cases]
    yield from error_figures(mix.name, f"{mix.says}, steps counted", tried, method="steps_counted")
    for method, most in _BASELINES.items():
        ratio = mean_error(errors[DEFAULT_METHOD]) / mean_error(errors[method])
        says = f"{mix.says}: error of teams, over that of {method}"
        target = most if is_promised else None
        yield AllocationFigure(f"ratio_to_{method}_{mix.name}", says, ratio, len(cases), target, MOST)
    if mix in (BATCH, BATCH_AGAIN):
        again = float(np.mean([case.run.again_share for case in cases]))
        says, target = f"{mix.says}: tokens computed again", _AGAIN_MAX if is_promised else None
        yield AllocationFigure(f"computed_again_share_{mix.name}", says, again, len(cases), target, MOST)


def laws(worlds: ProofWorlds) -> Iterator[AllocationFigure]:
    """Other laws of a step, calibrated on other traffic, and on other hours of the same."""
    for law in LAWS:
        for mix in MIXES:
            cases = worlds.cases(mix, law)
            if law != ROOFLINE:
                costs = worlds.costs(law)
                name, says = f"{mix.name}_{law}", f"{mix.says}, {law}"
                yield from error_figures(name, says, [one.errors(costs) for one in cases])
            costs = worlds.costs_of_other_hours(mix, law)
            name, says = f"{mix.name}_{law}_own_hours", f"{mix.says}, {law}, calibrated on its own"
            yield from error_figures(name, says, [one.errors(costs) for one in cases])


def clocks(worlds: ProofWorlds) -> Iterator[AllocationFigure]:
    """Half of the requests come through a proxy whose clock is 50 ms off, in the calibration too."""
    costs = worlds.costs(view=_CLOCKS)
    for mix in PROMISED:
        errors = [one.errors(costs, view=_CLOCKS) for one in worlds.cases(mix)]
        yield from error_figures(f"{mix.name}_clocks_50ms", f"{mix.says}, clocks 50 ms apart", errors)


def scrapes(worlds: ProofWorlds) -> Iterator[AllocationFigure]:
    """Coefficients by windows between scrapes."""
    for seconds in _WINDOWS_S:
        costs = worlds.costs_of_windows(seconds)
        for mix in PROMISED:
            errors = [one.errors(costs) for one in worlds.cases(mix)]
            yield from error_figures(f"{mix.name}_scrapes_{seconds}s", f"{mix.says}, windows of {seconds} s", errors)


def less_known(worlds: ProofWorlds) -> Iterator[AllocationFigure]:
    """No stream, cached tokens unknown, coefficients that are off; and an engine with smaller steps."""
    costs = worlds.costs()
    for mix in PROMISED:
        cases = worlds.cases(mix)
        for name, says, used, view in (
            ("no_stream", "no streams", costs, ProxyView(streams=False)),
            ("cached_unknown", "cached unknown", costs, ProxyView(knows_cached=False)),
            ("off_by_two", "coefficients off by two", _OFF, None),
        ):
            errors = [one.errors(used, view=view) for one in cases]
            yield from error_figures(f"{mix.name}_{name}", f"{mix.says}, {says}", errors)
        for seconds in _WINDOWS_S:
            errors = [one.counted_errors(costs, ProxyView(streams=False), seconds) for one in cases]
            says = f"{mix.says}, no streams, steps each {seconds} s"
            yield from error_figures(f"{mix.name}_no_stream_scrapes_{seconds}s", says, errors)
        smaller = worlds.cases(with_budget(mix, _BUDGET))
        errors = [one.errors(costs._replace(chunk_tokens=_BUDGET)) for one in smaller]
        yield from error_figures(f"{mix.name}_budget_{_BUDGET}", f"{mix.says}, {_BUDGET:,} tokens a step", errors)


def coefficients(worlds: ProofWorlds) -> Iterator[AllocationFigure]:
    """How far calibrated coefficients are from those of an engine whose law is affine."""
    costs, true = worlds.costs("affine"), Affine().costs
    for name in true._fields[:5]:
        off = abs(getattr(costs, name) / getattr(true, name) - 1.0)
        target = _COEFFICIENT_TARGET if name in ("step", "prefill_token", "kv_token") else None
        yield AllocationFigure(f"coefficient_error_{name}", f"affine law: {name}", off, 1, target)


def counterfactual(worlds: ProofWorlds) -> Iterator[AllocationFigure]:
    """Against the exact Shapley value of busy time, of a few requests."""
    for mix in PROMISED:
        chance = np.random.default_rng([worlds.seed, *b"game", *mix.name.encode()])
        games = list(counterfactual_games(worlds, mix, chance))
        for method in (*METHODS, STEP_GAME):
            found = mean_error([game[method] for game in games])
            says = f"{mix.says}, {worlds.sizes.players} requests, {method}: mean of teams"
            target = _COUNTERFACTUAL_TARGET if method == DEFAULT_METHOD else None
            name = f"counterfactual_team_error_mean_{method}_{mix.name}"
            yield AllocationFigure(name, says, found, len(games), target)


SCENES = (
    *(AllocationScene(mix.name, partial(of_mix, mix)) for mix in MIXES),
    AllocationScene("coefficients", coefficients),
    AllocationScene("clocks", clocks),
    AllocationScene("scrapes", scrapes),
    AllocationScene("less-known", less_known),
    AllocationScene("counterfactual", counterfactual),
    AllocationScene("laws", laws),
    AllocationScene("savings", followed_hints),
)


def drawn(figures: Sequence[AllocationFigure]) -> str:
    """The error that so many of all teams stay under, by method, as an SVG of its own."""
    places = np.linspace(0.0, 1.0, _PLOT_STEPS + 1)[1:]
    names = {f"{TEAM_MEAN}{method}_{mix.name}": method for method in METHODS for mix in PROMISED}
    errors: dict[str, list[float]] = {method: [] for method in METHODS}
    for one in figures:
        if one.name in names and one.teams is not None:
            errors[names[one.name]] += one.teams.tolist()
    series = [
        Series(method, [_percent(float(np.quantile(found, place))) for place in places])
        for method, found in errors.items()
        if found
    ]
    says = "For each method the error that so many of all teams of all mixes stay under; errors above 100 % are cut."
    labels = [f"{place:.0%}" for place in places]
    return lines_alone(Plot("errors", "Errors of teams", says, labels, series, lambda value: f"{value} %"))


def _percent(error: float) -> int:
    return min(round(100 * error), _PLOT_PERCENT_MAX)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table. Returns 1 if a target is missed."""
    parser = argparse.ArgumentParser(
        prog="make allocation-proof", description="How far what teams are charged is from what their requests cost."
    )
    parser.add_argument("--quick", action="store_true", help="short and few draws: a minute, rough figures")
    parser.add_argument("--only", action="append", choices=[one.name for one in SCENES], help="a scene; may repeat")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    options = parser.parse_args(arguments)
    worlds = ProofWorlds(QUICK if options.quick else ProofSizes(), options.seed)
    print(heading())
    figures = []
    for scene in SCENES:
        if options.only is None or scene.name in options.only:
            began_s = time.monotonic()
            for figure in scene.figures(worlds):
                figures.append(figure)
                print(row(figure), flush=True)
            print(f"  {scene.name}: {time.monotonic() - began_s:.0f} s", flush=True)
    if options.json:
        options.json.write_text(json.dumps(as_json(figures, options.seed, options.quick), indent=2) + "\n")
    if options.plot:
        options.plot.write_text(drawn(figures))
    return int(any(one.met is False for one in figures))


if __name__ == "__main__":
    sys.exit(main())
