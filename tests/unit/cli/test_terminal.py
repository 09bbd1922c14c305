"""What a person sees on a terminal of 80 columns."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest
from rich.cells import cell_len
from rich.table import Table

from extproc.cli.progress import SHOWN_AFTER_S
from extproc.cli.serve import TerminalReport
from extproc.cli.tables import print_table, result_console
from extproc.config.load import parse_document
from extproc.server.sockets.free_ports import free_ports
from extproc.sinks.review.store import Store
from tests.hangs import HANG_S
from tests.unit.cli.programs import ESCAPE, PROGRAM, environment, shown, started
from tests.unit.cli.samples import SAMPLES, fill
from tests.unit.config.conftest import MINIMAL
from tests.unit.sinks.review.samples import entry

CALLS = [(name, arguments) for name, samples in SAMPLES.items() for arguments in samples]
LIVE = {"rollout watch"}
"""It shows until a key is pressed; ``test_rollout_watch`` has its width."""
JSON_LINES_OF_DATA = {"ledger export", "review export", "envoy-config", "gpus"}
"""Their lines are data, and as long as it is."""
LIST = ("review", "list", "-c", "config.yaml")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, in the current folder."""
    monkeypatch.chdir(fill(tmp_path))
    return tmp_path


# --- tables --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_tables_fit() -> None:
    """No line is folded by the terminal, except sentences, which begin with their file, and data."""
    ending = [(name, arguments) for name, arguments in CALLS if name not in LIVE]
    printed = shown([([*name.split(), *arguments], {}) for name, arguments in ending])
    for (name, arguments), output in zip(ending, printed, strict=True):
        lines = [CONTROL.sub("", line).rstrip() for line in output.splitlines()]
        tables = [line for line in lines if not re.match(r"\S+:(\d+:\d+:| )", line)]
        if name not in JSON_LINES_OF_DATA:
            assert max(map(cell_len, tables), default=0) <= 80, (name, arguments)


