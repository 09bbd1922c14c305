"""``make rollout-proof``: how often a rollout decides falsely, and how soon it finds harm, by simulation.

The evidence is that of ``extproc/statistics``, the traffic is declared (``extproc/rollout/simulation``), and what teams
use today is next to it (``rollout_baselines.py``). A figure has a target, or none where it shows what is not promised.

    python -m tests.tools.rollout_proof --quick --only errors
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from extproc.reports.plots import Plot, Series
from extproc.rollout.simulation.signals import SignalModel
from extproc.rollout.simulation.walks import Looks
from extproc.statistics.gate_evidence import GateMargins
from extproc.statistics.hard_failure import BLAME
from tests.tools.proof_figures import LEAST, MOST, as_json, heading, row
from tests.tools.rollout_cuped import cuped
from tests.tools.rollout_figures import (
    RolloutFigure,
    Scene,
    false_figure,
    found_figure,
    in_percent,
    share_figure,
)
from tests.tools.rollout_refusals import real_refusals
from tests.tools.rollout_worlds import (
    ALPHA,
    EACH_ITS_OWN,
    ERRORS,
    FIVE_PERCENT,
    HEAVY_USERS,
    LOG,
    MANY_USERS,
    ONE_POINT,
    RATE,
    REFUSALS,
    SLOWER,
    SOME_USERS,
    SPLIT,
    Sizes,
    all_gates,
    compared,
    delays,
    hard_failure,
    promotes,
    rolls_back,
    simulated_gate,
    walks,
)
from tests.tools.svg_file import lines_alone

SEED = 3_000_017
QUICK = Sizes(runs=300, found=200, walks=40, every=4)
_PLOT_EXCHANGES = (5, 10_000)
_PLOT_STEPS = 41
WITHIN = 20_000
"""Exchanges of the canary in which an identical version should be promoted."""
_SHARES = (0.05, 0.25, 0.5)
_FOUND = "detection_rate_"
PLOTTED = (
    "errors_20pc_05_compared",
    "errors_20pc_05_declared",
    "errors_20pc_50_declared",
    "time_per_token_20pc_05_sd_50",
    "time_per_token_20pc_50_sd_50",
    "refusal_2x_05",
    "refusal_2x_50",
    "refusal_2x_05_users_20000",
)
"""As many as colors can tell apart."""


def false_rollbacks(share: float, correlation: float) -> Scene:
    """Of identical versions with heavy-tailed users, by each method. At 5 % two days are seen, else one."""
    looks = Looks(100, 40_000) if share < 0.1 else Looks(50, 20_000)
    at = f"{in_percent(share)}_icc_{in_percent(correlation)}"

    def simulate(sizes: Sizes, chance: np.random.Generator) -> Iterator[RolloutFigure]:
        signal, seen = SignalModel(RATE, 0.02, correlation=correlation), _at(looks, sizes)
        acted = delays(signal, HEAVY_USERS, share, seen, sizes.runs, chance, partial(compared, seen.until))
        says = f"at {share:.0%}, 2,000 users, icc {correlation:g}"
        yield false_figure(f"false_rollback_label_{at}", f"{says}: label test", acted["label"])
        yield false_figure(f"false_rollback_difference_{at}", f"{says}: clustered difference", acted["difference"])
        for name, what in _BASELINES.items():
            yield false_figure(f"false_rollback_{name}_{at}", f"{says}: {what}", acted[name], None)

    return Scene(f"false-rollbacks-{in_percent(share)}-icc-{in_percent(correlation)}", simulate)


_BASELINES = {
    "fixed": "z test, one look",
    "peeked": "z test, peeked",
    "independent": "users ignored",
    "argo": "3 % threshold, Argo",
    "flagger": "3 % threshold, Flagger",
}


def _at(looks: Looks, sizes: Sizes) -> Looks:
    return looks._replace(every=looks.every * sizes.every)


def false_rollbacks_elsewhere(sizes: Sizes, chance: np.random.Generator) -> Iterator[RolloutFigure]:
    """Of durations, and of feedback that comes late."""
    slower = SignalModel(LOG, sd=0.5, correlation=0.05)
    for share in (0.05, 0.5):
        looks = _at(Looks(100, 40_000), sizes)
        rules = partial(rolls_back, GateMargins(0.0, SLOWER.promote), ALPHA)
        acted = delays(slower, MANY_USERS, share, looks, sizes.runs // 2, chance, rules)
        says = f"at {share:.0%}, 20,000 users, icc 0.05: time per token"
        yield false_figure(f"false_rollback_time_per_token_{in_percent(share)}", says, acted[f"{ALPHA:g}"])
    feedback = SignalModel(RATE, 0.01, correlation=0.05, delay=2_000)
    rules = partial(rolls_back, GateMargins(0.0, 0.007), ALPHA)
    acted = delays(feedback, HEAVY_USERS, 0.25, _at(Looks(100, 20_000), sizes), sizes.runs // 2, chance, rules)
    says = "at 25%, 2,000 users, icc 0.05: feedback 2,000 exchanges late"
    yield false_figure("false_rollback_feedback_late_25", says, acted[f"{ALPHA:g}"])


def false_promotions(sizes: Sizes, chance: np.random.Generator) -> Iterator[RolloutFigure]:
    """Of a version at the margin: refusals one point more often, or 5 % slower."""
    worse, rare = SignalModel(RATE, 0.02, correlation=0.05, change=ONE_POINT), partial(promotes, ERRORS)
    for name, traffic in (("2000", HEAVY_USERS), ("20000", MANY_USERS), ("independent", EACH_ITS_OWN)):
        for share in (0.05, 0.5):
            looks = _at(Looks(100, 40_000 if share < 0.1 else 20_000), sizes)
            acted = delays(worse, traffic, share, looks, sizes.runs, chance, partial(promotes, REFUSALS))["promoted"]
            says = f"at {share:.0%}, users: {name}, refusals at the margin"
            yield false_figure(f"false_promotion_refusals_{in_percent(share)}_{name}", says, acted)
    failing = SignalModel(RATE, 0.002, correlation=0.01, change=0.003)
    acted = delays(failing, MANY_USERS, 0.5, _at(Looks(100, 20_000), sizes), sizes.runs // 2, chance, rare)["promoted"]
    yield false_figure("false_promotion_errors_50_20000", "at 50%, users: 20,000, errors at the margin", acted)
    slower = SignalModel(LOG, sd=0.5, correlation=0.05, change=FIVE_PERCENT)
    for share in (0.05, 0.5):
        looks = _at(Looks(100, 40_000), sizes)
        acted = delays(slower, MANY_USERS, share, looks, sizes.runs // 2, chance, partial(promotes, SLOWER))["promoted"]
        says = f"at {share:.0%}, users: 20,000, time per token at the margin"
        yield false_figure(f"false_promotion_time_per_token_{in_percent(share)}", says, acted)


def refusals_doubled(sizes: Sizes, chance: np.random.Generator) -> Iterator[RolloutFigure]:
    """2 to 4 %, alpha split over eight gates, each exchange its own unit; then users."""
    doubled = SignalModel(RATE, 0.02, ratio=2.0)
    rules = partial(rolls_back, REFUSALS, ALPHA, SPLIT)
    for share, within in zip(_SHARES, (3_000, 3_000, 4_500), strict=True):
        looks = _at(Looks(100 if share < 0.1 else 20, math.ceil(within / share * 1.1)), sizes)
        acted = delays(doubled, EACH_ITS_OWN, share, looks, sizes.found, chance, rules)
        name, says = f"detection_rate_refusal_2x_{in_percent(share)}", f"refusals doubled at {share:.0%}, alpha / 8"
        yield found_figure(name, says, acted[f"{SPLIT:g}"], within, 0.95)
    of_users = replace(doubled, correlation=0.05)
    many, heavy = (
        delays(of_users, traffic, 0.05, _at(Looks(100, 44_000), sizes), sizes.found // 2, chance, rules)
        for traffic in (MANY_USERS, HEAVY_USERS)
    )
    says = "refusals doubled at 5%, icc 0.05"
    name = "detection_rate_refusal_2x_05_users"
    yield found_figure(f"{name}_20000", f"{says}, 20,000 users, alpha", many[f"{ALPHA:g}"], 2_000, 0.8)
    yield found_figure(f"{name}_20000_split", f"{says}, 20,000 users, alpha / 8", many[f"{SPLIT:g}"], 2_000, 0.6)
    yield found_figure(f"{name}_2000", f"{says}, 2,000 users, alpha", heavy[f"{ALPHA:g}"], 2_000, None)


def time_per_token(sizes: Sizes, chance: np.random.Generator) -> Iterator[RolloutFigure]:
    """20 % slower, alpha split over eight gates: shown to be slower at all, and by more than the default margin."""
    any_slower = GateMargins(0.0, FIVE_PERCENT)
    for sd, margins, target in ((0.5, any_slower, 0.95), (0.5, SLOWER, None), (0.8, any_slower, None)):
        slower, rules = SignalModel(LOG, sd=sd, change=math.log(1.2)), partial(rolls_back, margins, SPLIT)
        margin = "no margin" if margins is any_slower else "margin 1.25 %"
        for share in _SHARES:
            looks = Looks(max(round(5 / share), 10), math.ceil(600 / share))
            acted = delays(slower, EACH_ITS_OWN, share, looks, sizes.found, chance, rules)[f"{SPLIT:g}"]
            name = f"detection_rate_time_per_token_20pc_{in_percent(share)}_sd_{in_percent(sd)}"
            says = f"20 % slower at {share:.0%}, sd of log {sd:g}, alpha / 8, {margin}"
            yield found_figure(name if margins is any_slower else f"{name}_beyond_margin", says, acted, 500, target)


def errors(sizes: Sizes, chance: np.random.Generator) -> Iterator[RolloutFigure]:
    """From 0 to 20 %: by comparison, and against a declared rate. And in both arms, which is nobody's fault."""
    failing, outage = SignalModel(RATE, 0.0, change=0.2), SignalModel(RATE, 0.2)
    compares, declares = partial(rolls_back, ERRORS, SPLIT), partial(hard_failure, 0.01, ALPHA, ALPHA / 10)
    for share in _SHARES:
        looks, at = Looks(max(round(1 / share), 1), math.ceil(100 / share)), in_percent(share)
        compared_at = delays(failing, EACH_ITS_OWN, share, looks, sizes.found, chance, compares)[f"{SPLIT:g}"]
        declared_at = delays(failing, EACH_ITS_OWN, share, looks, sizes.found, chance, declares)
        blamed_at = delays(outage, EACH_ITS_OWN, share, looks, sizes.found, chance, declares)[f"{ALPHA:g}"]
        says, target = f"errors 0 to 20 % at {share:.0%}", 0.95 if share < 0.1 else None
        name = f"detection_rate_errors_20pc_{at}"
        yield found_figure(f"{name}_compared", f"{says}, alpha / 8", compared_at, 40, target)
        says = f"{says}, 1 % declared"
        yield found_figure(f"{name}_declared", f"{says}, alpha", declared_at[f"{ALPHA:g}"], 40, 0.95)
        yield found_figure(f"{name}_declared_tenth", f"{says}, alpha / 10", declared_at[f"{ALPHA / 10:g}"], 40, None)
        says = f"errors 20 % in both arms at {share:.0%}, 1 % declared"
        yield false_figure(f"blamed_rate_outage_of_both_{at}", says, blamed_at, 1 / BLAME)


