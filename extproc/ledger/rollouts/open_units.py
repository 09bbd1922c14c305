"""What is known of exchanges that have not ended: a canary that hangs answers nobody, and has no entries.

Their units count as seen from the beginning on. Otherwise a canary that answers later than the stable version would
seem to lose exchanges. A process that serves also notes in its mapped slots which streams of a rollout wait too long
(``ledger/sink``), so that the rollout goes back before the first of them is given up.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from extproc.domain.rollout_gates import NO_ANSWER
from extproc.domain.rollouts import UNITS, WARM_UP_STEP, Arm
from extproc.ledger.open_exchanges import left_behind
from extproc.ledger.rollouts.adding import UnitPlace
from extproc.ledger.spool import OPEN, process_folders

_ARMS: Final = frozenset(arm.value for arm in Arm)


class OpenUnits(NamedTuple):
    """Units of rollouts with an open exchange, with step and arm.

    Attributes:
        seen: all of them.
        waiting: of which a stream waits too long, outside a warm-up.
    """

    seen: dict[UnitPlace, tuple[int, str]]
    waiting: dict[UnitPlace, tuple[int, str]]


def open_units(root: Path) -> OpenUnits:
    """Those of this machine. Raises: OSError. Args: root: of the spool."""
    found = OpenUnits({}, {})
    for folder in process_folders(root):
        with contextlib.suppress(FileNotFoundError):  # it was recovered, or removed
            _add(found, folder / OPEN)
    return found


def _add(found: OpenUnits, file: Path) -> None:
    left = left_behind(file)
    for slot in left.slots:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # it changes now
            begin: dict[str, Any] = dict(zip(left.fields.begin, orjson.loads(slot.begin), strict=True))
            rollout, step, arm, unit = begin["rollout"], int(begin["rollout_step"]), begin["arm"], int(begin["unit"])
            if rollout and step >= 0 and arm in _ARMS and 0 <= unit < UNITS:
                found.seen.setdefault(UnitPlace(rollout, "", unit), (step, arm))
                if slot.waits and step > WARM_UP_STEP:
                    found.waiting.setdefault(UnitPlace(rollout, NO_ANSWER, unit), (step, arm))
