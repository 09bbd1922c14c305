"""``extproc top`` as a command: live on a terminal, once in a pipe, and as JSON."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from extproc.cli.exit_codes import ExitCode
from extproc.cli.shapes import SHAPES
from tests.docs.json_shapes import keys_of
from tests.quiet_server import QuietServer
from tests.unit.cli.metrics_pages import READY, metrics_page
from tests.unit.cli.programs import ESCAPE, Program, started
from tests.unit.cli.shape_check import paths_of
from tests.unit.config.conftest import MINIMAL

COLORS = re.compile(r"\x1b\[[0-9;]*m")
OWN_SCREEN, OLD_SCREEN = f"{ESCAPE}[?1049h", f"{ESCAPE}[?1049l"


# --- the command ---------------------------------------------------------------------------------------------------


class Processor:
    """The pages of a processor: each reading of metrics shows one exchange more. Attributes: ready: to be changed."""

    def __init__(self) -> None:
        self.ready = dict(READY)
        self.served = 100
        self.port = 0

    def metrics(self) -> str:
        """The page."""
        self.served += 1
        return metrics_page(("search", "v1", "completed", self.served), ("hr", "v2", "failed", 2))


class Pages(BaseHTTPRequestHandler):
    """Its server."""

    def __init__(self, processor: Processor, *arguments: Any) -> None:
        self._processor = processor
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """One of both."""
        body = (self._processor.metrics() if self.path == "/metrics" else json.dumps(self._processor.ready)).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def served(processor: Processor) -> Iterator[None]:
    """While it runs; it may run again at the same port."""
    with QuietServer(("127.0.0.1", processor.port), partial(Pages, processor)) as server:
        processor.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


@pytest.fixture
def processor() -> Processor:
    """One that can be started."""
    return Processor()


@pytest.fixture
def config(tmp_path: Path, processor: Processor) -> Iterator[Path]:
    """The configuration of a processor that runs."""
    with served(processor):
        yield written(tmp_path, processor)


def written(folder: Path, processor: Processor) -> Path:
    """A configuration with its address."""
    file = folder / "config.yaml"
    file.write_text(f"{MINIMAL}server: {{ metrics: '127.0.0.1:{processor.port}' }}\n")
    return file


def ran(config: Path, *options: str) -> Result:
    """The command in a pipe."""
    return CliRunner().invoke(app, ["top", str(config), "--interval", "0.1", *options], env={"COLUMNS": "80"})


def test_a_pipe_gets_one_snapshot(config: Path) -> None:
    """Whole, in plain text of 80 columns."""
    result = ran(config)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert "  ready  revision abc123" in lines[0]
    assert [line.split()[0] for line in lines if line.startswith(("m/", "search", "hr"))] == [
        "m/v1",
        "m/v2",
        "search",
        "hr",
    ]
    assert ESCAPE not in result.stdout
    assert max(map(cell_len, lines)) <= 80
    assert [line for line in lines if line != line.rstrip()] == []


def test_it_is_json_for_who_asks(config: Path, processor: Processor) -> None:
    """Of the documented shape."""
    processor.ready["restart_needed"] = ["log"]
    result = ran(config, "--json", "--sort", "name")
    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert paths_of(printed, SHAPES["top"]) == {key.path for key in keys_of(SHAPES["top"])}
    assert [row["team"] for row in printed["teams"]] == ["hr", "search"]
    assert printed["teams"][1]["requests_per_s"] == pytest.approx(1 / printed["seconds"], rel=0.01)
    assert printed["problems"] == ["restart: needed for log"]


def test_another_program_is_none(tmp_path: Path, processor: Processor) -> None:
    """With the words of ``status``."""
    processor.ready = {"status": "fine"}
    with served(processor):
        result = ran(written(tmp_path, processor))
    assert (result.exit_code, result.stdout) == (ExitCode.FAILED, "")
    assert "does not answer (no page of llm-extproc)" in result.stderr


# --- live ----------------------------------------------------------------------------------------------------------


@contextmanager
def watching(config: Path, *options: str) -> Iterator[Program]:
    """The command on a terminal, once it has shown rates."""
    with started("top", config, "--interval", "0.1", *options, on_terminal=True) as program:
        program.until(" s)")
        yield program


def last_screen(program: Program) -> str:
    """What was drawn last, whole, without its colors."""
    return COLORS.sub("", program.output.rpartition("q quit")[0].rpartition(f"{ESCAPE}[H")[2])


def drawn_with(program: Program, text: str) -> None:
    """Wait until the screen shows a text."""
    program.until(lambda: text in last_screen(program))


def test_keys_sort_reverse_and_choose(config: Path) -> None:
    """The column is marked; a filter is a line, in which `q` is a letter."""
    with watching(config) as program:
        drawn_with(program, "req/s▼")
        program.type(">")
        drawn_with(program, "err%▼")
        program.type("r")
        drawn_with(program, "err%▲")
        program.type("<")
        drawn_with(program, "req/s▲")
        program.type("t")
        program.until("team (empty: all): ")
        program.type("qu\n")
        drawn_with(program, "only team: qu")
        drawn_with(program, "no exchange yet")
        program.type("t")
        program.until(lambda: program.output.count("team (empty: all): ") == 2)
        program.type("\n")
        drawn_with(program, "search")
        program.type("m")
        program.until("model or version (empty: all): ")
        program.type("v2\n")
        drawn_with(program, "only model: v2")
        program.type("q")
        assert program.ended() == 0


def test_pause_stops_the_numbers(config: Path, processor: Processor) -> None:
    """Nothing is read meanwhile; the rates that follow are of all the time."""
    with watching(config) as program:
        program.type("p")
        drawn_with(program, "paused")
        before = processor.served
        program.type(">")
        drawn_with(program, "err%▼")
        assert processor.served <= before + 1  # one may have been on its way
        program.type("p")
        program.until(lambda: processor.served > before + 3)
        drawn_with(program, "ready")
        program.type("q")
        assert program.ended() == 0
    assert "-" not in last_screen(program).partition("req/s")[0]


def test_a_processor_that_ends_and_comes_again(tmp_path: Path, processor: Processor) -> None:
    """It is told while it is away; then the rates go on, from counters that have begun again."""
    with ExitStack() as running:
        with served(processor):
            program = running.enter_context(watching(written(tmp_path, processor)))
        drawn_with(program, "does not answer (connection refused)")
        processor.served = 0
        with served(processor):
            drawn_with(program, "  ready  ")
            program.type("t")
            program.until("team (empty: all): ")
            program.type("search\n")
            drawn_with(program, "only team: search")
            program.type("q")
            assert program.ended() == 0
    tables, _, _ = last_screen(program).partition("guards")
    assert re.search(r"^search +[0-9.]+ ", tables, re.MULTILINE)
    assert not re.search(r" -[0-9]", tables)


def test_what_needs_somebody_is_told(config: Path, processor: Processor) -> None:
    """As `status` tells it; another program at the address is no processor."""
    with watching(config) as program:
        processor.ready = {**READY, "config_error": "x.yaml:1:1: bad"}
        drawn_with(program, "an earlier one is in force: x.yaml:1:1: bad")
        processor.ready = {"status": "fine"}
        drawn_with(program, "does not answer (no page of llm-extproc)")
        program.type("q")
        assert program.ended() == 0


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda program: program.type("q"), ExitCode.OK),
        (lambda program: program.type("\x04"), ExitCode.OK),
        (Program.ctrl_c, ExitCode.INTERRUPTED),
        (lambda program: os.kill(program.process.pid, signal.SIGTERM), ExitCode.TERMINATED),
        (lambda program: os.kill(program.process.pid, signal.SIGHUP), ExitCode.HUNG_UP),
    ],
    ids=["q", "ctrl-d", "ctrl-c", "sigterm", "sighup"],
)
def test_the_terminal_is_as_it_was(config: Path, end: Any, code: ExitCode) -> None:
    """Its modes, its cursor and what was on it, whatever ends the command."""
    with started("top", config, "--interval", "0.1", on_terminal=True) as program:
        before = program.modes()
        program.until("t team  m model")
        assert program.modes() != before
        end(program)
        assert program.ended() == code, program.output
        assert program.modes() == before
    assert program.output.index(OWN_SCREEN) < program.output.rindex(OLD_SCREEN)
    assert program.output.rindex(f"{ESCAPE}[?25h") > program.output.rindex(f"{ESCAPE}[?25l")
    assert "Traceback" not in program.output


def test_a_window_that_is_closed(config: Path) -> None:
    """Nothing can be printed any more. It is the end of the keys too, which may be seen before the signal."""
    with watching(config) as program:
        program.hang_up()
        assert program.ended() in (ExitCode.HUNG_UP, ExitCode.OK)


def test_ctrl_z_does_not_leave_the_shell_with_our_screen(config: Path) -> None:
    """It is ignored."""
    with watching(config) as program:
        program.type("\x1a")
        program.type("r")
        drawn_with(program, "req/s▲")
        program.type("q")
        assert program.ended() == 0


def test_another_size_is_another_screen(config: Path) -> None:
    """A person makes the window smaller."""
    with watching(config) as program:
        drawn_with(program, "ttft95")
        program.resize(10, 40)
        program.until(lambda: "ttft95" not in last_screen(program) and "p95" in last_screen(program))
        program.type("q")
        assert program.ended() == 0


def test_a_terminal_that_cannot_move_its_cursor_gets_a_snapshot(config: Path) -> None:
    """Without an escape."""
    with started("top", config, "--interval", "0.1", on_terminal=True, TERM="dumb") as program:
        assert program.ended() == 0
    assert ESCAPE not in program.output
    assert "search" in program.output
