"""The simulated queue, against what queueing theory says of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.sizing.processors import exchange_cpu_us, worker_us
from extproc.sizing.waiting import MessageMix, mean_wait_us, messages_of, simulated_wait, waits_of
from extproc.sizing.workload import LedgerPlace, LimitPlace, Workload
from tests.thorough import examples
from tests.unit.sizing.samples import COEFFICIENTS, load

ONE_KIND = MessageMix((100.0,), (1.0,))
EVENTS_AND_REQUESTS = MessageMix((30.0, 1_000.0), (0.99, 0.01))


@settings(max_examples=examples(50))
@given(st.lists(st.tuples(st.floats(0, 1_000), st.floats(0, 1_000)), min_size=1, max_size=50))
def test_waits_are_those_of_a_queue_that_is_played_message_by_message(pairs: list[tuple[float, float]]) -> None:
    """A message begins when it has come and the one before it is done."""
    expected, free_us, now_us = [], 0.0, 0.0
    for work_us, gap_us in pairs:
        begins_us = max(now_us, free_us)
        expected.append(begins_us - now_us)
        free_us, now_us = begins_us + work_us, now_us + gap_us
    work, gaps = (np.array(one) for one in zip(*pairs, strict=True))
    assert waits_of(work, gaps) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("mix", [ONE_KIND, EVENTS_AND_REQUESTS])
@pytest.mark.parametrize("utilization", [0.3, 0.6, 0.8])
def test_the_mean_is_that_of_the_formula(mix: MessageMix, utilization: float) -> None:
    """Of Pollaczek and Khinchine."""
    found = simulated_wait(mix, utilization, np.random.default_rng(1), 2_000_000)
    assert found.mean_us == pytest.approx(mean_wait_us(mix, utilization), rel=0.1)


@pytest.mark.parametrize("utilization", [0.5, 0.6, 0.8])
def test_quantiles_of_one_kind_have_a_formula(utilization: float) -> None:
    """M/M/1: a message waits longer than t with the probability rho * exp(-t * (1 - rho) / mean)."""
    found = simulated_wait(ONE_KIND, utilization, np.random.default_rng(1), 2_000_000)
    for value, tail in ((found.p99_us, 0.01), (found.p999_us, 0.001)):
        assert value == pytest.approx(100.0 / (1 - utilization) * math.log(utilization / tail), rel=0.1)
    assert found.p50_us == pytest.approx(
        100.0 / (1 - utilization) * max(0.0, math.log(utilization / 0.5)), rel=0.1, abs=3
    )


def test_rare_long_messages_are_what_others_wait_for() -> None:
    """At the same utilization, the same mean work waits longer where it is uneven."""
    even = MessageMix((float(np.dot(*EVENTS_AND_REQUESTS)),), (1.0,))
    uneven = simulated_wait(EVENTS_AND_REQUESTS, 0.6, np.random.default_rng(1))
    assert uneven.p99_us > 3 * simulated_wait(even, 0.6, np.random.default_rng(1)).p99_us


@pytest.mark.parametrize(
    "asked",
    [
        load(streamed=1.0, answer_tokens=300),
        load(guards=("pii", "injection"), signals=True),
        load(limit_store=LimitPlace.VALKEY, ledger=LedgerPlace.POSTGRESQL),
        load(streamed=0.0),
    ],
)
def test_a_mix_takes_as_much_as_its_exchanges(asked: Workload) -> None:
    """Nothing that a worker does of an exchange is lost or counted twice."""
    mix = messages_of(asked, COEFFICIENTS)
    messages = 1 + asked.events + (asked.limit_store is LimitPlace.VALKEY)
    expected_us = worker_us(exchange_cpu_us(asked, COEFFICIENTS))
    assert float(np.dot(mix.mean_us, mix.share)) * messages == pytest.approx(expected_us)
    assert min(mix.mean_us) > 0
