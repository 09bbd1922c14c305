"""Hints are measured on what a team used itself: each case has a figure that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.allocation.slices import HOUR_US, GpuTerms
from extproc.allocation.step_costs import TYPICAL
from extproc.ledger.allocation.dividing import ServerTerms
from extproc.ledger.allocation.used_reading import UsedTimeSum
from extproc.ledger.entry import EntryOutcome, LedgerEntry, TokenSource
from extproc.ledger.store import LedgerStore
from extproc.reports.savings import HINTS, LEFT, Saving, savings
from tests.thorough import examples
from tests.unit.ledger.allocation.samples import DAY, OTHER, PRICE, SERVERS, day_of_traffic, ran, terms

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LedgerStore]:
    """An empty ledger."""
    opened = LedgerStore(f"sqlite:///{tmp_path}/ledger.db", Path("/"))
    yield opened
    opened.close()


def hints_of(
    store: LedgerStore, entries: Sequence[LedgerEntry] = (), servers: Mapping[str, ServerTerms] = SERVERS
) -> list[Saving]:
    """Of a day with these exchanges; the server of most has two GPUs."""
    store.add(list(entries))
    found = UsedTimeSum()
    with store.reading() as connection:
        found.add_day(connection, terms(servers), DAY)
    return savings(found.used())


def one_hint(found: Sequence[Saving], hint: str, team: str = "search") -> Saving:
    """The only one of a kind that a team has."""
    (one,) = (saving for saving in found if (saving.hint, saving.team) == (hint, team))
    return one


def alone(number: int, lasts_us: int = 10 * SECOND_US, **changed: Any) -> LedgerEntry:
    """An exchange that nobody shares its server with: it has all of both GPUs."""
    begin_us = number * MINUTE_US + 1_000_000
    known = {"team": "search", "model": "big", "prompt_tokens": 100, "cached_tokens": 0, "completion_tokens": 200}
    first = {"first_token_at_us": None, "streamed": False}
    return ran(number, begin_us, lasts_us, **(known | first | changed))


@pytest.mark.parametrize("outcome", sorted(LEFT))
def test_answers_that_nobody_waited_for(store: LedgerStore, outcome: EntryOutcome) -> None:
    """All of their time."""
    found = hints_of(store, [alone(1, outcome=outcome), alone(2)])
    one = one_hint(found, "aborted")
    assert (one.exchanges, one.used_us) == (1, 40 * SECOND_US)
    assert one.gpu_us == 20 * SECOND_US
    assert one.cost == round(20 * SECOND_US * PRICE / HOUR_US)


@pytest.mark.parametrize("word", ["length", "max_tokens", "max_output_tokens"])
def test_answers_that_were_cut_at_their_limit(store: LedgerStore, word: str) -> None:
    """In the words of each API; also if only one of two choices was."""
    found = hints_of(store, [alone(1, finish_reasons=("stop", word)), alone(2, finish_reasons=("stop",))])
    assert one_hint(found, "cut_at_limit").gpu_us == 20 * SECOND_US


def test_a_limit_that_few_answers_need(store: LedgerStore) -> None:
    """One of 101 answers is far longer than all others: what it wrote beyond 256 tokens was decoding."""
    long = alone(101, 40 * SECOND_US, completion_tokens=4_096)
    one = one_hint(hints_of(store, [*map(alone, range(101)), long]), "max_tokens")
    assert (one.tokens, one.exchanges, one.per_mille) == (256, 1, 10)
    prefill_us = float(TYPICAL.prefill_us(np.array([100]), np.array([0]))[0])
    assert one.gpu_us == pytest.approx(2 * (40 * SECOND_US - prefill_us) * (1 - 256 / 4_096), rel=1e-4)


def test_a_team_whose_answers_are_all_alike_needs_no_limit(store: LedgerStore) -> None:
    """A limit would cut many."""
    found = hints_of(store, list(map(alone, range(20))))
    assert "max_tokens" not in {one.hint for one in found}


def test_prompts_that_were_in_no_cache(store: LedgerStore) -> None:
    """At most what computing the rest took; apart where the server does not say what it had."""
    told = alone(1, prompt_tokens=6_000, cached_tokens=1_500, cached_tokens_source=TokenSource.REPORTED)
    untold = alone(2, prompt_tokens=6_000, cached_tokens_source=None)
    found = [one for one in hints_of(store, [told, untold]) if one.hint == "prefix_caching"]
    assert [one.per_mille for one in found] == [-1, 250]
    own = TYPICAL.prefill_us(np.array([6_000, 6_000]), np.array([0, 1_500]))
    assert [one.gpu_us for one in found] == pytest.approx((2 * own).tolist(), rel=1e-4)


def test_short_prompts_at_a_smaller_model(store: LedgerStore) -> None:
    """The team's own exchanges of the same lengths took a quarter there; long prompts are not compared."""
    big = [alone(number, 8 * SECOND_US) for number in range(30)]
    small = [alone(number, 2 * SECOND_US, model="small") for number in range(30, 60)]
    long = [alone(number, 8 * SECOND_US, prompt_tokens=5_000) for number in range(60, 70)]
    one = one_hint(hints_of(store, [*big, *small, *long]), "smaller_model")
    assert (one.model, one.other, one.exchanges, one.per_mille) == ("big", "small", 30, 250)
    assert one.gpu_us == 2 * 30 * 6 * SECOND_US


