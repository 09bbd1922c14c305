"""The simulated queue of ``extproc size``, next to one with the work of a real processor."""

from __future__ import annotations

import json
from array import array
from typing import Any

import numpy as np
import pytest

from extproc.cli.size import measured
from extproc.server.transport.fast.connection import FastConnection
from tests.bench.sizing import REPORT
from tests.bench.sizing_fit import load_sizes
from tests.bench.turn_times import note_turns
from tests.bench.turns import LOADS, QUANTILES, UTILIZATIONS, quantiles, wait_of_model, wait_of_turns, workload_of

RECORDED: dict[str, Any] = json.loads(REPORT.read_text())
PESSIMISTIC_TO = 0.8


@pytest.mark.parametrize("name", LOADS)
@pytest.mark.parametrize("utilization", [one for one in UTILIZATIONS if one <= PESSIMISTIC_TO])
def test_one_in_a_hundred_waits_no_longer_than_the_model_says(name: str, utilization: float) -> None:
    """Nor is the model so pessimistic that the headroom has no reason."""
    of, sizes = measured(), load_sizes(RECORDED, name)
    real = wait_of_turns(RECORDED["turns"][name], of.cost("standard").of(**sizes), utilization)
    model = wait_of_model(workload_of(sizes), of, utilization)
    assert 0.5 < real.p99_us / model.p99_us < 1.1


def test_quantiles_keep_the_mean_and_the_longest() -> None:
    """What a process does before it is warm is left out."""
    turns = np.concatenate([np.full(3_000, 900.0), np.arange(7_000.0)])
    found = quantiles(turns)
    assert len(found) == QUANTILES
    assert np.mean(found) == pytest.approx(3_499.5)
    assert found[-1] == pytest.approx(6_982)


def test_turns_of_a_connection_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call that brings data, with the CPU that it took."""
    worked: list[bytes] = []

    def data_received(_: FastConnection, data: bytes) -> None:
        worked.append(data)
        sum(range(100_000))

    monkeypatch.setattr(FastConnection, "data_received", data_received)
    noted = array("q")
    note_turns(noted)
    FastConnection.data_received(object.__new__(FastConnection), b"one")
    assert worked == [b"one"]
    assert len(noted) == 1
    assert noted[0] > 100_000
