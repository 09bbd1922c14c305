"""GPU time in the FOCUS file: rows of a server's day are its charge, and nothing is charged twice."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.allocation.idle import IdlePolicy
from extproc.allocation.methods import DEFAULT_METHOD
from extproc.allocation.slices import HOUR_US, GpuTerms
from extproc.ledger.allocation.dividing import ServerTerms
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.store import LedgerStore
from extproc.reports.csv_text import csv_of
from extproc.reports.focus import DIMENSIONS, focus_csv
from extproc.reports.focus_gpu import GpuCharges, OriginCharge, SplitPart, gpu_charges
from extproc.reports.gpu_sums import ServerDay
from extproc.reports.gpu_time import GpuQuestion, gpu_report
from extproc.reports.periods import DayRange, PeriodSize, periods_of, zone_of
from extproc.reports.query import LedgerQuery
from tests.thorough import examples
from tests.unit.ledger.allocation.samples import MIDNIGHT_US, ONE, OTHER, PRICE
from tests.unit.reports.focus_rules import violations
from tests.unit.reports.focus_split_rules import SUMMED, details_of, origins, ratio_of
from tests.unit.reports.gpu_samples import FIRST_DAY, allocate, busy_for, days_of_traffic
from tests.unit.reports.samples import HOSTILE

DAYS = 3
CHANGING = {
    ONE: ServerTerms("H100", "USD", (GpuTerms(0, 2, PRICE), GpuTerms(MIDNIGHT_US + 12 * HOUR_US, 2, 3_333_333_333))),
    OTHER: ServerTerms("L4", "EUR", (GpuTerms(0, 1, 700_000_001),)),
}
"""One of them costs more from noon of the first day on, the other one is paid in another currency."""
RESERVED = {ONE: {"search": Fraction(1, 3), "nobody": Fraction(1, 7)}, OTHER: {"late": Fraction(1, 2)}}


def question(**changed: Any) -> GpuQuestion:
    """Of all days."""
    return GpuQuestion(DEFAULT_METHOD, MIDNIGHT_US, MIDNIGHT_US + DAYS * DAY_US, (), reserved=RESERVED)._replace(
        **changed
    )


def written(store: LedgerStore, asked: GpuQuestion) -> str:
    """The file."""
    days = DayRange(FIRST_DAY, FIRST_DAY + timedelta(DAYS - 1), zone_of("UTC"), "UTC")
    with store.reading() as connection:
        query = LedgerQuery(connection, DIMENSIONS)
        charges = gpu_charges(connection, asked)
        days_of = periods_of(days, PeriodSize.DAY, 0)
        return focus_csv(query, days_of, {}, "Example Ltd", charges, has_energy=bool(asked.watts))


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of a file."""
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerStore]:
    """With exchanges elsewhere, and with names that may go wrong."""
    opened = LedgerStore("sqlite:///ledger.db", tmp_path_factory.mktemp("ledger"))
    opened.add(
        [
            *days_of_traffic(DAYS, quiet=[1]),
            busy_for(90_000, HOUR_US, 1_000_000, server="", team="elsewhere"),
            *(
                busy_for(91_000 + number, number * HOUR_US, 50_000_000, team=name, project=name[::-1])
                for number, name in enumerate((*HOSTILE, "-", "a/b", "a%2Fb"))
            ),
        ]
    )
    allocate(opened, DAYS, servers=CHANGING)
    yield opened
    opened.close()


@pytest.mark.parametrize("idle", IdlePolicy)
def test_no_rule_is_broken(ledger: LedgerStore, idle: IdlePolicy) -> None:
    """Of any policy for idle time."""
    assert violations(written(ledger, question(idle=idle))) == []