def whole_rollouts(sizes: Sizes, chance: np.random.Generator) -> Iterator[RolloutFigure]:
    """Through 5, 25 and 50 %, with all required gates and the default margins, on several traffics."""
    every, fewer = sizes.every, sizes.walks // 4
    for users, traffic, runs, target in (
        ("5000", SOME_USERS, sizes.walks, 0.9),
        ("independent", EACH_ITS_OWN, fewer, 0.9),
        ("20000_heavy", MANY_USERS, fewer, None),
        ("2000_heavy", HEAVY_USERS, fewer, None),
    ):
        same = walks(all_gates(), traffic, runs, every, chance)
        within = same.promoted & (same.canary_exchanges <= WITHIN)
        says = f"identical, users: {users}"
        yield share_figure(f"promotion_rate_identical_{users}", f"{says}: in {WITHIN:,} an arm", within, target, LEAST)
        yield share_figure(f"false_rollback_rollout_{users}", f"{says}: rolled back", same.rolled_back, ALPHA, MOST)
    refusing = all_gates(refusal=simulated_gate("refusal", ratio=2.0))
    acted = walks(refusing, SOME_USERS, fewer, every, chance).rolled_back
    yield share_figure("rollback_rate_rollout_refusal_2x", "refusals doubled: rolled back", acted, None, LEAST)
    slower = all_gates(token_time=simulated_gate("token_time", math.log(1.2)))
    acted = walks(slower, SOME_USERS, fewer, every, chance).rolled_back
    yield share_figure("rollback_rate_rollout_time_per_token_20pc", "20 % slower: rolled back", acted, None, LEAST)
    at_margin = walks((simulated_gate("refusal", ONE_POINT),), SOME_USERS, sizes.walks * 4, every, chance).promoted
    yield share_figure("false_promotion_rollout", "one gate, refusals at the margin: promoted", at_margin, ALPHA, MOST)


