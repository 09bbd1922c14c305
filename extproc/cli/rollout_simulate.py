"""``extproc rollout simulate``: what may be expected of a plan by declared traffic, before it is started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from extproc.cli.ledger_opened import config_with_ledger
from extproc.cli.output import AsJson, print_json
from extproc.cli.progress import progress
from extproc.cli.rollout_plan import (
    AlphaOption,
    AnswersOption,
    FromOption,
    GivenPlan,
    MinutesOption,
    ModelArgument,
    StepsOption,
    ToOption,
    plan_of,
)
from extproc.cli.tables import print_line, print_table, result_console
from extproc.cli.which_config import ConfigOption, config_file

if TYPE_CHECKING:
    from rich.console import Console

    from extproc.cli.rollout_shapes import RolloutSimulatedJson, SimulatedHarmJson, SimulatedStepJson
    from extproc.config.rollouts import RolloutSection
    from extproc.rollout.simulation.plans import DeclaredTraffic, SimulatedHarm
    from extproc.rollout.simulation.walks import Walked
    from extproc.statistics.arrays import Floats

_HOURS_A_DAY: Final = 24.0
_PERCENT: Final = 100.0
RUNS_MAX: Final = 10_000


def rollout_simulate_command(
    model: ModelArgument,
    to: ToOption,
    from_: FromOption = None,
    steps: StepsOption = None,
    minutes: MinutesOption = None,
    answers: AnswersOption = None,
    alpha: AlphaOption = None,
    per_day: Annotated[int, typer.Option(min=100, max=100_000_000, help="Exchanges a day, of both versions.")] = 20_000,
    users: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="Users, of a heavy-tailed activity; 0: each exchange is one.")
    ] = 5_000,
    correlation: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Of two answers of one user (intra-class correlation).")
    ] = 0.02,
    runs: Annotated[int, typer.Option(min=1, max=RUNS_MAX, help="Rollouts to simulate of each canary.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="The same one gives the same figures.")] = 1,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Simulate a rollout: how long each step takes, how soon harm is found, how often it goes wrong.

    By the plan of `rollouts:` with this model and canary, else by the options. Nothing is started or stored.
    """
    kept = config_with_ledger(config_file(config))
    plan = plan_of(kept, GivenPlan(model, to, from_, steps, minutes, answers, alpha))
    import numpy as np

    from extproc.rollout.simulation.plans import HARMS, DeclaredTraffic, foretold

    traffic = DeclaredTraffic(per_day, users, correlation)
    found = []
    with progress("Simulating") as line:
        for number, harm in enumerate(HARMS):
            line.say(f"Simulating {runs:,} rollouts: {harm.says}")
            walks = foretold(plan, traffic, harm, runs, np.random.default_rng([seed, number]))
            found.append(_harm_data(plan, traffic, harm, walks))
    data: RolloutSimulatedJson = {
        "model": plan.model,
        "stable": plan.stable,
        "canary": plan.canary,
        "exchanges_a_day": per_day,
        "users": users,
        "correlation": correlation,
        "runs": runs,
        "canaries": found,
    }
    if as_json:
        print_json(data)
    else:
        _print(result_console(), data)


def _harm_data(plan: RolloutSection, traffic: DeclaredTraffic, harm: SimulatedHarm, walks: Walked) -> SimulatedHarmJson:
    import numpy as np

    hours = _HOURS_A_DAY / traffic.exchanges_a_day
    ended = walks.promoted | walks.rolled_back
    inconclusive = np.full(len(ended), np.inf)
    took, asked = (np.where(ended, one, inconclusive) for one in (walks.exchanges, walks.canary_exchanges))
    began = np.concatenate([np.zeros((len(ended), 1)), walks.step_ends[:, :-1]], axis=1)
    reached = np.isfinite(began)
    lasted = np.where(reached, walks.step_ends, np.inf) - np.where(reached, began, 0.0)
    return {
        "canary": harm.name,
        "says": harm.says,
        "promoted": float(walks.promoted.mean()),
        "rolled_back": float(walks.rolled_back.mean()),
        "inconclusive": float(1.0 - ended.mean()),
        "hours_median": _quantile(took * hours, 0.5),
        "hours_p90": _quantile(took * hours, 0.9),
        "canary_exchanges_median": _quantile(asked, 0.5),
        "steps": [_step_data(step.percent, lasted[:, place] * hours) for place, step in enumerate(plan.steps[:-1])],
    }


def _step_data(percent: int, hours: Floats) -> SimulatedStepJson:
    import numpy as np

    return {
        "percent": percent,
        "passed": float(np.isfinite(hours).mean()),
        "hours_median": _quantile(hours, 0.5),
        "hours_p90": _quantile(hours, 0.9),
    }


def _quantile(values: Floats, share: float) -> float | None:
    """Of all runs; None: so many did not get there."""
    import numpy as np

    found = float(np.quantile(values, share, method="higher"))
    return found if np.isfinite(found) else None


# --- for people ----------------------------------------------------------------------------------------------------


def _print(console: Console, data: RolloutSimulatedJson) -> None:
    units = f"{data['users']:,} users, correlation {data['correlation']:g}" if data["users"] else "no users"
    first = f"{data['model']}: {data['stable']} to {data['canary']}, {data['runs']:,} simulated rollouts of each canary"
    print_line(console, Text(first, "bold"))
    print_line(console, Text(f"{data['exchanges_a_day']:,} exchanges a day, {units}"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("canary")
    for name in ("promoted", "rolled back", "median", "in 90 %"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in data["canaries"]:
        shares = [f"{_PERCENT * share:.0f} %" for share in (one["promoted"], one["rolled_back"])]
        table.add_row(one["says"], *shares, _hours(one["hours_median"]), _hours(one["hours_p90"]))
    print_table(console, table)
    typer.echo()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("step of an identical canary", "passed", "median", "in 90 %"):
        table.add_column(name, justify="left" if " " in name and name != "in 90 %" else "right", no_wrap=True)
    for step in data["canaries"][0]["steps"]:
        times = _hours(step["hours_median"]), _hours(step["hours_p90"])
        table.add_row(f"{step['percent']} %", f"{_PERCENT * step['passed']:.0f} %", *times)
    print_table(console, table)
    print_line(console, Text("-: so many are not decided in the time of the plan."))


def _hours(hours: float | None) -> str:
    if hours is None:
        return "-"
    return f"{hours:.1f} h" if hours < 2 * _HOURS_A_DAY else f"{hours / _HOURS_A_DAY:.1f} d"
