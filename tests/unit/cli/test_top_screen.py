"""What ``extproc top`` shows of two pages: rates, rows, and lines for a screen of any size."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.cli.operations_pages import samples_of
from extproc.cli.rates import RateWindow, counters_of
from extproc.cli.top_data import Look, SortColumn, only_read, top_of
from extproc.cli.top_output import SORT_ORDER, State, money, number, percent, screen, seconds, snapshot
from extproc.cli.top_shapes import TopJson
from tests.unit.cli.metrics_pages import READY, metrics_page
from tests.unit.cli.programs import ESCAPE, ROOT


def top(before: str, after: str, look: Look | None = None, after_s: float = 2.0) -> TopJson:
    """Of two pages."""
    window = RateWindow()
    for at_s, page in ((0.0, before), (after_s, after)):
        window.add(at_s, counters_of(samples_of(page)))
    return top_of("http://x", READY, samples_of(after), window, look or Look())


BEFORE = metrics_page(("search", "v1", "completed", 100), ("hr", "v2", "completed", 10))
AFTER = metrics_page(("search", "v1", "completed", 104), ("hr", "v2", "completed", 30), ("new", "v2", "failed", 2))


# --- numbers -------------------------------------------------------------------------------------------------------


def test_rates_are_of_what_happened_between() -> None:
    """Requests, tokens, money an hour, how many failed; latency of the answers between."""
    found = top(BEFORE, AFTER)
    by_team = {row["team"]: row for row in found["teams"]}
    assert {team: row["requests_per_s"] for team, row in by_team.items()} == {"hr": 10.0, "search": 2.0, "new": 1.0}
    assert (by_team["hr"]["prompt_tokens_per_s"], by_team["hr"]["completion_tokens_per_s"]) == (100.0, 20.0)
    assert by_team["hr"]["cost_usd_per_hour"] == pytest.approx(10 * 500 * 3_600 / 1e6)
    assert (by_team["new"]["failed_share"], by_team["hr"]["failed_share"]) == (1.0, 0.0)
    assert (by_team["search"]["requests"], by_team["search"]["cost_micro_usd"]) == (104, 52_000)
    assert [row["version"] for row in found["versions"]] == ["v2", "v1"]
    assert found["versions"][1]["duration_p50_s"] == pytest.approx(0.5)
    assert found["all"]["requests_per_s"] == 13.0


@given(
    *(
        st.lists(
            st.tuples(
                st.sampled_from(["a", "b"]),
                st.sampled_from(["v1", "v2"]),
                st.sampled_from(["completed", "failed", "cut"]),
                st.integers(0, 1_000),
            ),
            max_size=6,
        ).map(lambda served: metrics_page(*served))
        for _ in range(2)
    ),
    st.floats(0.1, 60),
)
def test_no_number_is_negative(before: str, after: str, after_s: float) -> None:
    """Of any two pages: a processor may have begun again, a series may be gone, or twice on a page."""
    found = top(before, after, after_s=after_s)
    for row in [found["all"], *found["teams"], *found["versions"]]:
        values = [value for value in row.values() if isinstance(value, float | int)]
        assert min(values, default=0) >= 0
        assert all(share is None or share <= 1 for share in (row["failed_share"], row["refused_share"]))
    assert all(hit["per_s"] >= 0 for name in ("guards", "fallbacks", "limits") for hit in found[name])


def test_a_restart_is_no_loss() -> None:
    """The counters begin again: what they show is what has happened since."""
    restarted = metrics_page(("search", "v1", "completed", 6))
    (row,) = top(BEFORE, restarted)["teams"]
    assert (row["team"], row["requests_per_s"]) == ("search", 3.0)


def test_before_the_second_page_there_are_sums() -> None:
    """And no rates."""
    window = RateWindow()
    window.add(0.0, counters_of(samples_of(AFTER)))
    found = top_of("http://x", READY, samples_of(AFTER), window, Look())
    assert found["seconds"] == 0
    assert {row["requests_per_s"] for row in found["teams"]} == {0.0}
    assert found["all"]["requests"] == 136
    assert "no rates yet" in str(screen(found, Look(), State(), 80, 24)[1])


def test_teams_and_models_are_chosen_by_a_part_of_their_name() -> None:
    """Both tables and the sum are of what is left; the latency of one team is not known."""
    found = top(BEFORE, AFTER, Look(team="SEA"))
    assert [row["team"] for row in found["teams"]] == ["search"]
    assert [(row["version"], row["duration_p50_s"]) for row in found["versions"]] == [("v1", None)]
    assert found["all"]["requests_per_s"] == 2.0
    found = top(BEFORE, AFTER, Look(model="m/v2"))
    assert [row["team"] for row in found["teams"]] == ["hr", "new"]
    assert [one["signal"] for one in found["drift"]] == ["asks_back"]
    assert top(BEFORE, AFTER, Look(team="nobody"))["all"]["requests"] == 0


@pytest.mark.parametrize(
    ("sort", "turned", "teams"),
    [
        (SortColumn.REQUESTS, False, ["hr", "search", "new"]),
        (SortColumn.REQUESTS, True, ["new", "search", "hr"]),
        (SortColumn.NAME, False, ["hr", "new", "search"]),
        (SortColumn.NAME, True, ["search", "new", "hr"]),
        (SortColumn.FAILED, False, ["new", "hr", "search"]),
        (SortColumn.P95, False, ["hr", "search", "new"]),
    ],
)
def test_rows_are_sorted_by_any_column(sort: SortColumn, turned: bool, teams: list[str]) -> None:
    """Those that are alike by their requests; a table without the column likewise."""
    assert [row["team"] for row in top(BEFORE, AFTER, Look(sort=sort, turned=turned))["teams"]] == teams


def test_only_what_is_read_is_parsed() -> None:
    """A page may have many thousands of other lines; the numbers are the same."""
    small = only_read(f"{AFTER}# TYPE x counter\nx_total 4\n")
    assert "x_total" not in small
    window, whole = RateWindow(), RateWindow()
    for page in (BEFORE, AFTER):
        window.add(1.0, counters_of(samples_of(only_read(page))))
        whole.add(1.0, counters_of(samples_of(page)))
    assert top_of("u", READY, samples_of(small), window, Look()) == top_of("u", READY, samples_of(AFTER), whole, Look())


# --- the screen ----------------------------------------------------------------------------------------------------


@given(st.integers(1, 200), st.integers(1, 60), st.sampled_from(SORT_ORDER), st.text(max_size=9))
def test_a_screen_of_any_size_is_filled_and_not_exceeded(columns: int, rows: int, sort: SortColumn, team: str) -> None:
    """The terminal never scrolls or folds a line."""
    served = [(f"team-{number}", f"v{number % 9}", "completed", number) for number in range(40)]
    lines = screen(top(BEFORE, metrics_page(*served)), Look(team, sort=sort), State("12:00:00"), columns, rows)
    assert len(lines) == rows
    assert max(line.cell_len for line in lines) <= columns


def test_eighty_columns_have_all_columns() -> None:
    """And a smaller screen the important ones; what does not fit is counted."""
    served = [(f"team-{number}", "v1", "completed", number) for number in range(1, 40)]
    found = top(BEFORE, metrics_page(*served))
    wide, narrow = ([str(line) for line in screen(found, Look(), State(), width, 24)] for width in (80, 40))
    assert wide[2].split() == ["version", "req/s▼", "err%", "ref%", "in/s", "out/s", "USD/h", "ttft95", "p50", "p95"]
    assert narrow[2].split() == ["version", "req/s▼", "err%", "USD/h", "p95"]
    assert any(line.startswith("and ") and line.endswith(" more") for line in wide)
    assert wide[-1].startswith("q quit")


def test_a_snapshot_has_every_row_whole() -> None:
    """For a pipe."""
    served = [("a" * 90, "v1", "completed", 4), *((f"t{number}", "v1", "completed", 1) for number in range(99))]
    lines = [str(line) for line in snapshot(top(BEFORE, metrics_page(*served)), Look(), 10_000)]
    assert sum(line.startswith("t") for line in lines) == 100
    assert any(line.startswith("a" * 90) for line in lines)
    assert "guards    pii response mask 5" in lines
    assert "fallbacks m/v1 to m/v2 connect 3" in lines
    assert "limits    minute refused 2, day would refuse 1" in lines
    assert "budgets   monthly 83 %" in lines
    assert "drift     ! m/v1 length +10%, m/v2 asks_back -30%" in lines


def test_names_move_no_cursor() -> None:
    """A client may send any name of a team."""
    page = metrics_page(("evil\x1b[2J", "v1", "completed", 4))
    assert all(ESCAPE not in str(line) for line in screen(top(BEFORE, page), Look(), State(), 80, 24))


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (number(0), "0"),
        (number(0.254), "0.25"),
        (number(12.34), "12.3"),
        (number(999.4), "999"),
        (number(1_234), "1.2k"),
        (number(34_567), "35k"),
        (number(5_600_000), "5.6M"),
        (percent(None), "-"),
        (percent(0.0123), "1.2"),
        (money(0.5), "0.50"),
        (money(6_800.0), "6.8k"),
        (seconds(0.123), "0.12"),
        (seconds(None), "-"),
    ],
)
def test_numbers_are_short(shown: str, text: str) -> None:
    """As a person reads them."""
    assert shown == text


@given(st.floats(0, 1e12))
def test_any_number_fits_its_column(value: float) -> None:
    """Six characters."""
    assert len(number(value)) <= 6


# --- what it reads -------------------------------------------------------------------------------------------------


def test_every_metric_that_it_reads_is_one() -> None:
    """A metric that gets another name would leave a column empty."""
    source = (ROOT / "extproc" / "cli" / "top_data.py").read_text()
    named = set(re.findall(r'"(llm_[a-z_]+)"', source))
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    known = set(re.findall(r"^\| `(llm_[a-z_]+)`", page, re.MULTILINE))
    assert named <= known
    assert len(named) > 8
