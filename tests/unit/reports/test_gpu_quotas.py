"""Quotas of teams: their use is of the time that is allocated, and that of a whole is the mean of its parts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.allocation.slices import HOUR_US
from extproc.config.gpus import GpuQuota, GpusSection
from extproc.ledger.allocation.allocating import allocate_day
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.store import LedgerStore
from extproc.reports.csv_text import report_csv
from extproc.reports.data import report_data
from extproc.reports.gpu_figures import GpuColumns
from extproc.reports.gpu_quotas import NOT_OF_TEAMS, TeamQuota, TeamQuotas, team_quotas
from extproc.reports.periods import PeriodSize
from extproc.reports.report import Report
from extproc.reports.resource_quotas import BadQuotas, ResourceQuotas, resource_quotas_of
from tests.thorough import examples
from tests.unit.ledger.allocation.samples import MIDNIGHT_US, terms
from tests.unit.reports.gpu_samples import SECTION, allocate, busy_for, days_of_traffic, gpu_report_of
from tests.unit.reports.quota_samples import printed, resource_quota

DAYS = 9
"""Over a month's end and into a second week."""
QUOTAS = TeamQuotas({"search": TeamQuota(2_000), "chat": TeamQuota(500, "chat-prod"), "unused": TeamQuota(1_250)})
OWN_ROW = SECTION.model_copy(update={"idle": "own_row"})


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerStore]:
    """Allocated by two methods, by one of them not to the end."""
    opened = LedgerStore("sqlite:///ledger.db", tmp_path_factory.mktemp("ledger"))
    opened.add(days_of_traffic(DAYS, quiet=[3]))
    allocate(opened, DAYS)
    allocate(opened, 4, "even_ps")
    yield opened
    opened.close()


def columns_of(made: Report) -> list[GpuColumns]:
    """Of each method."""
    assert made.gpu is not None
    assert made.gpu.absent == ""
    return list(made.gpu.columns)


# --- which number ---------------------------------------------------------------------------------------------------


def section_with(*quotas: GpuQuota) -> GpusSection:
    """The section of the samples."""
    return SECTION.model_copy(update={"quotas": quotas})


def given_quotas(*items: object) -> ResourceQuotas:
    """Of a file."""
    return resource_quotas_of("quotas.json", printed(*items))


def test_a_number_is_configured_or_that_of_a_namespace() -> None:
    """Of the resource that is named. A team that is called as a namespace has no quota for that."""
    section = section_with(
        GpuQuota(team="search", gpus=0.5),
        GpuQuota(team="chat", namespace="chat-prod"),
        GpuQuota(team="batch", namespace="batch", resource="amd.com/gpu"),
    )
    given = given_quotas(
        resource_quota("chat-prod", "8"),
        resource_quota("chat-prod", "6", name="fewer"),
        resource_quota("batch", "3", key="requests.amd.com/gpu"),
        resource_quota("web", "9"),
    )
    assert team_quotas(section, given) == TeamQuotas(
        {"search": TeamQuota(500), "chat": TeamQuota(6_000, "chat-prod"), "batch": TeamQuota(3_000, "batch")}, []
    )


def test_what_is_not_known_or_not_taken_is_told() -> None:
    """Rather than left out in silence."""
    section = section_with(GpuQuota(team="chat", namespace="chat-prod"), GpuQuota(team="batch", namespace="batch"))
    assert team_quotas(section, None) == TeamQuotas(
        {}, ["Quotas that ResourceQuotas say are not known without `--resource-quotas`: `chat`, `batch`."]
    )
    some = resource_quota("batch", "1", name="night", scopes=["Terminating"])
    given = given_quotas(resource_quota("chat-prod", "0"), resource_quota("batch"), some)
    assert team_quotas(section, given).notes == [
        "The quota of `chat` is 0 GPUs, so nothing can be a part of it.",
        "The ResourceQuota `night` of `batch` has scopes: it limits some pods only, and is left out.",
    ]
    with pytest.raises(BadQuotas, match="there is no ResourceQuota of the namespace `batch`"):
        team_quotas(section, given_quotas(resource_quota("chat-prod")))


