"""What the entry of an exchange says of each gate of a rollout."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.rollout_gates import GATE_NAMES
from extproc.domain.signals import RATES, VALUES
from extproc.ledger.entry import EntryOutcome
from extproc.ledger.schema import row_of
from extproc.rollout.gates import ANSWERED, ERRORS, OBSERVED, SAYS_NOTHING, Observed, left_out_as, observed_in
from tests.unit.ledger.samples import entry

ADDED_ELSEWHERE = {"feedback", "judge"}


def said(**changed: Any) -> dict[str, Observed]:
    """What an exchange says, by gate."""
    return dict(observed_in(row_of(entry(**{"chosen": "", "findings": {}, "rollout_step": 1, **changed}))))


def test_every_outcome_counts_or_is_left_out() -> None:
    """A new one must be decided on."""
    groups = [ANSWERED, ERRORS, SAYS_NOTHING]
    assert sorted(name for group in groups for name in group) == sorted(one.value for one in EntryOutcome)


@pytest.mark.parametrize(
    ("outcome", "error", "abort"),
    [
        ("completed", 0, 0),
        ("cut", 0, 0),
        ("aborted", 0, 1),
        ("upstream_died", 1, None),
        ("timed_out", 1, None),
        ("upstream_error", 1, None),
        ("failed", 1, None),
        ("unreachable", 1, None),
    ],
)
def test_an_exchange_without_an_answer_is_an_error(outcome: str, error: int, abort: int | None) -> None:
    """One that broke off in the middle is an abort: the client may have done it."""
    found = said(outcome=EntryOutcome(outcome), streamed=False, signals={}, cost_micro_usd=0)
    expected: dict[str, Observed] = {"error": (1, error, error)}
    if abort is not None:
        expected |= {"abort": (1, abort, abort), "finding": (1, 0.0, 0.0)}
    assert found == expected


@pytest.mark.parametrize("outcome", sorted(SAYS_NOTHING))
def test_what_says_nothing_of_the_version_is_left_out(outcome: str) -> None:
    """Whatever else stands in its entry."""
    row = row_of(entry(outcome=EntryOutcome(outcome)))
    assert (left_out_as(row), observed_in(row)) == (outcome, [])


def test_the_answer_of_another_version_is_an_error_of_the_arm_alone() -> None:
    """Its other signals are those of the version that answered."""
    assert said(chosen="tiny/v1") == {"error": (1, 1.0, 1.0)}
    assert left_out_as(row_of(entry(chosen="tiny/v1"))) == "fallback"
    assert left_out_as(row_of(entry(chosen="", rollout_step=1))) == ""


def test_in_the_warm_up_only_failures_count() -> None:
    """Servers are slow then, and not broken."""
    assert said(rollout_step=0, signals={"refused": [1, 1]}) == {"error": (1, 0.0, 0.0)}
    assert said(rollout_step=0, outcome=EntryOutcome.TIMED_OUT) == {"error": (1, 1.0, 1.0)}
    assert left_out_as(row_of(entry(chosen="", rollout_step=0))) == "warm_up"


@pytest.mark.parametrize(
    ("gate", "signal"),
    [
        ("refusal", "refused"),
        ("empty", "empty"),
        ("looped", "looped"),
        ("truncated", "token_limit"),
        ("unstructured", "unstructured"),
        ("bad_call", "bad_call"),
        ("regenerated", "regenerated"),
    ],
)
def test_rates_are_those_of_the_signals(gate: str, signal: str) -> None:
    """Counted by answers or calls, where they were judged."""
    assert signal in {rate.name for rate in RATES}
    assert said(signals={signal: [1, 3]})[gate] == (3, 1.0, 1.0)
    assert gate not in said(signals={})


@pytest.mark.parametrize("gate", ["length", "first_token", "token_time"])
def test_values_are_logarithms_of_the_signals(gate: str) -> None:
    """Durations and lengths are compared by their ratio."""
    assert gate in {value.name for value in VALUES}
    assert said(signals={gate: 8.0})[gate] == pytest.approx((1, math.log(8), math.log(8) ** 2))


def test_a_cost_is_compared_where_there_is_one() -> None:
    """A model without a price has none."""
    assert said(cost_micro_usd=100)["cost"] == pytest.approx((1, math.log(100), math.log(100) ** 2))
    assert "cost" not in said(cost_micro_usd=0)


def test_findings_of_the_answer_count() -> None:
    """Those of the request are the client's."""
    assert said(findings={"pii/response/EMAIL": 2, "pii/request/EMAIL": 1})["finding"] == (1, 1.0, 1.0)
    assert said(findings={"pii/request/response": 2})["finding"] == (1, 0.0, 0.0)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"first_token_at_us": 2_900_000}, (1, 0.0, 0.0)),
        ({"first_token_at_us": 3_100_001}, (1, 1.0, 1.0)),
        ({"first_token_at_us": None, "outcome": EntryOutcome.TIMED_OUT}, (1, 1.0, 1.0)),
        ({"first_token_at_us": None, "ended_at_us": 200_000, "outcome": EntryOutcome.UNREACHABLE}, (1, 0.0, 0.0)),
        ({"streamed": False}, None),
        ({"sent_at_us": None}, None),
    ],
)
def test_a_stream_that_begins_late_has_no_answer(changed: dict[str, Any], found: Observed | None) -> None:
    """From where the model server had the request; another answer comes at its end, and says nothing."""
    times = {"streamed": True, "sent_at_us": 100_000, "first_token_at_us": 200_000, "ended_at_us": 9_000_000}
    assert said(**{**times, **changed}).get("no_answer") == found


SIGNALS = st.dictionaries(
    st.sampled_from([*(one.name for one in RATES), *(one.name for one in VALUES), "new"]),
    st.none()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.booleans()
    | st.lists(st.integers() | st.floats()),
)


@given(SIGNALS)
def test_whatever_a_spool_holds_is_a_number_or_nothing(signals: Mapping[str, Any]) -> None:
    """A damaged one stops nothing."""
    for name, (count, total, squares) in said(signals=signals).items():
        assert count >= 1, name
        assert math.isfinite(total)
        assert 0 <= squares < math.inf


def test_what_arrives_later_is_in_no_entry() -> None:
    """Feedback is added where it comes."""
    everything = {rate.name: [1, 1] for rate in RATES} | {value.name: 2.0 for value in VALUES}
    assert set(GATE_NAMES) - said(signals=everything).keys() == ADDED_ELSEWHERE
    assert OBSERVED.keys() <= set(GATE_NAMES)