def test_what_others_do_with_a_smaller_model_says_nothing(store: LedgerStore) -> None:
    """Nor do a few exchanges of the team itself."""
    big = [alone(number, 8 * SECOND_US) for number in range(30)]
    few = [alone(number, 2 * SECOND_US, model="small") for number in range(30, 49)]
    others = [alone(number, 2 * SECOND_US, model="small", team="chat") for number in range(50, 80)]
    assert "smaller_model" not in {one.hint for one in hints_of(store, [*big, *few, *others])}


def test_a_cheaper_gpu_that_takes_longer_still_saves_money(store: LedgerStore) -> None:
    """Its GPU time is above what it took before."""
    big = [alone(number, 2 * SECOND_US) for number in range(30)]
    small = [alone(number, 8 * SECOND_US, model="small", server=OTHER) for number in range(30, 60)]
    cheap = {**SERVERS, OTHER: ServerTerms("L4", "USD", (GpuTerms(0, 1, PRICE // 10),))}
    one = one_hint(hints_of(store, [*big, *small], cheap), "smaller_model")
    assert one.gpu_us == 30 * (2 * 2 - 8) * SECOND_US < 0 < one.cost
    assert one.cost == pytest.approx(30 * (4 - 0.8) * SECOND_US * PRICE / HOUR_US, rel=1e-6)


def test_a_gpu_without_a_price_is_not_taken_to_be_free(store: LedgerStore) -> None:
    """Neither is compared with the other."""
    big = [alone(number, 2 * SECOND_US) for number in range(30)]
    small = [alone(number, 8 * SECOND_US, model="small", server=OTHER) for number in range(30, 60)]
    assert "smaller_model" not in {one.hint for one in hints_of(store, [*big, *small])}


def test_hours_in_which_a_team_is_alone(store: LedgerStore) -> None:
    """In the second hour four share the server; in the first each had it alone, for four times as much."""
    first = [alone(number) for number in range(4)]
    second = [alone(60, exchange=f"e-6{number}") for number in range(4)]
    one = one_hint(hints_of(store, [*first, *second]), "full_hours")
    assert one.used_us == 2 * (4 * 10 + 10) * SECOND_US
    assert one.gpu_us == pytest.approx(2 * 30 * SECOND_US, rel=0.01)
    assert one.per_mille == pytest.approx(400, abs=5)


def test_servers_without_work(store: LedgerStore) -> None:
    """By kind of GPU, whole hours only."""
    found = [one for one in hints_of(store, [alone(1)]) if one.hint == "idle_hours"]
    assert {one.other: one.exchanges for one in found} == {"H100": 23, "L4": 24}


@settings(max_examples=examples(25))
@given(count=st.integers(0, 60), seed=st.integers(0, 1_000))
def test_no_hint_is_more_than_what_was_used(tmp_path_factory: pytest.TempPathFactory, count: int, seed: int) -> None:
    """And every hint saves something; without exchanges only idle hours are left."""
    folder = tmp_path_factory.mktemp("ledger")
    opened = LedgerStore(f"sqlite:///{folder}/ledger.db", Path("/"))
    found = hints_of(opened, day_of_traffic(count, seed))
    opened.close()
    assert {one.hint for one in found} <= set(HINTS)
    for one in found:
        assert one.gpu_us <= one.used_us
        assert one.gpu_us > 0 or one.cost > 0
        assert 0 <= one.cost <= one.used_us * PRICE / HOUR_US + 1_000
    if not count:
        assert {one.hint for one in found} == {"idle_hours"}
