"""Cores, processes, pods and memory of a load."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.sizing.processors import SHIPPING, envoys_for, exchange_cpu_us, processors_for
from extproc.sizing.workload import GuardLevel, LedgerPlace, LimitPlace
from tests.thorough import examples
from tests.unit.sizing.samples import COEFFICIENTS, load


def test_cores_are_what_exchanges_take() -> None:
    """Half of the requests are streams of 100 events: 200 + 50 + 50 * 20 us without guards."""
    found = processors_for(load(guards=GuardLevel.NONE), COEFFICIENTS)
    assert found.cores == pytest.approx(1.25)
    assert found.cpu_us == {"transport, routing, metering": pytest.approx(1_250), "guards": 0.0}
    assert (found.processes, found.pods) == (3, 4)
    assert found.streams_per_worker == pytest.approx(5_000 / 3)


def test_what_a_load_has_is_added() -> None:
    """Each by what it takes of an exchange."""
    asked = load(limit_store=LimitPlace.VALKEY, ledger=LedgerPlace.POSTGRESQL, signals=True, otel=True)
    found = exchange_cpu_us(asked, COEFFICIENTS)
    assert found == {
        "transport, routing, metering": pytest.approx(1_250),
        "guards": pytest.approx(400),
        "rate limits": 500,
        "ledger": 5,
        SHIPPING: 295,
        "signals": pytest.approx(10 + 0.5 * 50),
        "traces": 150,
    }
    assert exchange_cpu_us(load(limit_store=LimitPlace.MEMORY), COEFFICIENTS)["rate limits"] == 10
    assert exchange_cpu_us(load(ledger=LedgerPlace.SQLITE), COEFFICIENTS)[SHIPPING] == 95


def test_what_ships_has_a_core_of_its_own() -> None:
    """It is a process of the pod, and takes nothing of the workers' headroom."""
    found = processors_for(load(guards=GuardLevel.NONE, ledger=LedgerPlace.POSTGRESQL), COEFFICIENTS)
    assert found.cores == pytest.approx(1.25 + 0.005 + 0.295)
    assert found.processes == 3
    assert found.pod_cores == pytest.approx(1 + 0.295 / 3)


def test_guards_by_name_are_added_to_the_light_ones() -> None:
    """What the light ones take more than without any is theirs and the chain's."""
    light = exchange_cpu_us(load(guards=GuardLevel.LIGHT), COEFFICIENTS)["guards"]
    assert exchange_cpu_us(load(guards=("pii", "refusal")), COEFFICIENTS)["guards"] == pytest.approx(light)
    asked = load(guards=("injection", "pii", "refusal"), prompt_tokens=1_000)
    assert exchange_cpu_us(asked, COEFFICIENTS)["guards"] == pytest.approx(light + 50 + 100 * 4.4)
    assert exchange_cpu_us(load(guards=("refusal",)), COEFFICIENTS)["guards"] == pytest.approx(light - 10 - 2 * 50)
    assert exchange_cpu_us(load(guards=()), COEFFICIENTS)["guards"] == 0


def test_a_guard_that_nobody_measured_is_named() -> None:
    """It is in no figure, which is told."""
    found = processors_for(load(guards=("mine", "pii", "mine")), COEFFICIENTS)
    assert found.unmeasured == ("mine",)
    assert processors_for(load(), COEFFICIENTS).unmeasured == ()


def test_memory_of_a_pod() -> None:
    """Workers with their streams; with several a supervisor, with a ledger who ships."""
    alone = processors_for(load(guards=GuardLevel.NONE), COEFFICIENTS)
    assert alone.memory_mb == pytest.approx(90 + 5_000 / 3 * 0.015)
    assert alone.memory_mb_max == pytest.approx(alone.memory_mb + 67)
    both = processors_for(load(guards=GuardLevel.NONE, workers=2, ledger=LedgerPlace.SQLITE), COEFFICIENTS)
    assert both.memory_mb == pytest.approx(2 * (90 + 5_000 / 3 * 0.015) + 85 + 80)


def test_envoys_have_a_circuit_breaker() -> None:
    """What is open at a time is shared by as many Envoys as it lets through."""
    found = envoys_for(load(exchange_s=20.0, prompt_tokens=0, streamed=1.0), COEFFICIENTS)
    assert found.least == 5  # 20,000 open, 4,096 each
    assert found.cores == pytest.approx(2.2)
    assert found.cores_alone == pytest.approx(1.08)
    assert found.memory_mb == pytest.approx(1_600)


@settings(max_examples=examples(50))
@given(
    st.floats(0.001, 1e8),
    st.integers(0, 100_000),
    st.integers(1, 64),
    st.floats(0.05, 0.9),
    st.sampled_from(GuardLevel),
)
def test_processes_are_below_the_utilization(
    rate: float, tokens: int, workers: int, utilization: float, guards: GuardLevel
) -> None:
    """Even while one pod is away, and with hardly more than is needed."""
    asked = load(requests_per_s=rate, answer_tokens=tokens, workers=workers, utilization=utilization, guards=guards)
    found = processors_for(asked, COEFFICIENTS)
    assert found.cores / ((found.pods - 1) * workers) <= utilization * (1 + 1e-9)
    assert (found.pods - 2) * workers < max(1, found.processes)
    assert found.memory_mb >= workers * 90
