"""What the process that ships keeps of rollouts on its own disk, for the time in which the store does not answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from extproc.domain.rollouts import RolloutPhase
from extproc.ledger.rollouts.state_file import replace_file
from extproc.ledger.rollouts.states import RolloutState

STATES_FILE: Final = "rollout_states.json"
ROLLED_BACK_FILE: Final = "rollouts_rolled_back.json"


class LocalRollBack(NamedTuple):
    """A rollout that this machine has rolled back by itself, which the store does not know yet.

    Attributes:
        revision: of the rollout then; if it has another one when the store answers, somebody was faster.
        content: of the journal's entry.
    """

    rollout: str
    revision: int
    content: Mapping[str, Any]


def write_states(root: Path, states: Iterable[RolloutState]) -> None:
    """Keep the last rollout of each model. Raises: OSError. Args: root: of the spool."""
    replace_file(root / STATES_FILE, orjson.dumps([asdict(one) for one in states]))


def read_states(root: Path) -> list[RolloutState]:
    """What was kept; nothing of a file that is not there, or of another release."""
    try:
        kept = orjson.loads((root / STATES_FILE).read_bytes())
        states = [RolloutState(**{**one, "phase": RolloutPhase(one["phase"])}) for one in kept]
        return [one for one in states if one.is_readable]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def write_rolled_back(root: Path, found: Iterable[LocalRollBack]) -> None:
    """Keep what the store is to be told. Raises: OSError."""
    replace_file(root / ROLLED_BACK_FILE, json.dumps([one._asdict() for one in found]).encode())


def read_rolled_back(root: Path) -> list[LocalRollBack]:
    """What was kept; nothing of a file that is not there, or of another release."""
    try:
        kept = orjson.loads((root / ROLLED_BACK_FILE).read_bytes())
        return [LocalRollBack(str(one["rollout"]), int(one["revision"]), dict(one["content"])) for one in kept]
    except (OSError, ValueError, KeyError, TypeError):
        return []
