"""What commands of ``extproc rollout`` have in common: the rollout that is named, and the time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from extproc.cli.output import refuse
from extproc.config.problems import did_you_mean, names

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from extproc.ledger.rollouts.states import RolloutState

TEXT_CHARS_MAX: Final = 200
Named = Annotated[str, typer.Argument(metavar="ROLLOUT", help="Its name, its id, or the model.", show_default=False)]


def found_rollout(connection: Connection, name: str) -> RolloutState:
    """The last rollout of a name, an id or a model; without one the command ends."""
    from extproc.ledger.rollouts.states import rollouts

    known = rollouts(connection)
    found = [one for one in known if name in (one.name, one.id, one.model)]
    if not found:
        every = sorted({one.name for one in known})
        hint = did_you_mean(name, every) or (f"There are: {names(every)}." if every else "There are none yet.")
        refuse(f"There is no rollout {name[:TEXT_CHARS_MAX]}. {hint}")
    return found[-1]


def now_us() -> int:
    """Since 1970 [us]."""
    return time.time_ns() // 1_000