@settings(max_examples=examples(10))
@given(st.sampled_from(list(IdlePolicy)))
def test_rows_are_what_was_allocated(ledger: LedgerStore, idle: IdlePolicy) -> None:
    """Costs to the billionth, by currency, GPU time to the microsecond, and tokens of all entries."""
    asked = question(idle=idle)
    rows = rows_of(written(ledger, asked))
    with ledger.reading() as connection:
        found = gpu_report(connection, asked._replace(by=("team", "project")))
    costs: dict[str, Decimal] = defaultdict(Decimal)
    with localcontext(prec=60):
        for row in rows:
            if row["ResourceId"]:
                costs[row["BillingCurrency"]] += Decimal(row["BilledCost"])
        for currency in ("USD", "EUR"):
            paid = sum(one.cost for one in found.rows if one.currency == currency)
            assert costs[currency] * 10**9 == paid + sum(one.cost for one in found.unpaid if one.currency == currency)
        assert sum(Decimal(row["ConsumedQuantity"] or 0) for row in rows if row["ResourceId"]) * 10**6 == found.time
    with ledger.reading() as connection:
        (usage,) = LedgerQuery(connection).usages(periods_of(_range(), PeriodSize.TOTAL, 0)[0]).sums.values()
    assert sum(int(row["x_Tokens"] or 0) for row in rows) == usage.tokens


def _range() -> DayRange:
    return DayRange(FIRST_DAY, FIRST_DAY + timedelta(DAYS - 1), zone_of("UTC"), "UTC")


def test_a_price_that_changes_at_noon_is_another_charge(ledger: LedgerStore) -> None:
    """Each with its unit price, its own ratios, and half of the day."""
    by_origin = origins(rows_of(written(ledger, question())))
    first = {key[2]: rows for key, rows in by_origin.items() if key[:2] == (ONE, "2026-11-29T00:00:00Z")}
    assert {price: {row["ListUnitPrice"] for row in rows} for price, rows in first.items()} == {
        "gpu/H100/2500000000": {"2.5"},
        "gpu/H100/3333333333": {"3.333333333"},
    }
    for rows in first.values():
        assert sum(Decimal(row["PricingQuantity"]) for row in rows) == 24
        assert sum(ratio_of(row) for row in rows) == 1


def test_what_no_team_pays_has_no_resource(ledger: LedgerStore) -> None:
    """And says what it was; with a policy a team's idle time is in its row."""
    rows = [row for row in rows_of(written(ledger, question())) if row["AllocatedMethodId"]]
    idle = [row for row in rows if not row["AllocatedResourceId"]]
    assert {one["x_GpuState"] for row in idle for one in details_of(row)["Elements"]} == {"idle"}
    assert {row["AllocatedTags"] for row in idle} == {""}
    rows = [row for row in rows_of(written(ledger, question(idle=IdlePolicy.BY_USE))) if row["AllocatedMethodId"]]
    paying = [row for row in rows if row["AllocatedResourceId"] and row["ConsumedQuantity"] != "0.0"]
    assert {tuple(one["x_GpuState"] for one in details_of(row)["Elements"]) for row in paying} == {("used", "idle")}
    assert {details_of(row)["x_IdlePolicy"] for row in rows} == {"by_use"}


def test_the_team_stands_where_the_cost_goes(ledger: LedgerStore) -> None:
    """And nowhere else: the origin is of all teams. No two names are one resource."""
    rows = [row for row in rows_of(written(ledger, question())) if row["AllocatedResourceId"]]
    assert {(row["Tags"], row["x_Team"], row["x_Project"]) for row in rows} == {("{}", "", "")}
    assert "SubAccountId" not in rows[0]
    names = {row["AllocatedResourceId"]: row["AllocatedTags"] for row in rows}
    assert names["search/index"] == '{"team": "search", "project": "index"}'
    assert {"%2D/%2D", "a%2Fb/b%2Fa", "a%252Fb/bF2%25a"} <= set(names)
    assert len(set(names.items())) == len(names)


def test_what_runs_on_gpus_is_not_charged_by_tokens_too(ledger: LedgerStore) -> None:
    """Only what ran elsewhere is."""
    rows = rows_of(written(ledger, question()))
    assert {row["x_Team"] for row in rows if row["x_TokenType"]} == {"elsewhere"}
    none = rows_of(written(ledger, question(method="even_ps")))
    assert {row["AllocatedMethodId"] for row in none} == {""}
    assert len({row["x_Team"] for row in none}) > 10