def test_a_section_without_quotas_has_none() -> None:
    """And nothing to say of them."""
    assert team_quotas(SECTION, None) == TeamQuotas({}, [])


# --- how much of it is used ------------------------------------------------------------------------------------------


@settings(max_examples=examples(25))
@given(
    st.sampled_from(list(PeriodSize)),
    st.sampled_from(["own_row", "by_use"]),
    st.integers(0, 3),
    st.integers(1, 6),
    st.dictionaries(st.sampled_from(["search", "chat", "", "unused"]), st.integers(0, 10_000), min_size=1),
)
def test_the_use_of_a_whole_is_the_mean_of_its_parts(
    ledger: LedgerStore, size: PeriodSize, idle: str, first: int, days: int, milli_gpus: dict[str, int]
) -> None:
    """Weighted by what the quota allows in each period, which adds up; everything else is as without quotas."""
    section = SECTION.model_copy(update={"idle": idle})
    quotas = TeamQuotas({team: TeamQuota(one) for team, one in milli_gpus.items()})
    made = gpu_report_of(ledger, days, size=size, first=first, section=section, quotas=quotas)
    without = gpu_report_of(ledger, days, size=size, first=first, section=section)
    for columns, other in zip(columns_of(made), columns_of(without), strict=True):
        allocated = days if columns.method == "weighted_ps_v1" else max(min(4 - first, days), 0)
        for team, milli in milli_gpus.items() if allocated else ():
            parts = [one for (_, group), one in columns.rows.items() if group == (team,)]
            whole = columns.groups[team,]
            assert whole.quota_us == sum(one.quota_us or 0 for one in parts) == milli * allocated * DAY_US // 1_000
            assert (whole.quota_use is None) == (milli == 0)
            if whole.quota_use is not None and whole.quota_us:
                mean = sum((one.quota_use or 0) * Fraction(one.quota_us or 0, whole.quota_us) for one in parts)
                assert whole.quota_use == mean == Fraction(whole.time_us, whole.quota_us)
        assert (columns.by_period, columns.total, columns.movers) == (other.by_period, other.total, other.movers)
        for key, figures in other.rows.items():
            assert replace(columns.rows[key], quota_us=None) == figures
        assert {team for (team,) in columns.groups.keys() - other.groups.keys()} <= milli_gpus.keys()


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)])
def test_days_may_be_allocated_in_any_order(tmp_path: Path, ledger: LedgerStore, order: tuple[int, ...]) -> None:
    """The report is the same."""
    opened = LedgerStore("sqlite:///ledger.db", tmp_path)
    opened.add(days_of_traffic(DAYS, quiet=[3]))
    for method in ("weighted_ps_v1", "even_ps"):
        for day in order:
            allocate(opened, 1, method, day)
    section = SECTION.model_copy(update={"watts": {"H100": 620}})
    made, other = (gpu_report_of(one, 4, section=section, quotas=QUOTAS) for one in (opened, ledger))
    opened.close()
    assert report_csv(made) == report_csv(other)


def test_half_a_day_does_not_look_half_used(store: LedgerStore) -> None:
    """Two GPUs, busy for six hours of the twelve that are allocated, are half of a quota of two, not a quarter."""
    store.add([busy_for(1, HOUR_US, 6 * HOUR_US)])
    allocate_day(store, terms(), (MIDNIGHT_US, MIDNIGHT_US + 12 * HOUR_US), MIDNIGHT_US + 12 * HOUR_US)
    made = gpu_report_of(store, 2, section=OWN_ROW, quotas=QUOTAS)
    (columns,) = columns_of(made)
    assert columns.groups["search",].quota_us == 2 * 12 * HOUR_US
    assert columns.groups["search",].quota_use == Fraction(1, 2)
    assert columns.days.in_part == 1
    assert {row.period.start_us for row in made.rows} == {MIDNIGHT_US}  # the second day has no time to use