@pytest.mark.parametrize("columns", ["", "80"])
def test_a_name_in_brackets_is_text(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A team may be called as a style is; it was left out of tables."""
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    table = Table("team")
    table.add_row("[red]search[/]")
    print_table(result_console(), table)
    assert "[red]search[/]" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_a_list_has_a_line_for_every_finding() -> None:
    """At any width: a narrow terminal gets fewer columns, and a shorter excerpt."""
    widths = (20, 40, 80, 120, 200)
    printed = shown([(LIST, {"NO_COLOR": "1", "COLUMNS": str(columns)}) for columns in widths])
    for columns, output in zip(widths, printed, strict=True):
        lines = [CONTROL.sub("", line) for line in output.splitlines()]
        assert [line.split()[0] for line in lines] == ["number", "3", "2", "1"], columns
        assert max(map(cell_len, lines)) <= columns
        if columns >= 80:
            assert "EMAIL" in lines[-1]
            assert "confirm" in lines[-1]
            assert "I am writing to <EMAIL>" in lines[-1]
            assert lines[-1].endswith("…")


def test_a_finding_far_to_the_right_is_seen(folder: Path) -> None:
    """The excerpt begins shortly before it."""
    store = Store("sqlite:///review.db", folder)
    words = "honest words " * 10
    store.add([entry(excerpt=f"{words}a secret plan {words}", found_start=132, found_end=143)])
    store.close()
    (printed,) = shown([(LIST, {"NO_COLOR": "1", "TERM": "dumb"})])
    (line,) = (line for line in printed.splitlines() if line.startswith("4 "))
    assert "…" in line
    assert "secret plan" in line


@pytest.mark.usefixtures("folder")
def test_a_dumb_terminal_gets_plain_text() -> None:
    """No escapes; another terminal gets some, so that this can fail."""
    names = ("explain", "review list", "review show", "review stats")
    calls = [[*name.split(), *SAMPLES[name][0]] for name in names]
    printed = shown([(call, {"TERM": term}) for term in ("dumb", "xterm") for call in calls])
    with_escapes = [ESCAPE in output for output in printed]
    assert dict(zip(names, with_escapes[:4], strict=True)) == dict.fromkeys(names, False)
    assert dict(zip(names, with_escapes[4:], strict=True)) == dict.fromkeys(names, True)


# --- progress ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_what_takes_long_is_shown_and_erased(folder: Path, term: str) -> None:
    """What is done, and for how long; a terminal that cannot erase gets one line."""
    with closing(connect(folder / "review.db", isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        with started("review", "stats", "-c", "config.yaml", on_terminal=True, TERM=term) as program:
            program.until("(2 s)" if term == "xterm" else "Counting the labels ...")
            lock.execute("COMMIT")
            assert program.ended() == 0, program.output
    waited, _, table = program.output.rpartition("Counting the labels")
    assert "guard" in table
    assert waited.count("\n") == 0
    if term == "dumb":
        assert ESCAPE not in program.output
    else:
        assert f"({SHOWN_AFTER_S:.0f} s)" in program.output
        assert "\r\x1b[K" in table


# --- serve ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """A configuration that can be served."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="llm-") as sockets:
        server = {"listen": f"unix:{sockets}/x.sock", "metrics": f"127.0.0.1:{port}"}
        file = tmp_path / "config.yaml"
        file.write_text(f"{MINIMAL}server: {json.dumps(server)}\nenvoy: {{ listen: '0.0.0.0:10001' }}\n")
        yield file


def test_serve_says_what_to_do_next(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is, what it guards, where its pages are, and how Envoy and clients come to it."""
    monkeypatch.chdir(config.parent)
    server = parse_document(config.read_text(), "config.yaml").server
    with started("serve", "-c", "config.yaml", on_terminal=True) as program:
        program.until(" info    serving listen=")
        program.ctrl_c()
        assert program.ended() == 0
    lines = [line for line in program.output.splitlines() if line and " info    " not in line]
    assert lines[0].startswith(f"extproc serves on {server.listen} (revision ")
    assert [line.split(maxsplit=1) for line in lines[1:] if not line.startswith("   ")] == [
        ["models", "tiny-chat (v1)"],
        ["guards", "default: pii"],
        ["health", f"http://{server.metrics}/readyz"],
        ["metrics", f"http://{server.metrics}/metrics"],
        ["Envoy", "extproc envoy-config config.yaml --output envoy.yaml"],
        ["clients", "http://127.0.0.1:10001/v1, through Envoy"],
        ["log", "text on standard output"],
        ["stop", "Ctrl-C: running exchanges may end; again: at once"],
    ]
    assert "           envoy -c envoy.yaml" in lines


def test_a_pipe_gets_json_lines_alone(config: Path) -> None:
    """As a log collector reads them; nothing on standard error."""
    command = [*PROGRAM, "serve", "-c", str(config)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.terminate()
        rest, errors = process.communicate(timeout=HANG_S)
    assert [json.loads(line)["event"] for line in [first, *rest.splitlines()]] == ["serving", "draining", "stopped"]
    assert errors == ""


def test_a_configuration_without_guards_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A newcomer must not believe that something is guarded."""
    document = parse_document(MINIMAL.partition("policies:")[0].replace("  - filter: guards\n", ""), "config.yaml")
    TerminalReport(Path("config.yaml")).serving(document, "r1")
    output = capsys.readouterr()
    assert output.out == ""
    assert "  guards   none: the configuration has no `policies:`\n" in output.err


@pytest.mark.parametrize("workers", [1, 2])
def test_the_level_of_the_log_is_an_option(config: Path, workers: int) -> None:
    """For the workers too."""
    config.write_text(config.read_text().replace("server: {", f'server: {{"workers": {workers}, '))
    with started("serve", "-c", str(config), "--log-level", "warn", on_terminal=True) as program:
        program.until("stop ")
        program.ctrl_c()
        assert program.ended() == 0
    assert " info " not in program.output