def test_days_without_a_price_are_charged_by_tokens(store: LedgerStore) -> None:
    """As before: nobody knows what their GPUs cost."""
    store.add(days_of_traffic(1))
    allocate(store, 1)
    rows = rows_of(written(store, question()))
    assert {row["ResourceId"] for row in rows} == {ONE, ""}
    assert {row["x_Tokens"] for row in rows if row["x_TokenType"]} != set()
    assert violations(written(store, question())) == []


@pytest.mark.parametrize(
    "only", [(("team", "search"),), (("project", "web"), ("model", "tiny")), (("server", ONE),), (("model", "none"),)]
)
def test_conditions_leave_rows_out_and_change_none(ledger: LedgerStore, only: tuple[tuple[str, str], ...]) -> None:
    """Of what is left, ratios are those of the whole charge."""
    whole = rows_of(written(ledger, question()))
    part = [row for row in rows_of(written(ledger, question(only=only))) if row["AllocatedMethodId"]]
    keys = ("ResourceId", "ChargePeriodStart", "SkuPriceId", "AllocatedResourceId")
    known = {tuple(row[key] for key in keys): ratio_of(row) for row in whole if row["AllocatedMethodId"]}
    if only in ((("team", "search"),), (("server", ONE),)):
        assert {tuple(row[key] for key in keys): row["BilledCost"] for row in part}.items() <= {
            tuple(row[key] for key in keys): row["BilledCost"] for row in whole if row["AllocatedMethodId"]
        }.items()
    assert all(ratio_of(row) <= known[tuple(row[key] for key in keys)] for row in part)
    assert bool(part) == (only != (("model", "none"),))


def test_energy_is_what_reports_have(ledger: LedgerStore) -> None:
    """To the milliwatt-hour: of each team and project, and of all; a kind that nobody knows of has none."""
    watts = {"H100": 620, "L4": 72}
    asked = question(watts=watts)
    text = written(ledger, asked)
    assert violations(text) == []
    rows = rows_of(text)
    with ledger.reading() as connection:
        report = gpu_report(connection, asked._replace(by=("team", "project")))
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["x_EnergyKilowattHours"]:
            sums[row["AllocatedTags"]] += Decimal(row["x_EnergyKilowattHours"]) * 10**6
    assert sum(sums.values()) == report.energy > 0
    for team, project in (("search", "index"), ("late", "index")):
        energy = sum(one.energy for one in report.rows if one.group == (team, project))
        assert sums[f'{{"team": "{team}", "project": "{project}"}}'] == energy > 0
    assert {row["x_EnergyKilowattHours"] for row in rows if row["x_TokenType"] or not row["ResourceId"]} == {""}
    of_one_kind = rows_of(written(ledger, question(watts={"L4": 72})))
    assert {row["ResourceId"] for row in of_one_kind if row["x_EnergyKilowattHours"]} == {OTHER}


def test_energy_has_no_column_where_nobody_asks_for_it(ledger: LedgerStore) -> None:
    """Else it stands among our own columns, behind those of the specification."""
    assert "x_EnergyKilowattHours" not in rows_of(written(ledger, question()))[0]
    names = list(rows_of(written(ledger, question(watts={"H100": 620})))[0])
    own = [name for name in names if name.startswith("x_")]
    assert (own, names[-len(own) :]) == (sorted(own), own)


TIMES = st.integers(0, 10**12)


