"""``extproc tail``: exchanges in which guards found something, as they come, and never what was said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from extproc.cli.exit_codes import ExitCode
from extproc.ledger.store import LedgerStore
from tests.unit.cli.programs import started
from tests.unit.cli.samples import LEDGER
from tests.unit.config.conftest import MINIMAL
from tests.unit.ledger.samples import bare_entry, entry

FOUND = {"pii/response/EMAIL": 2, "injection/request/PROMPT_INJECTION": 1, "pii/response/PHONE": 1}
ENTRIES = [
    entry(exchange="a-1"),
    entry(exchange="a-2", findings={}, finding_count=0),
    entry(exchange="a-3", team="hr", findings={"p_i/b/request/X": 1}),
    entry(exchange="a-4", model="other", findings=FOUND, finding_count=3),
    bare_entry("a-5"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration, and a store with some entries."""
    (tmp_path / "llm-extproc.yaml").write_text(MINIMAL + LEDGER)
    add(tmp_path, *ENTRIES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def add(folder: Path, *entries: object) -> None:
    """Store entries."""
    store = LedgerStore("sqlite:///ledger.db", folder)
    store.add(entries)  # type: ignore[arg-type]
    store.close()


def ran(*arguments: str) -> Result:
    """A command that has ended."""
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["a-1", "a-3", "a-4"]),
        (["--all"], ["a-1", "a-2", "a-3", "a-4", "a-5"]),
        (["-n", "1"], ["a-4"]),
        (["--team", "hr"], ["a-3"]),
        (["--model", "other"], ["a-4"]),
        (["--guard", "pii"], ["a-1", "a-4"]),
        (["--guard", "p_i/b"], ["a-3"]),
        (["--guard", "p_i"], []),
        (["--guard", "%"], []),
        (["--guard", "EMAIL"], []),
        (["--outcome", "refused"], []),
        (["--version", "tiny/v2"], ["a-1", "a-3"]),
    ],
)
@pytest.mark.usefixtures("folder")
def test_exchanges_are_chosen_by_all_that_is_given(options: list[str], expected: list[str]) -> None:
    """``ledger tail --findings`` chooses the same."""
    found = json.loads(ran("tail", "--json", *options).stdout)["entries"]
    assert [one["exchange"] for one in found] == expected
    if "--all" not in options:
        assert ran("ledger", "tail", "--findings", "--json", *options).stdout == ran("tail", "--json", *options).stdout


@pytest.mark.usefixtures("folder")
def test_a_line_says_what_was_found() -> None:
    """By which guard, in which direction, of which kind, how often; an exchange without findings has a dash."""
    lines = [line.split(maxsplit=6) for line in ran("tail", "--once", "--all").stdout.splitlines()]
    assert lines[0] == ["started", "exchange", "team", "version", "outcome", "findings"]
    assert lines[1][2:] == ["a-1", "search", "tiny/v2", "completed", "pii response EMAIL 2"]
    assert lines[4][6] == "pii response EMAIL 2, PHONE 1; injection request PROMPT_INJECTION 1"
    assert lines[2][6] == "-"


@pytest.mark.parametrize("columns", [20, 40, 80, 120, 200])
def test_it_follows_on_a_terminal_of_any_width(folder: Path, columns: int) -> None:
    """A line each; the time of the day is kept where there is room. Ctrl-C ends it."""
    with started("tail", on_terminal=True, COLUMNS=str(columns), NO_COLOR="1") as program:
        program.until("findings")
        add(folder, entry(exchange="new-1", outcome="cut", findings=FOUND), entry(exchange="n-2", finding_count=0))
        program.until("cut")
        program.ctrl_c()
        assert program.ended() == ExitCode.INTERRUPTED
    lines = [line.rstrip("\r") for line in program.output.split("\n")]
    assert max(map(cell_len, lines)) <= max(columns, 32)
    assert "n-2" not in program.output
    if columns >= 80:
        assert "2026-11-29 12:00:00" in program.output
        assert "pii response EMAIL 2" in program.output
    if columns >= 120:
        assert "new-1" in program.output


@pytest.mark.usefixtures("folder")
def test_a_pipe_gets_whole_lines_as_they_come(folder: Path) -> None:
    """For `grep`."""
    with started("tail", "--guard", "injection") as program:
        program.until("a-4")
        add(folder, entry(exchange="new-1", findings=FOUND))
        program.until("new-1")
        program.until("PROMPT_INJECTION 1\n")
        program.ctrl_c()
        assert program.ended() == ExitCode.INTERRUPTED