SCENES = (
    *(false_rollbacks(share, correlation) for share in _SHARES for correlation in (0.0, 0.05)),
    Scene("false-rollbacks-elsewhere", false_rollbacks_elsewhere),
    Scene("false-promotions", false_promotions),
    Scene("refusals-doubled", refusals_doubled),
    Scene("time-per-token", time_per_token),
    Scene("errors", errors),
    Scene("whole-rollouts", whole_rollouts),
    Scene("real-refusals", real_refusals),
    Scene("cuped", cuped),
)


def figures_of(scene: Scene, sizes: Sizes, seed: int) -> Iterator[RolloutFigure]:
    """Simulate; each scene has draws of its own."""
    return scene.simulate(sizes, np.random.default_rng([seed, *scene.name.encode()]))


def drawn(figures: Sequence[RolloutFigure]) -> str:
    """The share of runs that have found what is worse, by exchanges of the canary, as an SVG of its own."""
    found = {one.name.removeprefix(_FOUND): one.delays for one in figures if one.delays is not None}
    places = np.geomspace(*_PLOT_EXCHANGES, _PLOT_STEPS).tolist()
    series = [
        Series(name, [round(100 * float(np.mean(found[name] <= place))) for place in places])
        for name in PLOTTED
        if name in found
    ]
    says = "For each kind of harm the share of simulated rollouts that were rolled back, by exchanges of the canary."
    labels = [f"{place:,.0f}" for place in places]
    return lines_alone(Plot("found", "Harm that is found", says, labels, series, lambda value: f"{value} %"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table. Returns 1 if a target is missed."""
    parser = argparse.ArgumentParser(
        prog="make rollout-proof", description="How often a rollout decides falsely, and how soon it finds harm."
    )
    parser.add_argument("--quick", action="store_true", help="few runs and fewer looks: a minute, rough figures")
    parser.add_argument("--only", action="append", choices=[one.name for one in SCENES], help="a scene; may repeat")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    options = parser.parse_args(arguments)
    sizes = QUICK if options.quick else Sizes()
    print(heading())
    figures = []
    for scene in SCENES:
        if options.only is None or scene.name in options.only:
            began_s = time.monotonic()
            for figure in figures_of(scene, sizes, options.seed):
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
