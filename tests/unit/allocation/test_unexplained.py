"""Work that no entry has: what a server counted beyond its exchanges, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from extproc.allocation.running import SeenExchanges
from extproc.allocation.served import ServedExchanges
from extproc.allocation.server_samples import UNKNOWN, ServerSample, ServerSamples
from extproc.allocation.slices import HOUR_US
from extproc.allocation.unexplained import unexplained_work
from tests.unit.allocation.samples import COSTS

SCRAPE_US = 15_000_000
HOURS = np.arange(3) * HOUR_US


def ran(count: int, seed: int = 1) -> ServedExchanges:
    """Exchanges of two hours."""
    chance = np.random.default_rng(seed)
    start = np.sort(chance.integers(0, 2 * HOUR_US - 60_000_000, count))
    first = start + chance.integers(20_000, 900_000, count)
    last = first + chance.integers(500_000, 40_000_000, count)
    one = np.ones(count, dtype=np.int64)
    prompt, written = chance.integers(10, 4_000, count), chance.integers(1, 800, count)
    return ServedExchanges(start, first, last, prompt, prompt // 4, written, one, one.astype(np.float64))


def samples_of(served: ServedExchanges, restart_us: int = -1, every_us: int = SCRAPE_US) -> ServerSamples:
    """What the server counts: prompts at first tokens, tokens of answers as they are written."""
    found = []
    for at_us in range(0, 2 * HOUR_US + 1, every_us):
        began_us = restart_us if 0 <= restart_us <= at_us else -1

        def written_up_to(time_us: int) -> int:
            lasts = np.maximum(served.last_us - served.first_us, 1)
            return int(np.sum(np.floor(served.written * np.clip((time_us - served.first_us) / lasts, 0, 1))))

        def computed_up_to(time_us: int) -> int:
            return int(np.sum((served.prompt - served.cached)[served.first_us <= time_us]))

        before = max(began_us, -1)
        found.append(
            ServerSample(
                at_us,
                start_us=began_us,
                ready_us=began_us,
                computed=computed_up_to(at_us) - computed_up_to(before),
                written=written_up_to(at_us) - written_up_to(before),
            )
        )
    return ServerSamples.of(found)


def missing(samples: ServerSamples, served: ServedExchanges) -> SeenExchanges:
    """In two slices of an hour."""
    return unexplained_work(samples, served, HOURS, COSTS)


@pytest.mark.parametrize("every_us", [5_000_000, SCRAPE_US, 60_000_000])
def test_where_all_is_in_the_ledger_nothing_is_missing(every_us: int) -> None:
    """However often it was asked."""
    served = ran(600)
    assert len(missing(samples_of(served, every_us=every_us), served).number) == 0


def test_what_is_not_in_the_ledger_is_missing() -> None:
    """A third of all, within one in a hundred, and in its hour."""
    served = ran(600)
    known = served.of(np.flatnonzero(np.arange(600) % 3 != 0))
    found = missing(samples_of(served), known)
    other = served.of(np.flatnonzero(np.arange(600) % 3 == 0))
    assert int(found.written.sum()) == pytest.approx(int(other.written.sum()), rel=0.01)
    assert int(found.prompt.sum()) == pytest.approx(int((other.prompt - other.cached).sum()), rel=0.01)
    assert (found.ended_us - found.sent_us <= SCRAPE_US).all()
    assert (found.sent_us < found.ended_us).all()
    assert set(found.number.tolist()) == {-1}


def test_all_of_it_is_missing() -> None:
    """A server that nobody sees."""
    served = ran(100)
    found = missing(samples_of(served), served.of(np.zeros(0, dtype=np.int64)))
    assert int(found.written.sum()) == pytest.approx(int(served.written.sum()), rel=0.001)


def test_little_is_not_told() -> None:
    """Tokens that were estimated are off by a few in a hundred."""
    served = ran(600)
    known = served.of(np.arange(1, 600))
    assert len(missing(samples_of(served), known).number) == 0


def test_a_server_that_started_again() -> None:
    """Its counters begin at 0; what it counted across is not known, and not missing."""
    served = ran(600)
    samples = samples_of(served, restart_us=HOUR_US // 2 + 1)
    assert len(missing(samples, served).number) == 0
    assert int(missing(samples, served.of(np.arange(300))).written.sum()) > 0


def test_a_server_that_counts_nothing() -> None:
    """Of a release that does not say it, nothing is missing."""
    served = ran(50)
    silent = samples_of(served)._replace(written=np.full(481, UNKNOWN), computed=np.full(481, UNKNOWN))
    assert len(missing(silent, served.of(np.arange(5))).number) == 0
    assert len(missing(ServerSamples.of(()), served).number) == 0


def test_a_counter_that_leaps_is_work_until_the_next_sample() -> None:
    """More than any integer of microseconds: it was taken for none, as it ended before it began."""
    samples = [
        ServerSample(number * SCRAPE_US, 0, 0, computed=number << 50, written=number << 50) for number in range(3)
    ]
    found = missing(ServerSamples.of(samples), ran(0))
    assert (found.ended_us - found.sent_us).tolist() == [SCRAPE_US, SCRAPE_US]
