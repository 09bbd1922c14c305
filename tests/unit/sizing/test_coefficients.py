"""The coefficients that are shipped: whole, with units and sources."""

from __future__ import annotations

import re

import pytest

from extproc.cli.size import measured
from extproc.sizing.coefficients import Coefficients, ExchangeCost
from tests.unit.sizing.samples import COEFFICIENTS


def test_what_is_shipped_has_all_that_the_model_asks_for() -> None:
    """The samples of these tests have no more than the model needs."""
    assert set(COEFFICIENTS) <= set(measured())
    assert COEFFICIENTS.measured_guards() <= measured().measured_guards()


def test_each_has_a_unit_and_a_source() -> None:
    """Nothing is made up: a source is a command, or the file of a limit."""
    for name, one in measured().entries.items():
        assert one.unit, name
        assert re.match(r"make size-check|extproc/\S+\.py$", one.source), name
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", measured().date)


def test_none_is_below_zero() -> None:
    """An event or a request that took less than nothing would be a bad fit."""
    assert {name: value for name, value in measured().items() if value < 0} == {}


def test_a_cost_is_a_sum() -> None:
    """Of its parts, each by how much there is of it."""
    cost = ExchangeCost(100.0, 2.0, 3.0, 10.0, 0.5)
    assert cost.of(prompt_kb=2.0) == 104
    assert cost.of(prompt_kb=2.0, answer_kb=4.0) == 116
    assert cost.of(prompt_kb=0.0, events=10, streamed=1.0) == 115


def test_a_file_without_a_unit_is_refused() -> None:
    """It is written by a program, and read strictly."""
    data = {"date": "2026-11-30", "machine": "one", "values": {"cpu.none.request_us": {"value": 1.0, "source": "x"}}}
    with pytest.raises(TypeError):
        Coefficients.of(data)