@settings(max_examples=examples(60))
@given(
    st.lists(st.tuples(TIMES, st.none() | TIMES), min_size=1, max_size=5),
    st.integers(1, 10**15),
    st.integers(1, 10**12),
)
def test_any_charge_is_split_exactly(parts: list[tuple[int, int | None]], price: int, cost: int) -> None:
    """Sums of all metrics are the origin's, ratios are 1 together, whatever was used and whatever it costs."""
    split = [
        SplitPart((f"t{number}", ""), {"used": used} | ({} if idle is None else {"idle": idle}), 0, True)
        for number, (used, idle) in enumerate(parts)
    ]
    charge = OriginCharge(
        ServerDay(MIDNIGHT_US, ONE, "H100", "USD", price),
        DEFAULT_METHOD,
        "by_use",
        [*split, SplitPart(None, {"starting": 1}, 0, True)],
        cost,
    )
    text = written_charges({MIDNIGHT_US: [charge]})
    assert violations(text) == []
    rows = rows_of(text)
    whole_us = sum(used + (idle or 0) for used, idle in parts) + 1
    with localcontext(prec=60):
        assert sum(Decimal(row["BilledCost"]) for row in rows) * 10**9 == cost
        assert sum(Decimal(row["ConsumedQuantity"] or 0) for row in rows) * 10**6 == whole_us
        for name in SUMMED[:5]:
            of_split = sum(Decimal(row[name]) for row in rows if row["AllocatedMethodId"])
            quantity = sum(Decimal(row["PricingQuantity"] or 0) for row in rows)
            assert of_split == quantity * price / 10**9
        assert abs(quantity - Decimal(whole_us) / 3_600_000_000) <= Decimal("0.5e-12")


def written_charges(charges: GpuCharges) -> str:
    """The file of charges alone."""
    days = DayRange(FIRST_DAY, FIRST_DAY, zone_of("UTC"), "UTC")
    return focus_csv(NoEntries(), periods_of(days, PeriodSize.DAY, 0), {}, "Example Ltd", charges)  # type: ignore[arg-type]


class NoEntries:
    """A query of an empty ledger."""

    groups: dict[tuple[str, ...], int] = {}  # noqa: RUF012

    def usages(self, _: object) -> Any:
        """Nothing."""
        from extproc.reports.query import PeriodUsages

        return PeriodUsages()


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("AllocatedMethodDetails", "", "AllocatedMethodDetails is null"),
        ("AllocatedMethodDetails", '{"Elements": []}', "AllocatedMethodDetails has no Elements"),
        (
            "AllocatedMethodDetails",
            '{"Elements": [{"AllocatedRatio": 2.0, "team": "a", "UsageQuantity": 1.0}]}',
            "AllocatedMethodDetails has ['team']",
        ),
        ("AllocatedMethodDetails", '{"Elements": [{"AllocatedRatio": 2.0}]}', "AllocatedRatio is 2.0"),
        ("AllocatedMethodDetails", '{"Elements": [{"AllocatedRatio": 0.5}]}', "ratios sum to"),
        ("AllocatedMethodId", "", "AllocatedTags of a charge that is not split"),
        ("AllocatedResourceName", "", "only one of AllocatedResourceId and AllocatedResourceName is null"),
        ("AllocatedResourceId", "late/index", "two rows have one AllocatedResourceId"),
        ("Tags", '{"team": "search"}', "AllocatedTags has what Tags has"),
        ("ChargeDescription", "other", "ChargeDescription differs"),
        ("ResourceType", "", "only one of ResourceId and ResourceType is null"),
        ("BillingCurrency", "usd", "BillingCurrency is no currency: usd"),
    ],
)
def test_the_rules_notice(ledger: LedgerStore, column: str, value: str, problem: str) -> None:
    """Each of them can fail."""
    rows = rows_of(written(ledger, question()))
    with_late = {key_of(row) for row in rows if row["AllocatedResourceId"] == "late/index"}
    place = next(
        number
        for number, row in enumerate(rows)
        if row["AllocatedResourceId"] == "search/index" and key_of(row) in with_late
    )
    rows[place][column] = value
    assert any(problem in one for one in violations(csv_of(list(rows[0]), [list(row.values()) for row in rows])))


def key_of(row: dict[str, str]) -> tuple[str, ...]:
    """Of its origin."""
    return row["ResourceId"], row["ChargePeriodStart"], row["SkuPriceId"]
