"""What is known of exchanges that have not ended: a canary that hangs answers nobody, and has no entries.

A process that serves notes in its mapped slots which streams of a rollout wait too long (``ledger/sink``). The process
that ships reads them there, so a rollout goes back before the first of them is given up.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from extproc.domain.rollout_gates import NO_ANSWER
from extproc.domain.rollouts import UNITS, WARM_UP_STEP, Arm
from extproc.ledger.open_exchanges import left_behind
from extproc.ledger.rollouts.adding import UnitPlace
from extproc.ledger.spool import OPEN, process_folders

_ARMS: Final = frozenset(arm.value for arm in Arm)


def waiting_units(root: Path) -> dict[UnitPlace, tuple[int, str]]:
    """The units of rollouts of which a stream waits now, on this machine, with step and arm. Raises: OSError.

    Args: root: of the spool.
    """
    return dict(one for folder in process_folders(root) for one in _waiting_in(folder / OPEN))


def _waiting_in(file: Path) -> Iterator[tuple[UnitPlace, tuple[int, str]]]:
    try:
        left = left_behind(file)
    except OSError:  # it was recovered, or removed
        return
    for slot in left.slots:
        if slot.waits:
            with contextlib.suppress(ValueError, KeyError, TypeError):  # it changes now
                begin = dict(zip(left.fields.begin, orjson.loads(slot.begin), strict=True))
                step, arm, unit = int(begin["rollout_step"]), begin["arm"], int(begin["unit"])
                if begin["rollout"] and step > WARM_UP_STEP and arm in _ARMS and 0 <= unit < UNITS:
                    yield UnitPlace(begin["rollout"], NO_ANSWER, unit), (step, arm)
