"""CSV: names are no formulas, numbers are whole, and a program reads all of it back."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.ledger.store import LedgerStore
from extproc.reports.csv_text import BEFORE, csv_of, report_csv, text_cell
from extproc.reports.data import report_data
from extproc.reports.periods import PeriodSize
from extproc.reports.usage import COUNTS
from tests.unit.reports.samples import entry_at, random_entries, report


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "'", "＝", "＋", "－", "＠"])
def test_a_name_is_never_a_formula(start: str) -> None:
    """Whatever spreadsheets begin one with, and what a quote in front would be mistaken for."""
    assert text_cell(f"{start}1") == f"'{start if start.isprintable() else '�'}1"


@pytest.mark.parametrize("name", ["search", "a=1", " =1", "3", "1-2", "名前", ""])
def test_other_names_stay(name: str) -> None:
    """A number that is a name too."""
    assert text_cell(name) == name


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["C", "Zl", "Zp", "Zs"]) | st.just(" ")), min_size=1))
def test_a_program_reads_names_back(names: list[str]) -> None:
    """It takes one leading quote away."""
    (head, row) = csv.reader(io.StringIO(csv_of(["h"] * len(names), [names])))
    assert [one.removeprefix("'") if one.startswith("'") else one for one in row] == names
    assert len(head) == len(names)


def test_numbers_are_written_as_they_are() -> None:
    """Also negative ones, and beyond 2**53; nothing is an empty cell."""
    assert csv_of(["a", "b", "c", "d"], [[-1, 2**60 + 1, None, True]]) == f"a,b,c,d\n-1,{2**60 + 1},,true\n"


def test_csv_and_json_have_the_same_rows(store: LedgerStore) -> None:
    """Every figure of every row, with all kinds of names."""
    store.add(random_entries(200, "2026-03-20", 10))
    made = report(store, "2026-03-20", "2026-04-02", "team,route", PeriodSize.WEEK, zone="Europe/Berlin")
    rows = list(csv.DictReader(io.StringIO(report_csv(made))))
    data = report_data(made)["rows"]
    assert len(rows) == len(data) == len(made.rows)
    for row, one in zip(rows, data, strict=True):
        assert (row["period_start"], row["period_end"]) == (one["start"], one["end"])
        assert row["complete"] == str(one["complete"]).lower()
        assert [row["team"], row["route"]] == [text_cell(name) for name in one["group"]]
        assert {name: row[name] for name in COUNTS} == {name: str(one["figures"][name]) for name in COUNTS}
        before = one["before"] or dict.fromkeys(BEFORE, "")
        assert {name: row[f"before_{name}"] for name in BEFORE} == {name: str(before[name]) for name in BEFORE}


def test_a_golden_file(store: LedgerStore) -> None:
    """The columns that programs rely on."""
    store.add([entry_at("2026-03-29T12:00", "a", team="=cmd()", prompt_tokens=2_400_000, cost_micro_usd=2**53 + 1)])
    made = report(store, "2026-03-29", "2026-03-29", "team,version", zone="Europe/Berlin")
    assert report_csv(made) == (
        "period_start,period_end,complete,team,version,exchanges,refused,failed,estimated,prompt_tokens,cached_tokens,"
        "completion_tokens,reasoning_tokens,cost_micro_usd,refusals,findings,duration_p50_ms,duration_p95_ms,"
        "first_token_p50_ms,first_token_p95_ms,before_exchanges,before_prompt_tokens,before_completion_tokens,"
        "before_cost_micro_usd\n"
        "2026-03-29T00:00:00+01:00,2026-03-30T00:00:00+02:00,true,'=cmd(),tiny/v2,1,0,0,1,2400000,40,7,2,"
        "9007199254740993,0,2,900,900,90,90,0,0,0,0\n"
    )
