"""``extproc ledger``: entries for people, for programs and for spreadsheets, and a check of the whole."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from extproc.cli.ledger_export import FORMULA_STARTS, csv_cell
from extproc.config.ledger import ParquetFiles
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.feedback_table import store_feedback
from extproc.ledger.parquet_sink import ParquetSink
from extproc.ledger.places import SpoolPlace
from extproc.ledger.segments import segment_file
from extproc.ledger.store import LedgerStore
from tests.hangs import HANG_S
from tests.unit.cli.samples import LEDGER
from tests.unit.config.conftest import MINIMAL
from tests.unit.ledger.crashes import ShipperInTurn, kill, sink_of
from tests.unit.ledger.feedback_samples import RATED, claim
from tests.unit.ledger.records import record_of
from tests.unit.ledger.samples import DAY_US, NOON_US, bare_entry, entry

ENTRIES = [
    entry(exchange="a-1"),
    entry(exchange="a-2", team="=cmd()", started_at_us=NOON_US + DAY_US, ended_at_us=NOON_US + DAY_US + 500_000),
    bare_entry("a-3"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration, and a store with three entries."""
    (tmp_path / "llm-extproc.yaml").write_text(MINIMAL + LEDGER)
    store = LedgerStore("sqlite:///ledger.db", tmp_path)
    store.add(ENTRIES)
    with store.writing() as connection:
        store_feedback(connection, claim(exchange="a-2"), RATED._replace(exchange="a-2"), NOON_US, "")
    store.close()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(*arguments: str) -> Result:
    """A command that has ended."""
    return CliRunner().invoke(app, ["ledger", *arguments])


# --- query and tail ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_the_newest_come_first() -> None:
    """With what people ask for: who, which version, how it ended, tokens and money; an estimate has a tilde."""
    lines = ran("query").stdout.splitlines()
    assert lines[0].split() == (
        [
            "started",
            "exchange",
            "team",
            "version",
            "outcome",
            "prompt",
            "answer",
            "micro-USD",
            "seconds",
            "endpoint",
            "reason",
        ]
    )
    assert [line.split()[2] for line in lines[1:]] == ["a-3", "a-2", "a-1"]
    assert lines[3].split() == (
        ["2026-11-29", "12:00:00", "a-1", "search", "tiny/v2", "completed", "100", "~7", "123", "0.9", "chat"]
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--team", "search"], ["a-1"]),
        (["--version", "tiny/v2"], ["a-2", "a-1"]),
        (["--version", "v2", "--limit", "1"], ["a-2"]),
        (["--outcome", "refused"], ["a-3"]),
        (["--exchange", "a-1"], ["a-1"]),
        (["--feedback", "negative"], ["a-2"]),
        (["--feedback", "copy"], []),
        (["--since", "2026-11-30"], ["a-2"]),
        (["--until", "2026-11-30"], ["a-3", "a-1"]),
        (["--project", "index", "--user", "ann", "--endpoint", "chat"], ["a-2", "a-1"]),
    ],
)
@pytest.mark.usefixtures("folder")
def test_entries_are_chosen_by_all_that_is_given(arguments: list[str], expected: list[str]) -> None:
    """As the commands of the review queue choose findings."""
    found = json.loads(ran("query", "--json", *arguments).stdout)["entries"]
    assert [one["exchange"] for one in found] == expected


@pytest.mark.usefixtures("folder")
def test_nothing_that_matches_is_said() -> None:
    """On standard error."""
    result = ran("query", "--team", "nobody")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No entry matches.\n")


@pytest.mark.usefixtures("folder")
def test_a_time_that_is_none_is_refused() -> None:
    """With examples."""
    result = ran("query", "--since", "yesterday")
    assert result.exit_code == 2
    assert result.stderr == "extproc ledger: 'yesterday' is not a time; write 7d, 12h or 2026-11-25T10:00\n"


@pytest.mark.usefixtures("folder")
def test_tail_shows_the_newest_last() -> None:
    """As `tail` does."""
    assert [line.split()[2] for line in ran("tail", "-n", "2").stdout.splitlines()[1:]] == ["a-2", "a-3"]


