"""Units of exchanges that have not ended, as another process sees them in the slots."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.rollouts import UNITS, Arm
from extproc.ledger.lines import BEGIN_FIELDS
from extproc.ledger.open_exchanges import OpenExchanges
from extproc.ledger.rollouts.adding import UnitPlace
from extproc.ledger.rollouts.open_units import OpenUnits, open_units
from extproc.ledger.spool import OPEN, new_folder


def begin(**changed: Any) -> bytes:
    """The beginning of an exchange of a rollout."""
    values: dict[str, Any] = dict.fromkeys(BEGIN_FIELDS, "")
    values |= {"rollout": "r1", "rollout_step": 2, "arm": "canary", "unit": 7, **changed}
    return orjson.dumps(list(values.values()))


def found_in(root: Path, *begins: bytes, waits: bool = True) -> OpenUnits:
    """What is seen of some slots."""
    folder, lock = new_folder(root)
    slots = OpenExchanges(folder / OPEN, 16)
    for one in begins:
        place = slots.begin(one)
        assert place is not None
        if waits:
            slots.note_waiting(place)
    found = open_units(root)
    slots.close()
    lock.close()
    return found


def test_a_unit_is_seen_once(tmp_path: Path) -> None:
    """With its step and arm; what is in no rollout, or in its warm-up, is not."""
    begins = begin(), begin(), begin(unit=8, arm="stable"), begin(rollout=""), begin(rollout_step=0)
    found = found_in(tmp_path, *begins)
    assert found.waiting == {
        UnitPlace("r1", "no_answer", 7): (2, "canary"),
        UnitPlace("r1", "no_answer", 8): (2, "stable"),
    }


def test_units_are_seen_from_the_beginning_on(tmp_path: Path) -> None:
    """Whether they wait or not, and in the warm-up too."""
    found = found_in(tmp_path, begin(), begin(unit=8, rollout_step=0), begin(rollout=""), waits=False)
    assert found == OpenUnits({UnitPlace("r1", "", 7): (2, "canary"), UnitPlace("r1", "", 8): (0, "canary")}, {})


def test_a_process_that_is_gone_meanwhile_says_nothing(tmp_path: Path) -> None:
    """Its slots were recovered."""
    _, lock = new_folder(tmp_path)
    assert open_units(tmp_path) == OpenUnits({}, {})
    lock.close()


UNITS_OF_ANY_KIND = st.integers(-(2**63), 2**63 - 1) | st.text(max_size=3)
BEGINS = st.builds(begin, unit=UNITS_OF_ANY_KIND, arm=st.sampled_from(list(Arm)) | st.text(max_size=6))


@given(st.lists(st.binary(max_size=60) | BEGINS, max_size=8))
def test_whatever_slots_hold_is_a_unit_or_nothing(begins: list[bytes]) -> None:
    """They may change while they are read."""
    with tempfile.TemporaryDirectory(prefix="llm-") as root:
        found = found_in(Path(root), *begins)
        for place, (step, arm) in (found.seen | found.waiting).items():
            assert 0 <= place.unit < UNITS
            assert step >= (place.gate == "no_answer")
            assert arm in set(Arm)