@pytest.mark.parametrize(("idle", "use"), [("own_row", Fraction(1, 2)), ("by_use", Fraction(1))])
def test_idle_time_is_used_by_who_pays_it(store: LedgerStore, idle: str, use: Fraction) -> None:
    """By the policy: a team that pays for a whole server has used it."""
    store.add([busy_for(1, 0, 12 * HOUR_US)])
    allocate(store, 1)
    made = gpu_report_of(store, 1, section=SECTION.model_copy(update={"idle": idle}), quotas=QUOTAS)
    assert columns_of(made)[0].groups["search",].quota_use == use


def test_more_than_the_quota_is_more_than_all(store: LedgerStore) -> None:
    """Nobody holds a team to it here."""
    store.add([busy_for(1, 0, 12 * HOUR_US, team="chat")])
    allocate(store, 1)
    made = gpu_report_of(store, 1, section=OWN_ROW, quotas=QUOTAS)
    assert columns_of(made)[0].groups["chat",].quota_use == 2


def test_a_team_that_used_nothing_has_a_row(ledger: LedgerStore) -> None:
    """In each period that is allocated: what is not used is what is looked for."""
    made = gpu_report_of(ledger, 5, quotas=QUOTAS)
    assert sum(row.group == ("unused",) for row in made.rows) == 5
    assert [group for group, _ in made.groups].count(("unused",)) == 1
    for columns in columns_of(made):
        assert columns.groups["unused",].quota_use == 0


@pytest.mark.parametrize(
    ("by", "only", "teams"),
    [
        ("team", (), {"search", "chat", "unused"}),
        ("team", (("team", "chat"),), {"chat"}),
        ("team", (("team", "late"),), set()),
        ("team", (("model", "tiny"),), None),
        ("team,project", (), None),
        ("project", (("team", "chat"),), None),
        ("", (), None),
    ],
)
def test_only_whole_teams_have_a_quota(
    ledger: LedgerStore, by: str, only: tuple[tuple[str, str], ...], teams: set[str] | None
) -> None:
    """Where rows are parts of teams a sentence says so, and there are no columns."""
    made = gpu_report_of(ledger, 3, by, only=only, quotas=QUOTAS)
    for columns in columns_of(made):
        assert {group[0] for group, one in columns.groups.items() if one.quota_us is not None} == (teams or set())
    assert made.gpu is not None
    assert list(made.gpu.quotas.notes) == ([NOT_OF_TEAMS] if teams is None else [])
    assert ("quota" in report_csv(made)) == (teams is not None)


def test_csv_has_whole_numbers(ledger: LedgerStore) -> None:
    """GPUs once, and for each method the time that they make; nothing for a team without a quota."""
    made = gpu_report_of(ledger, 5, quotas=QUOTAS)
    rows = list(csv.DictReader(io.StringIO(report_csv(made))))
    assert {row["team"]: row["gpu_quota_milli_gpus"] for row in rows} == {
        **{"search": "2000", "chat": "500", "unused": "1250"},
        **{"late": "", "": ""},
    }
    for columns in columns_of(made):
        found = [int(row[f"gpu_{columns.method}_quota_us"] or 0) for row in rows]
        assert sum(found) == sum(one.quota_us or 0 for one in columns.groups.values())


def test_json_has_them_with_their_origin(ledger: LedgerStore) -> None:
    """Of all GPUs there is none."""
    data = report_data(gpu_report_of(ledger, 2, quotas=QUOTAS._replace(notes=["Said."])))["gpu"]
    assert data["quotas"] == [
        {"team": "search", "milli_gpus": 2_000, "namespace": None},
        {"team": "chat", "milli_gpus": 500, "namespace": "chat-prod"},
        {"team": "unused", "milli_gpus": 1_250, "namespace": None},
    ]
    assert data["notes"] == ["Said."]
    for one in data["methods"]:
        assert {figures["quota_us"] for figures in (one["total"], *one["periods"])} == {None}
        assert {figures["quota_us"] for figures in one["groups"]} >= {2 * 2 * DAY_US, DAY_US, None}