def test_tail_follows_what_is_stored(folder: Path) -> None:
    """Until Ctrl-C; on a terminal each line fits."""
    own, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": "80", "TERM": "xterm"}
    command = [sys.executable, "-m", "extproc", "ledger", "tail", "-n", "1", "--follow"]
    process = subprocess.Popen(command, cwd=folder, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    with os.fdopen(own, "rb", buffering=0) as terminal:
        shown = _until(terminal, b"refused")
        store = LedgerStore("sqlite:///ledger.db", folder)
        store.add([entry(exchange="new-1")])
        store.close()
        shown += _until(terminal, b"new-1")
        process.send_signal(signal.SIGINT)
        assert process.wait(HANG_S) == 130
    lines = shown.decode().splitlines()
    assert max(map(len, lines)) <= 80


def _until(terminal: Any, wanted: bytes) -> bytes:
    """What is shown, up to the line with some text."""
    shown = b""
    while wanted not in shown or not shown.endswith(b"\n"):
        shown += terminal.read(1)
    return shown


# --- export and replay ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_csv_is_safe_for_a_spreadsheet() -> None:
    """A team that looks like a formula is a text; numbers stay numbers, and lists are JSON."""
    result = ran("export", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert list(rows[0]) == [one.name for one in fields(LedgerEntry)]
    assert [row["team"] for row in rows] == ["search", "'=cmd()", ""]
    assert (rows[0]["prompt_tokens"], rows[0]["streamed"], rows[2]["sent_at_us"]) == ("100", "true", "")
    assert json.loads(rows[0]["findings"]) == {"pii/response/EMAIL": 2}


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_each_beginning_of_a_formula_gets_an_apostrophe(start: str) -> None:
    """The rule that the page tells; a negative number is none."""
    assert csv_cell(f"{start}1") == f"'{start}1"
    assert csv_cell(-1) == "-1"


def test_what_is_exported_can_be_added_elsewhere(folder: Path) -> None:
    """To an empty store; a second time nothing is added."""
    exported = folder / "all.jsonl"
    assert ran("export", "-o", str(exported)).stderr == f"{exported}: 3 entries\n"
    other = folder / "other.yaml"
    other.write_text((folder / "llm-extproc.yaml").read_text().replace("ledger.db", "other.db"))
    LedgerStore("sqlite:///other.db", folder).close()
    line = json.loads(exported.read_text().splitlines()[0])
    strange = [{"exchange": 7}, {**line, "findings": "x"}, {**line, "signals": [1]}]
    exported.write_text(exported.read_text() + "".join(f"{json.dumps(one)}\n" for one in strange))
    for added, known in ((3, 0), (0, 3)):
        result = ran("replay", "-c", str(other), str(exported))
        assert result.stdout == f"6 records: {added} added, {known} known already, 3 are no entries\n"
    store = LedgerStore("sqlite:///other.db", folder)
    assert store.get("a-1") == ENTRIES[0]
    store.close()


def test_segments_can_be_replayed(folder: Path) -> None:
    """Those of a spool that was copied, or that was kept as damaged."""
    sink = sink_of(folder / "copied")
    sink.exchange_sent(record_of("s-1"))
    sink.exchange_ended(record_of("s-1"))
    sink.close()
    result = ran("replay", "--json", "copied")
    assert json.loads(result.stdout) == {"read": 1, "added": 1, "known": 0, "damaged": 0}


def test_parquet_has_types(folder: Path) -> None:
    """Integers, booleans and lists."""
    file = folder / "ledger.parquet"
    assert ran("export", "--format", "parquet", "-o", str(file)).stderr == f"{file}: 3 entries\n"
    table = parquet.read_table(file)
    assert table.column_names == [one.name for one in fields(LedgerEntry)]
    assert {str(table.schema.field(name).type) for name in ("cost_micro_usd", "started_at_us")} == {"int64"}
    row = table.to_pylist()[0]
    assert (row["team"], row["cost_micro_usd"], row["streamed"], row["finish_reasons"]) == (
        "search",
        123,
        True,
        ["stop"],
    )
    assert [file.name for file in folder.glob(".*")] == []


@pytest.mark.usefixtures("folder")
def test_parquet_is_not_for_standard_output() -> None:
    """It has no lines."""
    result = ran("export", "--format", "parquet")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "extproc ledger: a Parquet file is not for a terminal; name it with --output FILE\n"


@pytest.mark.usefixtures("folder")
def test_parquet_without_its_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setattr("extproc.cli.ledger_export.missing_modules", lambda _: ["pyarrow"])
    result = ran("export", "--format", "parquet", "-o", "x.parquet")
    assert result.exit_code == 2
    assert result.stderr.startswith("ledger export: Parquet needs pyarrow. Install it: ")
    assert result.stderr.endswith("'llm-extproc[parquet]'\n")


# --- verify --------------------------------------------------------------------------------------------------------


def test_a_whole_ledger_is_ok(folder: Path) -> None:
    """What waits in the spool of a process that runs is no problem."""
    sink = sink_of(folder / "ledger-spool")
    for name in "xy":
        sink.exchange_sent(record_of(name))
        sink.exchange_ended(record_of(name))
    sink.turn()
    result = ran("verify")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "store: 3 entries",
        f"spool {sink.folder.name} (running): 2 records, 2 waiting",
        "ok",
    ]
    kill(sink)


def test_damage_is_found(folder: Path) -> None:
    """Inside by the gap in the numbers, and at the end by the line."""
    sink = sink_of(folder / "ledger-spool")
    for name in "wxyz":
        sink.exchange_sent(record_of(name))
        sink.exchange_ended(record_of(name))
    sink.close()
    file = segment_file(sink.folder, 1)
    file.write_bytes(file.read_bytes().replace(b'"x"', b'"X"').replace(b'"z"', b'"Z"'))
    result = ran("verify", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["ok"]) == (1, False)
    assert found["problems"] == [f"{sink.folder.name}: 2 records cannot be read"]
    assert (found["spools"][0]["records"], found["spools"][0]["waiting"]) == (2, 2)


def test_verify_says_what_each_sink_has(folder: Path) -> None:
    """And counts for each of them; a folder that the shipper keeps for one of them is no process that runs."""
    (folder / "llm-extproc.yaml").write_text(f"{MINIMAL}ledger: {{ parquet: {{ folder: entries }} }}\n")
    root = folder / "ledger-spool"
    sink = sink_of(root)
    for name in "xy":
        sink.exchange_sent(record_of(name))
        sink.exchange_ended(record_of(name))
    sink.close()
    store = LedgerStore("sqlite:///ledger.db", folder)
    parquet_sink = ParquetSink(ParquetFiles(folder="entries"), folder, root)
    shipper = ShipperInTurn(root, store, parquet_sink)
    shipper.ship()
    result = ran("verify")
    assert result.stdout.splitlines() == [
        "store: 5 entries",
        f"spool {sink.folder.name} (ended): 2 records, 0 waiting",
        "sink parquet: 2 records waiting",
        "ok",
    ]
    shipper.shippers[1].ship(now=True)
    data = json.loads(ran("verify", "--json").stdout)
    assert (data["ok"], data["waiting_for"], data["spools"][0]["waiting_for"]) == (True, {"parquet": 0}, {"parquet": 0})
    file = root / "parquet.places"
    file.write_text(file.read_text().replace('"entries":2', '"entries":1'))
    result = ran("verify")
    assert (result.exit_code, result.stdout.splitlines()[-2:]) == (
        1,
        [f"problem: {sink.folder.name}: 2 records were read, but the counts of parquet miss 1", "1 problems"],
    )
    file.write_text("{")
    assert ran("verify").stdout.splitlines()[-2].startswith("problem: parquet: ledger-spool/parquet.places: it cannot")
    store.close()
    shipper.folders.close()


def test_records_that_were_lost_stay_a_problem(folder: Path) -> None:
    """The store remembers what could not be read, and the segment is kept."""
    sink = sink_of(folder / "ledger-spool")
    for name in "xyz":
        sink.exchange_sent(record_of(name))
        sink.exchange_ended(record_of(name))
    sink.close()
    file = segment_file(sink.folder, 1)
    file.write_bytes(file.read_bytes().replace(b'"y"', b'"Y"'))
    store = LedgerStore("sqlite:///ledger.db", folder)
    ShipperInTurn(folder / "ledger-spool", store).ship()
    store.close()
    result = ran("verify")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "store: 5 entries",
        f"kept: damaged/{sink.folder.name}-0000000001.seg",
        f"problem: {sink.folder.name}: 1 records could not be read and are not stored",
        "1 problems",
    ]


def test_counts_that_do_not_add_up_are_found(folder: Path) -> None:
    """Somebody has deleted or added rows by hand."""
    store = LedgerStore("sqlite:///ledger.db", folder)
    store.add_of_spool([entry(exchange="n-1")], SpoolPlace("p-1", 1, 100, 5))
    store.close()
    problems = json.loads(ran("verify", "--json").stdout)["problems"]
    assert problems == ["p-1: 5 records were read, but the counts of the store miss 4"]


# --- what is missing -----------------------------------------------------------------------------------------------


def test_a_configuration_without_a_ledger_is_told(tmp_path: Path) -> None:
    """Exit 2."""
    file = tmp_path / "plain.yaml"
    file.write_text(MINIMAL)
    result = ran("query", "-c", str(file))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"{file} has no `ledger:` section, so no entries are kept\n"


def test_a_store_that_is_not_there_is_not_made(folder: Path) -> None:
    """Exit 5: it might not be accessible to the server."""
    (folder / "ledger.db").unlink()
    result = ran("query")
    assert result.exit_code == 5
    assert result.stderr == "ledger: ledger.db: no such file or directory\n"
    assert not (folder / "ledger.db").exists()
