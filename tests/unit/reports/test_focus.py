"""FOCUS 1.3: the specification's rules hold, and costs and tokens are the ledger's."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import date
from decimal import Decimal, localcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.config.load import parse_document
from extproc.domain.usage import Prices, Usage, cost_of
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.store import LedgerStore
from extproc.reports.csv_text import csv_of
from extproc.reports.focus import DIMENSIONS, focus_csv, prices_of
from extproc.reports.focus_cells import COLUMNS
from extproc.reports.periods import DayRange, PeriodSize, periods_of, zone_of
from extproc.reports.query import LedgerQuery
from tests.unit.config.conftest import MINIMAL
from tests.unit.databases import new_ledger
from tests.unit.reports.focus_rules import violations
from tests.unit.reports.samples import HOSTILE, entry_at, random_entries

PRICES = {"c1": Prices(150_000, 75_000, 600_001)}


def focus(store: LedgerStore, first: str = "2026-11-28", last: str = "2026-12-02") -> str:
    """The file of some days."""
    days = DayRange(date.fromisoformat(first), date.fromisoformat(last), zone_of("UTC"), "UTC")
    with store.reading() as connection:
        query = LedgerQuery(connection, DIMENSIONS)
        return focus_csv(query, periods_of(days, PeriodSize.DAY, 0), PRICES, "Example Ltd")


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of a file."""
    return list(csv.DictReader(io.StringIO(text)))


def priced(day: str, exchange: str, prompt: int, cached: int, completion: int, team: str = "search") -> LedgerEntry:
    """An exchange with the cost that the processor computes."""
    cost = cost_of(Usage(prompt, completion, cached), PRICES["c1"])
    return entry_at(
        f"{day}T10:00",
        exchange,
        team=team,
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=completion,
        cost_micro_usd=cost,
    )


def test_a_row_for_each_kind_of_token(store: LedgerStore) -> None:
    """With its price and its cost; what rounding makes is an adjustment."""
    store.add([priced("2026-11-30", "a", 1_000_001, 400_000, 77), priced("2026-11-30", "b", 1, 0, 0)])
    rows = rows_of(focus(store))
    kinds = [(row["x_TokenType"], row["x_Tokens"], row["ListUnitPrice"], row["BilledCost"]) for row in rows]
    assert kinds == [
        ("input", "600002", "0.15", "0.0900003"),
        ("cached_input", "400000", "0.075", "0.03"),
        ("output", "77", "0.600001", "0.000046200077"),
        ("", "", "", "-0.000000500077"),
    ]
    assert {row["SkuPriceId"] for row in rows} == {*(f"tiny/v2/{kind}/c1" for kind, *_ in kinds[:3]), ""}
    assert {(row["ChargePeriodStart"], row["BillingPeriodEnd"]) for row in rows} == {
        ("2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z")
    }
    assert violations(focus(store)) == []


TOKENS = st.integers(0, 10**7) | st.sampled_from([0, 2**53 + 1])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TOKENS, TOKENS, TOKENS, st.sampled_from(["a", "=b"])), max_size=6))
def test_all_rows_add_up_to_the_ledger(
    tmp_path_factory: pytest.TempPathFactory, usages: list[tuple[int, int, int, str]]
) -> None:
    """To the micro-USD and the token, for every team, also where more is cached than was asked."""
    store = new_ledger(tmp_path_factory.mktemp("focus"))
    entries = [priced("2026-11-30", f"e{number}", *usage) for number, usage in enumerate(usages)]
    store.add(entries)
    text = focus(store)
    store.close()
    cost, tokens = Counter[str](), Counter[str]()
    with localcontext(prec=60):
        for row in rows_of(text):
            team = row["x_Team"].removeprefix("'")
            cost[team] += Decimal(row["BilledCost"])  # type: ignore[assignment]
            tokens[team] += int(row["x_Tokens"] or 0)
        for team in ("a", "=b"):
            of_team = [one for one in entries if one.team == team]
            assert cost[team] * 10**6 == sum(one.cost_micro_usd for one in of_team)
            assert tokens[team] == sum(one.prompt_tokens + one.completion_tokens for one in of_team)
    assert violations(text) == []


def test_prices_that_are_gone_have_one_row(store: LedgerStore) -> None:
    """With all tokens, and the cost that the ledger has; all prices are one, and decimals all the same."""
    store.add([entry_at("2026-11-30T10:00", "a", price_revision="gone", cost_micro_usd=123)])
    (row,) = rows_of(focus(store))
    names = ("x_TokenType", "x_Tokens", "BilledCost", "PricingUnit", "ListUnitPrice")
    assert [row[name] for name in names] == ["all", "107", "0.000123", "USD", "1.0"]
    assert violations(focus(store)) == []


def test_hostile_names_and_refused_requests_break_no_rule(store: LedgerStore) -> None:
    """A team without a name has no tag; a request that never reached a model has no row."""
    store.add(random_entries(100, "2026-11-28", 5))
    store.add([entry_at("2026-11-30T10:00", f"h{number}", team=name) for number, name in enumerate(HOSTILE)])
    text = focus(store)
    assert violations(text) == []
    assert list(rows_of(text)[0]) == list(COLUMNS)


def test_an_empty_ledger_has_the_columns(store: LedgerStore) -> None:
    """And no row."""
    assert focus(store) == ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("ChargeCategory", "Use", "2: ChargeCategory is Use"),
        ("BilledCost", "1E", "2: BilledCost is no number: 1E"),
        ("ContractedUnitPrice", "1", "2: ContractedUnitPrice is no number: 1"),
        ("ListUnitPrice", "0.16", "2: ListUnitPrice times PricingQuantity is not ListCost"),
        ("BillingPeriodEnd", "2026-11-30T00:00:00Z", "2: the charge ends after its billing period"),
        ("ChargePeriodStart", "2026-11-30", "2: ChargePeriodStart is no time: 2026-11-30"),
        ("ConsumedUnit", "", "2: only one of ConsumedQuantity and ConsumedUnit is null"),
        ("BillingAccountId", "", "2: BillingAccountId is null"),
        ("SkuId", "", "2: SkuId of a usage is null"),
        ("Tags", '{"a": [1]}', '2: Tags is no object of plain values: {"a": [1]}'),
        ("EffectiveCost", "1.0", "2: costs differ, and there are no discounts"),
    ],
)
def test_the_rules_notice(store: LedgerStore, column: str, value: str, problem: str) -> None:
    """Each kind of rule can fail."""
    store.add([priced("2026-11-30", "a", 1_000_000, 0, 0)])
    (row,) = rows_of(focus(store))
    assert problem in violations(csv_of(list(row), [list((row | {column: value}).values())]))


def test_the_rules_notice_columns(store: LedgerStore) -> None:
    """One that is missing, one that there is not, and one in the wrong place."""
    text = focus(store)
    assert violations(text.replace("BilledCost", "x_BilledCost")) == [
        "1: BilledCost is missing",
        "1: a column of FOCUS follows one of our own",
    ]
    assert violations(text.replace("InvoiceId", "Invoice")) == ["1: Invoice is no column of FOCUS"]


def test_prices_are_found_by_their_revision() -> None:
    """As the ledger names them."""
    document = parse_document(MINIMAL, "config.yaml")
    (prices,) = prices_of(document).values()
    assert prices == Prices(150_000, 150_000, 600_000)
