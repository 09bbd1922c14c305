"""The plan of a rollout as a command line gives it, checked as one of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from extproc.cli.ledger_opened import LedgerConfig
from extproc.cli.output import refuse
from extproc.config.problems import Places, Severity, names

if TYPE_CHECKING:
    from extproc.config.rollouts import RolloutSection

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="The model.", show_default=False)]
ToOption = Annotated[str, typer.Option(help="The version that it goes to: the canary.", show_default=False)]
FromOption = Annotated[
    str | None, typer.Option("--from", help="The version that it goes from; default: that with most weight.")
]
DEFAULT_STEPS: Final = "5,25,50,100"
StepsOption = Annotated[
    str | None, typer.Option(help=f"Shares of the canary, in turn [percent]; default: {DEFAULT_STEPS}.")
]
MinutesOption = Annotated[int | None, typer.Option(min=0, help="Least time at each share; default: 60.")]
AnswersOption = Annotated[
    int | None, typer.Option(min=0, help="Least answers of the canary at each share; default: 200.")
]
AlphaOption = Annotated[
    float | None, typer.Option(help="Chance of a wrong roll back, and of a wrong step; default: 0.01.")
]


class GivenPlan(NamedTuple):
    """What is given; None: it is not, so the default applies."""

    model: str
    to: str
    from_: str | None
    steps: str | None
    minutes: int | None
    answers: int | None
    alpha: float | None
    name: str | None = None


def plan_of(kept: LedgerConfig, given: GivenPlan) -> RolloutSection:
    """That of the configuration with this model and canary, else of what is given; a bad one ends the command.

    Of one that is declared nothing can be given as well: it would be lost without a word.
    """
    model, to, *_ = given
    declared = next((one for one in kept.document.rollouts if (one.model, one.canary) == (model, to)), None)
    if declared is None:
        return _checked(kept, given)
    options = [f"--{name.removesuffix('_')}" for name in given._fields[2:] if getattr(given, name) is not None]
    if options:
        refuse(
            f"extproc rollout: {model} to {to} is declared in `rollouts` as {declared.name}; change its plan there, or "
            f"leave out {names(options)}"
        )
    return declared


def _checked(kept: LedgerConfig, given: GivenPlan) -> RolloutSection:
    from pydantic import ValidationError

    from extproc.config.rollout_checks import plan_problems
    from extproc.config.rollouts import RolloutSection, RolloutStep

    model = given.model
    versions = kept.document.models[model].versions if model in kept.document.models else {}
    others = sorted((one for one in versions if one != given.to), key=lambda one: -versions[one].weight)
    try:
        percents = [int(one) for one in (given.steps or DEFAULT_STEPS).split(",")]
        least = {"minutes_min": given.minutes, "answers_min": given.answers}
        changed: dict[str, Any] = {name: value for name, value in least.items() if value is not None}
        more: dict[str, Any] = {} if given.alpha is None else {"alpha": given.alpha}
        plan = RolloutSection(
            name=given.name or f"{model}-{given.to}",
            model=model,
            stable=given.from_ or next(iter(others), given.to),
            canary=given.to,
            steps=tuple(RolloutStep(percent=one, **changed) for one in percents),
            **more,
        )
    except ValidationError as invalid:
        keys = names([".".join(str(part) for part in error["loc"]) for error in invalid.errors()])
        refuse(f"extproc rollout: not possible: {keys}; `rollouts` in the reference says what is")
    except ValueError:
        refuse("extproc rollout: --steps are whole numbers with commas between them, such as 5,25,50,100")
    problems = list(plan_problems(plan, kept.document, (), Places("extproc rollout")))
    errors = [one for one in problems if one.severity is Severity.ERROR]
    if errors:
        refuse(*(f"extproc rollout: {one.path}: {one.found}. {one.hint}" for one in errors))
    for one in problems:
        typer.echo(f"warning: {one.found}. {one.hint}", err=True)
    return plan
