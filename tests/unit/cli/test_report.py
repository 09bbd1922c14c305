"""What ``extproc report`` prints: the tables, and the other formats."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.ledger.store import LedgerStore
from tests.unit.cli.samples import fill
from tests.unit.reports.samples import HOSTILE, entry_at, random_entries

DAYS = ("--from", "2026-01-05", "--to", "2026-01-06")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, in the current folder."""
    monkeypatch.chdir(fill(tmp_path))
    return tmp_path


def printed(*arguments: str) -> str:
    """The output of a report."""
    ran = CliRunner().invoke(app, ["report", "config.yaml", *arguments], env={"COLUMNS": "80"})
    assert (ran.exit_code, ran.stderr) == (0, "")
    return ran.stdout


def test_a_table_by_team() -> None:
    """Each group in a row and in a sentence, and what changed most; less than a cent is not nothing."""
    long = "a team with a name that is too long for its column"
    assert printed(*DAYS) == (
        "Usage by team, 2026-01-05 to 2026-01-06 (UTC)\n"
        "\n"
        "team                          requests  input  output       cost  change     p95\n"
        "search                               2   2.4M    800K     $12.34   +37 %  904 ms\n"
        "\u00b7[31mred                             1    100       7  $0.000123     new  900 ms\n"
        "a team with a name that is \u2026         1    100       7  $0.000123     new  900 ms\n"
        "\n"
        "search: 2.4M input tokens, 800K output tokens, $12.34\n"
        "\u00b7[31mred: 100 input tokens, 7 output tokens, $0.000123\n"
        f"{long}: 100 input tokens, 7 output tokens, $0.000123\n"
        "total: 2.4M input tokens, 800K output tokens, $12.34\n"
        "\n"
        "Changed most, 2026-01-05 to 2026-01-06 against the time before:\n"
        "search: $9.00 to $12.34 (+37 %)\n"
        "\u00b7[31mred: $0.00 to $0.000123 (new)\n"
        f"{long}: $0.00 to $0.000123 (new)\n"
    )


def test_hostile_names_stay_in_their_cells(folder: Path) -> None:
    """No name moves the cursor, begins a line or widens a table on a terminal; CSV and JSON can be read back."""
    store = LedgerStore("sqlite:///ledger.db", folder)
    store.add([entry_at("2026-02-05T10:00", f"h{number}", team=name) for number, name in enumerate(HOSTILE)])
    store.close()
    february = ("--from", "2026-02-05", "--to", "2026-02-05", "--period", "day")
    table = printed(*february)
    assert "\x1b" not in table
    assert "\x07" not in table
    days = [line for line in table.splitlines() if line.startswith("2026-02-05")]
    assert len(days) == len(HOSTILE)
    rows = list(csv.DictReader(io.StringIO(printed(*february, "--format", "csv"))))
    assert [row["team"] for row in rows if row["team"][:1] in tuple("=+-@")] == []
    data = json.loads(printed(*february, "--json"))
    assert {row["group"][0] for row in data["rows"]} == set(HOSTILE)


def test_formats_agree(folder: Path) -> None:
    """`--json` is `--format json`; CSV has the same sums."""
    store = LedgerStore("sqlite:///ledger.db", folder)
    store.add(random_entries(50, "2026-02-05", 3))
    store.close()
    asked = ("--from", "2026-02-05", "--to", "2026-02-09", "--by", "route", "--period", "day")
    assert printed(*asked, "--json") == printed(*asked, "--format", "json")
    data = json.loads(printed(*asked, "--json"))
    rows = list(csv.DictReader(io.StringIO(printed(*asked, "--format", "csv"))))
    for name in ("exchanges", "prompt_tokens", "cost_micro_usd"):
        assert sum(int(row[name]) for row in rows) == data["total"][name]


def test_the_days_of_a_report_are_those_of_today_in_its_zone() -> None:
    """By default the last 30 days; all of a zone, wherever the machine is."""
    data = json.loads(printed("--json", "--timezone", "Pacific/Kiritimati"))
    assert data["timezone"] == "Pacific/Kiritimati"
    assert data["periods"][0]["start"].endswith("T00:00:00+14:00")


def test_an_empty_range_says_so() -> None:
    """And is no error."""
    assert printed("--from", "2025-01-05", "--to", "2025-01-06") == (
        "Usage by team, 2025-01-05 to 2025-01-06 (UTC)\nNo entries.\n"
    )


@pytest.mark.parametrize("to_format", ["csv", "focus", "html", "json"])
def test_every_format_ends_with_a_line(to_format: str) -> None:
    """And has the team of the samples."""
    text = printed(*DAYS, "--format", to_format)
    assert text.endswith("\n")
    assert "search" in text


def test_differences_are_told_with_their_causes() -> None:
    """The exit code says whether something is unexplained."""
    ran = CliRunner().invoke(app, ["report", "config.yaml", "--reconcile", "usage.csv"], env={"COLUMNS": "80"})
    assert (ran.exit_code, ran.stderr) == (1, "")
    assert ran.stdout == (
        "from (UTC)  model  difference  of\n"
        "2026-01-05  tiny   +$0.660000  cost: $13.000000 theirs, $12.340000 ours\n"
        "                   +$0.660000    estimated, since the server did not count them\n"
        "2026-01-05  tiny           +5  output tokens: 800,005 theirs, 800,000 ours\n"
        "                           +5    estimated, since the server did not count them\n"
        "2026-01-06  other          +5  input tokens: 5 theirs, 0 ours\n"
        "                           +5    UNEXPLAINED\n"
        "2026-01-06  tiny           +9  output tokens: 30 theirs, 21 ours\n"
        "                           +9    estimated, since the server did not count them\n"
        "7 figures compared: 3 agree, 3 differ and are explained, 1 are not\n"
    )


def test_a_file_that_agrees_is_ok(folder: Path) -> None:
    """And no table is printed; of one day only what the file names."""
    (folder / "same.csv").write_text("day,model,output_tokens\n2026-01-05,tiny,800000\n")
    assert printed("--reconcile", "same.csv") == (
        "1 figures compared: 1 agree, 0 differ and are explained, 0 are not\n"
    )


def test_pages_of_metrics_are_held_against_the_ledger(folder: Path) -> None:
    """By the model's name at its server, from the time in their headers."""
    for name, time, tokens in (
        ("a", "Mon, 05 Jan 2026 09:00:00 GMT", 10),
        ("b", "Mon, 05 Jan 2026 11:00:00 GMT", 800_010),
    ):
        (folder / name).write_text(
            f"HTTP/1.1 200 OK\r\ndate: {time}\r\n\r\nprocess_start_time_seconds 1.7e9\n"
            f'vllm:generation_tokens_total{{engine="0",model_name="tiny"}} {tokens}.0\n'
        )
    assert printed("--reconcile", "b", "--reconcile", "a").startswith("1 figures compared: 1 agree, ")
