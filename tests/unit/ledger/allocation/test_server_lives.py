"""Lives and GPUs of servers, from the store."""

from __future__ import annotations

from typing import Any

from extproc.allocation.server_samples import ServerSample, ServerSamples
from extproc.allocation.slices import GpuTerms
from extproc.config.gpus import GpuPrice, GpuServer, GpusSection, KubernetesGpus
from extproc.ledger.allocation.dividing import ServerTerms
from extproc.ledger.allocation.sample_tables import HOUR_US
from extproc.ledger.allocation.server_lives import server_lives, server_terms
from extproc.ledger.allocation.stored_samples import GpuFacts, add_samples, note_facts
from extproc.ledger.store import LedgerStore

SERVER = "10.0.0.7:8000"
BEGIN_US = 500_000 * HOUR_US
SECOND_US = 1_000_000
NOVEMBER_US = 1_793_491_200_000_000
DECEMBER_US = 1_796_083_200_000_000


def section(*servers: GpuServer, **changed: Any) -> GpusSection:
    """With a price that changes, and one that began in November."""
    prices = (
        GpuPrice(name="h100", per_gpu_hour="2.50"),
        GpuPrice(name="h100", per_gpu_hour="2.20", since="2026-12-01T00:00:00Z"),
        GpuPrice(name="l4", per_gpu_hour="0.70", since="2026-11-01T00:00:00Z"),
    )
    return GpusSection(servers=servers, prices=prices, **changed)


def server(endpoint: str, gpus: int = 2, price: str = "h100") -> GpuServer:
    """Of the configuration."""
    return GpuServer(endpoint=endpoint, gpus=gpus, kind="H100", price=price)


def test_the_life_of_a_server_while_nobody_asked(store: LedgerStore) -> None:
    """The same process answered hours before and hours later."""
    start_us, ready_us = BEGIN_US - HOUR_US, BEGIN_US - HOUR_US // 2
    asked = [ServerSample(BEGIN_US + at_us, start_us, ready_us) for at_us in (0, 15 * SECOND_US, 9 * HOUR_US)]
    with store.writing() as connection:
        add_samples(connection, SERVER, ServerSamples.of(asked))
        for begin_us, end_us in ((0, HOUR_US), (3 * HOUR_US, 4 * HOUR_US), (9 * HOUR_US, 10 * HOUR_US)):
            (found,) = server_lives(connection, BEGIN_US + begin_us, BEGIN_US + end_us).values()
            assert (found.exists.begin.tolist()[0], found.starting.end.tolist()) == (start_us, [ready_us])
            assert found.exists.end[0] >= BEGIN_US + min(end_us, 9 * HOUR_US)
        assert found.unproven.begin.tolist() == [BEGIN_US + 9 * HOUR_US]
        assert found.unproven.end.tolist() == [BEGIN_US + 9 * HOUR_US + 15 * SECOND_US]
        assert server_lives(connection, BEGIN_US + 20 * HOUR_US, BEGIN_US + 21 * HOUR_US) == {}


def test_gpus_and_prices_over_time(store: LedgerStore) -> None:
    """Those that the processors were configured with when they asked, not those of today."""
    noon_us = DECEMBER_US - HOUR_US // 2
    with store.writing() as connection:
        note_facts(connection, SERVER, GpuFacts("vllm-a:8000", 2, "H100", "h100"), NOVEMBER_US)
        note_facts(connection, SERVER, GpuFacts("vllm-a:8000", 4, "H100", "h100"), noon_us)
        found = server_terms(connection, section(server("vllm-a:8000", 8), server("10.0.0.8:8000", 1, "l4")))
    assert found[SERVER] == ServerTerms(
        "H100",
        "USD",
        (
            GpuTerms(0, 2, 2_500_000_000, "H100"),
            GpuTerms(noon_us, 4, 2_500_000_000, "H100"),
            GpuTerms(DECEMBER_US, 4, 2_200_000_000, "H100"),
        ),
    )
    assert found["10.0.0.8:8000"].terms == (
        GpuTerms(0, 1, None, "H100"),
        GpuTerms(NOVEMBER_US, 1, 700_000_000, "H100"),
    )


def test_a_price_that_the_configuration_does_not_have_any_more_is_not_known(store: LedgerStore) -> None:
    """Its time is shared, and has no cost."""
    with store.writing() as connection:
        note_facts(connection, SERVER, GpuFacts(SERVER, 2, "A100", "a100"), NOVEMBER_US)
        found = server_terms(connection, section(server(SERVER), currency="EUR"))
    assert found == {SERVER: ServerTerms("A100", "EUR", (GpuTerms(0, 2, None, "A100"),))}


def test_a_server_without_a_price_has_that_of_its_kind(store: LedgerStore) -> None:
    """As it is when time is allocated; while its GPUs are not known it has none, and no price."""
    with store.writing() as connection:
        for since_us, facts in (
            (NOVEMBER_US, GpuFacts(SERVER, 2, "L4", "")),
            (NOVEMBER_US + HOUR_US, GpuFacts.unknown(SERVER)),
            (NOVEMBER_US + 2 * HOUR_US, GpuFacts(SERVER, 1, "H200", "")),
        ):
            note_facts(connection, SERVER, facts, since_us)
        looked_up = section(GpuServer(endpoint=SERVER), kubernetes=KubernetesGpus(namespaces=("models",)))
        assert server_terms(connection, section(GpuServer(endpoint="10.0.0.9:8000"))).keys() == {SERVER}
        priced = [*looked_up.prices[:2], GpuPrice(name="l4", kind="L4", per_gpu_hour="0.70")]
        found = server_terms(connection, looked_up.model_copy(update={"prices": tuple(priced)}))
        note_facts(connection, SERVER, GpuFacts.unknown(SERVER), NOVEMBER_US + 3 * HOUR_US)
        (last,) = server_terms(connection, looked_up).values()
    assert found[SERVER].terms == (
        GpuTerms(0, 2, 700_000_000, "L4"),
        GpuTerms(NOVEMBER_US + HOUR_US, 0, None),
        GpuTerms(NOVEMBER_US + 2 * HOUR_US, 1, None, "H200"),
    )
    assert (last.kind, last.terms[-1]) == ("H200", GpuTerms(NOVEMBER_US + 3 * HOUR_US, 0, None))
