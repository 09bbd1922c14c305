"""Differences: each is explained by numbers of the ledger, or told."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.ledger.entry import EntryOutcome, TokenSource
from extproc.ledger.store import LedgerStore
from extproc.reports.claims import UsageClaim
from extproc.reports.dimensions import dimension_of
from extproc.reports.reconcile import DifferenceCause, FigureDifference, Reconciled, Served, reconciled
from tests.unit.databases import new_ledger
from tests.unit.reports.samples import at_us, entry_at

DAY = (at_us("2026-11-25"), at_us("2026-11-26"))
REPORTED = TokenSource.REPORTED
EXACT = {
    "prompt_tokens_source": REPORTED,
    "cached_tokens_source": REPORTED,
    "completion_tokens_source": REPORTED,
    "choices": 1,
    "model": "tiny",
    "version": "v1",
}


def compared(
    store: LedgerStore,
    counts: Mapping[str, int],
    model: str = "tiny",
    served: Served | None = None,
    only: tuple[tuple[str, str], ...] = (),
) -> Reconciled:
    """A claim of the day against the ledger."""
    conditions = [(dimension_of(name), value) for name, value in only]
    with store.reading() as connection:
        return reconciled(connection, [UsageClaim(*DAY, model, counts)], served or {}, conditions)


def parts_of(found: Reconciled) -> list[tuple[str, int, list[tuple[DifferenceCause, int]]]]:
    """What differs, and why."""
    return [(one.measure, one.theirs - one.ours, list(one.parts)) for one in found.differences]


def test_what_agrees_is_no_difference(store: LedgerStore) -> None:
    """To the token and the micro-USD; requests that never reached a model are none."""
    store.add(
        [
            entry_at("2026-11-25T10:00", "a", **EXACT),
            entry_at("2026-11-25T11:00", "b", **EXACT),
            entry_at("2026-11-25T11:00", "c", **{**EXACT, "prompt_tokens": 0}, outcome=EntryOutcome.REFUSED),
        ]
    )
    counts = {"requests": 2, "input_tokens": 200, "cached_tokens": 80, "output_tokens": 14, "cost_micro_usd": 246}
    assert compared(store, counts) == Reconciled(5, [])


def test_a_difference_without_a_cause_is_unexplained(store: LedgerStore) -> None:
    """In both directions, and as far as a cause does not reach."""
    store.add([entry_at("2026-11-25T10:00", "a", **EXACT)])
    found = compared(store, {"input_tokens": 90, "output_tokens": 8, "cost_micro_usd": 125})
    assert parts_of(found) == [
        ("cost_micro_usd", 2, [(DifferenceCause.ROUNDING, 1), (DifferenceCause.UNEXPLAINED, 1)]),
        ("input_tokens", -10, [(DifferenceCause.UNEXPLAINED, -10)]),
        ("output_tokens", 1, [(DifferenceCause.UNEXPLAINED, 1)]),
    ]
    assert [one.unexplained for one in found.differences] == [1, -10, 1]


@pytest.mark.parametrize(
    ("changed", "measure", "difference", "parts"),
    [
        ({"completion_tokens_source": TokenSource.ESTIMATED}, "output_tokens", 9, [(DifferenceCause.ESTIMATED, 7)]),
        ({"completion_tokens_source": TokenSource.ESTIMATED}, "output_tokens", -5, [(DifferenceCause.ESTIMATED, -5)]),
        ({"outcome": EntryOutcome.ABORTED}, "output_tokens", 3, [(DifferenceCause.UNFINISHED, 3)]),
        ({"outcome": EntryOutcome.UPSTREAM_ERROR}, "requests", -1, [(DifferenceCause.UNFINISHED, -1)]),
        ({"choices": 3}, "input_tokens", 200, [(DifferenceCause.CHOICES, 200)]),
        ({"choices": 3}, "input_tokens", -10, []),
    ],
)
def test_causes_explain_as_much_as_they_are(
    store: LedgerStore,
    changed: dict[str, object],
    measure: str,
    difference: int,
    parts: list[tuple[DifferenceCause, int]],
) -> None:
    """An exchange of 100 input and 7 output tokens; what is left is unexplained."""
    store.add([entry_at("2026-11-25T10:00", "a", **{**EXACT, **changed})])
    ours = {"output_tokens": 7, "input_tokens": 100, "requests": 1}[measure]
    (found,) = compared(store, {measure: ours + difference}).differences
    left = difference - sum(amount for _, amount in parts)
    assert list(found.parts) == parts + ([(DifferenceCause.UNEXPLAINED, left)] if left else [])


def test_an_exchange_over_midnight_explains_its_tokens(store: LedgerStore) -> None:
    """The provider may count it on either day."""
    times = {"ended_at_us": at_us("2026-11-25T00:01"), **EXACT}
    store.add([entry_at("2026-11-24T23:59", "a", **times)])
    assert parts_of(compared(store, {"output_tokens": 7})) == [("output_tokens", 7, [(DifferenceCause.BORDERS, 7)])]


def test_models_are_compared_by_the_name_of_their_server(store: LedgerStore) -> None:
    """A version has one of its own; a provider puts a date behind it."""
    store.add(
        [entry_at("2026-11-25T10:00", "a", **EXACT), entry_at("2026-11-25T10:00", "b", **{**EXACT, "version": "v2"})]
    )
    served = {("tiny", "v1"): "gpt-mini", ("tiny", "v2"): "gpt"}
    found = compared(store, {"output_tokens": 7}, "gpt-mini-2024-07-18", served)
    assert [(one.model, one.theirs, one.ours) for one in found.differences] == [("gpt", 0, 7)]


def test_a_claim_of_no_model_is_of_all(store: LedgerStore) -> None:
    """Of those that `--only` leaves."""
    store.add(
        [entry_at("2026-11-25T10:00", "a", **EXACT), entry_at("2026-11-25T10:00", "b", **{**EXACT, "model": "x"})]
    )
    assert compared(store, {"output_tokens": 14}, "").differences == []
    assert compared(store, {"output_tokens": 7}, "", only=(("model", "x"),)).differences == []


COUNTS = st.dictionaries(
    st.sampled_from(["requests", "input_tokens", "output_tokens", "cost_micro_usd"]), st.integers(0, 500)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=COUNTS)
def test_parts_add_up_to_the_difference(ledger: LedgerStore, counts: dict[str, int]) -> None:
    """Whatever is claimed."""
    found = compared(ledger, counts)
    assert found.compared == len(counts)
    for one in found.differences:
        assert isinstance(one, FigureDifference)
        assert sum(amount for _, amount in one.parts) == one.theirs - one.ours != 0


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> LedgerStore:
    """Entries of each kind that explains something."""
    store = new_ledger(tmp_path_factory.mktemp("ledger"))
    store.add(
        [
            entry_at("2026-11-25T10:00", "a", **EXACT),
            entry_at("2026-11-25T10:00", "b", **{**EXACT, "choices": 2}),
            entry_at("2026-11-25T10:00", "c", **{**EXACT, "completion_tokens_source": TokenSource.ESTIMATED}),
            entry_at("2026-11-25T10:00", "d", **EXACT, outcome=EntryOutcome.ABORTED),
        ]
    )
    return store
