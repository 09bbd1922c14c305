"""What Python does for an exchange is what ``work.json`` says: more is a cost, and less is to be recorded."""

from __future__ import annotations

import json

import pytest

from tests.bench.work import PYTHON, RECORDED, measure_work

SHARE = 0.01


@pytest.mark.skipif(json.loads(RECORDED.read_text())["python"] != PYTHON, reason="recorded with another Python")
def test_an_exchange_makes_as_many_calls_as_recorded() -> None:
    """Calls and KB, of each exchange; a difference that is meant: ``python -m tests.bench.work --record``."""
    recorded = json.loads(RECORDED.read_text())
    del recorded["python"]
    found = measure_work()
    assert found.keys() == recorded.keys()
    differing = {name: (recorded[name], value) for name, value in found.items() if value != approx(recorded[name])}
    assert not differing, "recorded, found; record a difference that is meant: python -m tests.bench.work --record"


def approx(value: float) -> object:
    """Libraries of another release may differ by a call."""
    return pytest.approx(value, rel=SHARE, abs=2)
