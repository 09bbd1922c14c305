"""Ctrl-C, in whatever a command waits for: no traceback, the code of the table, and nothing left behind."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.cli import COMMANDS
from extproc.cli.exit_codes import ExitCode
from extproc.server.sockets.free_ports import free_ports
from tests.docs.cli_tables import commands
from tests.e2e.harness import wait_until
from tests.hangs import HANG_S
from tests.starts import only_forks
from tests.unit.cli.fakes import fake_envoy, fake_library
from tests.unit.cli.programs import ROOT, Program, environment, is_gone, started
from tests.unit.cli.samples import fill

SIGINT_BIT = 1 << (signal.SIGINT - 1)
IN_PROCESS = "sys.argv = ['extproc', 'check']; from extproc.__main__ import main; main()"
CLASSIFIER = """\
classifiers:
  slow: { adapter: onnx, path: /models/none, labels: [x] }
"""
STORE_WAITS = {
    "ledger query": ([], "Reading the entries"),
    "ledger tail": ([], "Reading the entries"),
    "tail": ([], "Reading the entries"),
    "ledger verify": ([], "Reading the spool"),
    "ledger export": ([], "Opening the store"),
    "ledger replay": (["ledger.jsonl"], "Adding the entries"),
    "review list": ([], "Reading the findings"),
    "review show": (["1"], "Reading the finding"),
    "review label": (["1", "confirm"], "Storing the label"),
    "review export": ([], "Exporting"),
    "review stats": ([], "Counting the labels"),
    "review import": (["labels.csv"], "Importing the labels"),
    "review what-if": (["pii=0.5"], "Counting the labels"),
    "report": ([], "Reading the ledger"),
    "budget status": ([], "Reading the ledger"),
    "budget grant": (["monthly", "search", "--amount", "1"], "Storing the grant"),
    "budget history": ([], "Reading the history"),
    "allocate": (["-c", "gpus.yaml"], "Reading the ledger"),
    "savings": (["-c", "gpus.yaml"], "Reading the ledger"),
    "calibrate": (["-c", "gpus.yaml"], "Reading the ledger"),
    "drift": ([], "Reading the ledger"),
    "rollout status": ([], "Reading the ledger"),
    "rollout watch": (["tiny-chat"], "Reading the ledger"),
    "rollout history": (["tiny-chat"], "Reading the journal"),
    "rollout report": (["tiny-chat", "--output", "rollout.html"], "Recomputing decisions"),
    "rollout explain": (["tiny-chat"], "Recomputing decisions"),
    "rollout pause": (["tiny-chat"], "Storing the change"),
    "rollout resume": (["tiny-chat"], "Storing the change"),
    "rollout promote": (["tiny-chat"], "Storing the change"),
    "rollout rollback": (["tiny-chat"], "Storing the change"),
}
LAUNCHED = {"run", "up"}
"""``tests/e2e/test_up.py`` interrupts them, with their children."""
FILE_WAITS = {
    "gpus": ["--bill", "fifo"],
    "check": ["fifo"],
    "try": ["-c", "config.yaml", "--file", "fifo"],
    "test": ["fifo"],
    "explain": ["-c", "config.yaml", "fifo"],
    "versions list": ["-c", "fifo"],
    "versions show": ["-c", "fifo", "tiny-chat/v1"],
    "versions diff": ["-c", "config.yaml", "fifo"],
    "versions lock": ["-c", "fifo"],
    "prompts list": ["-c", "fifo"],
    "prompts show": ["-c", "fifo", "system-v1"],
    "prompts render": ["-c", "fifo", "system-v1"],
    "prompts diff": ["-c", "config.yaml", "fifo"],
    "keys add": ["--team", "search", "-k", "fifo"],
    "keys list": ["-k", "fifo"],
    "keys revoke": ["search-1", "-k", "fifo"],
    "keys rotate": ["search-1", "-k", "fifo"],
    "envoy-config": ["--lint", "fifo"],
    "doctor": ["--file", "fifo"],
    "size": ["--requests-per-s", "1", "-c", "fifo"],
    "rollout start": ["-c", "fifo", "tiny-chat", "--to", "v2"],
    "rollout simulate": ["-c", "fifo", "tiny-chat", "--to", "v2"],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples."""
    monkeypatch.chdir(fill(tmp_path))
    return tmp_path


def test_every_command_is_interrupted_somewhere() -> None:
    """In what it waits for: a file, the store, a child, a client, a key (``test_review_next``, ``test_top``), a model
    server (``test_prompts_testing``). ``init`` waits for nothing but its imports.
    """
    elsewhere = {"serve", "health", "status", "top", "demo", "init", "prompts test", "replay", "review next"}
    assert {*FILE_WAITS, *STORE_WAITS, *LAUNCHED, *elsewhere} == {name for name, _ in commands()}


def ends_by_ctrl_c(program: Program, code: ExitCode = ExitCode.INTERRUPTED) -> None:
    """Soon, with a sentence and without a traceback."""
    program.ctrl_c()
    assert program.ended() == code, program.output
    assert "Traceback" not in program.output
    assert ("extproc: interrupted" in program.output) is (code is ExitCode.INTERRUPTED)


# --- imports -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_being_imported(tmp_path: Path, name: str) -> None:
    """Nothing of ours runs yet, and a library may swallow a KeyboardInterrupt: the process ends all the same."""
    site, pids = fake_library(tmp_path, "pydantic")
    with started(name, path_first=str(site)) as program:
        program.until(lambda: pids_in(pids))
        ends_by_ctrl_c(program)


def test_the_installed_program_is_that_one() -> None:
    """``extproc.cli:main`` would be reached only after its imports."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"extproc": "extproc.__main__:main"}


def test_a_background_job_ignores_ctrl_c(tmp_path: Path) -> None:
    """A shell that starts a job with ``&`` has it ignore SIGINT; so it stays."""
    site, pids = fake_library(tmp_path, "pydantic")
    command = [sys.executable, "-c", "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN);" + IN_PROCESS]
    with subprocess.Popen(command, env=environment(path_first=str(site)), stderr=subprocess.PIPE) as process:
        try:
            while not pids_in(pids):
                assert process.poll() is None
            assert SIGINT_BIT & int(status_of(process.pid, "SigIgn"), 16)
        finally:
            process.kill()


def status_of(pid: int, name: str) -> str:
    """A line of a process's status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


# --- files and the store -------------------------------------------------------------------------------------------


class Writer:
    """The other end of a pipe, which writes nothing. It stays open: its reader would take its end for the file's."""

    def __init__(self, fifo: Path) -> None:
        self._fifo = fifo
        self._fd: int | None = None

    def is_awaited(self) -> bool:
        """Whether somebody has opened the pipe to read."""
        try:
            self._fd = self._fd or os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        return self._fd is not None

    def close(self) -> None:
        """Close it."""
        if self._fd is not None:
            os.close(self._fd)


@pytest.mark.usefixtures("folder")
def test_a_request_that_is_being_typed() -> None:
    """``explain -`` says on a terminal how it ends, and waits."""
    with started("explain", "-c", "config.yaml", "-", on_terminal=True) as program:
        program.until("Ctrl-D")
        ends_by_ctrl_c(program)


@pytest.mark.parametrize("name", FILE_WAITS)
def test_a_file_that_does_not_come(folder: Path, name: str) -> None:
    """A pipe that nobody writes to, or a file system that hangs."""
    os.mkfifo(folder / "fifo")
    with contextlib.closing(Writer(folder / "fifo")) as writer, started(*name.split(), *FILE_WAITS[name]) as program:
        program.until(lambda: writer.is_awaited() or program.process.poll() is not None)
        ends_by_ctrl_c(program)


@pytest.mark.parametrize("on_terminal", [False, True])
@pytest.mark.parametrize("name", STORE_WAITS)
def test_a_store_that_is_locked(folder: Path, name: str, on_terminal: bool) -> None:
    """On a terminal the command says what it waits for, after a second; with pipes it says nothing."""
    arguments, doing = STORE_WAITS[name]
    opened = folder / ("review.db" if name.startswith("review") else "ledger.db")
    with contextlib.closing(sqlite3.connect(opened, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        with started(*name.split(), "-c", "config.yaml", *arguments, on_terminal=on_terminal) as program:
            program.until(doing if on_terminal else lambda: has_open(program.process.pid, opened))
            ends_by_ctrl_c(program)
    assert (doing in program.output) is on_terminal


def has_open(pid: int, file: Path) -> bool:
    """Whether a process has a file open."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if fd.readlink() == file:
                    return True
    return False


# --- children ------------------------------------------------------------------------------------------------------


def pids_in(file: Path) -> list[int]:
    """The process ids that stand-ins have written."""
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def test_envoy_that_validates(folder: Path) -> None:
    """``envoy-config --validate``: Envoy is ended, and the temporary file is gone."""
    site, pids = fake_envoy(folder)
    scratch = folder / "scratch"
    scratch.mkdir()
    arguments = ("envoy-config", "config.yaml", "--validate")
    with started(*arguments, path_first=str(site), TMPDIR=str(scratch)) as program:
        program.until(lambda: pids_in(pids))
        ends_by_ctrl_c(program)
    assert [pid for pid in pids_in(pids) if not is_gone(pid)] == []
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, ExitCode.INTERRUPTED),
        (signal.SIGTERM, ExitCode.TERMINATED),
        (signal.SIGHUP, ExitCode.HUNG_UP),
    ],
)
def test_a_demo_that_starts(folder: Path, number: signal.Signals, code: ExitCode) -> None:
    """The processor and Envoy are ended, also where only the demo gets the signal; its folders are gone."""
    site, pids = fake_envoy(folder)
    with tempfile.TemporaryDirectory(prefix="llm-") as scratch:
        with started("demo", path_first=str(site), TMPDIR=scratch) as program:
            program.until(lambda: pids_in(pids))
            children = [*pids_in(pids), *children_of(program.process.pid)]
            program.process.send_signal(number)
            assert program.ended() == code, program.output
        assert list(Path(scratch).iterdir()) == []
    assert len(set(children)) == 2
    assert [pid for pid in children if not is_gone(pid)] == []
    assert "Traceback" not in program.output


def test_a_demo_whose_envoy_is_slow_to_end(folder: Path) -> None:
    """A second Ctrl-C does not interrupt the cleanup, which would leave Envoy behind."""
    site, pids = fake_envoy(folder, is_stubborn=True)
    with started("demo", path_first=str(site)) as program:
        program.until(lambda: pids_in(pids))
        program.ctrl_c()
        program.until("extproc: interrupted")
        program.ctrl_c()
        assert program.ended() == ExitCode.INTERRUPTED, program.output
    assert [pid for pid in pids_in(pids) if not is_gone(pid)] == []
    assert program.output.count("extproc: interrupted") == 1


def test_a_demo_that_is_killed(folder: Path) -> None:
    """It can end nobody: the system ends the processor and Envoy with it."""
    site, pids = fake_envoy(folder)
    with (
        tempfile.TemporaryDirectory(prefix="llm-") as scratch,
        started("demo", path_first=str(site), TMPDIR=scratch) as program,
    ):
        program.until(lambda: pids_in(pids))
        children = {*pids_in(pids), *children_of(program.process.pid)}
        assert len(children) == 2
        program.process.kill()
        wait_until(lambda: all(map(is_gone, children)), "both are gone", 30)


def test_up_before_a_server_that_does_not_answer(tmp_path: Path) -> None:
    """It has connected, and waits; its folder goes too."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(HANG_S)
        with started("up", f"http://127.0.0.1:{silent.getsockname()[1]}", TMPDIR=str(tmp_path)) as program:
            connection, _ = silent.accept()
            with connection:
                ends_by_ctrl_c(program)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["health", "status", "top"])
def test_a_status_that_does_not_come(folder: Path, command: str) -> None:
    """A processor whose event loop hangs still accepts."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(HANG_S)
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        (folder / "asked.yaml").write_text(
            (folder / "config.yaml").read_text() + f"server: {{ metrics: '{address}' }}\n"
        )
        with started(command, "-c", "asked.yaml") as program:
            connection, _ = silent.accept()
            with connection:
                ends_by_ctrl_c(program)


def children_of(pid: int) -> list[int]:
    """The ids of a process's children, without the one that only forks them (``tests.starts``)."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return [child for child in found if not only_forks(child)]


# --- serve ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def serving(folder: Path) -> Iterator[Path]:
    """A configuration with addresses of its own."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="llm-") as sockets:
        server = {"listen": f"unix:{sockets}/x.sock", "metrics": f"127.0.0.1:{port}"}
        text = (folder / "config.yaml").read_text().partition("review:")[0]
        (folder / "serve.yaml").write_text(f"{text}server: {json.dumps(server)}\n")
        yield folder / "serve.yaml"


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("presses", [1, 4])
def test_a_server(serving: Path, workers: int, presses: int) -> None:
    """It drains and ends with 0, also for a person who presses Ctrl-C several times."""
    change_server(serving, workers)
    with started("serve", "-c", serving, on_terminal=True) as program:
        program.until(" serving listen=")
        children = children_of(program.process.pid)
        for _ in range(presses):
            program.ctrl_c()
        assert program.ended() == ExitCode.OK, program.output
    assert " stopped exchanges_cancelled=0" in program.output
    assert "Traceback" not in program.output
    assert len(children) == (workers if workers > 1 else 0)
    assert [pid for pid in children if not is_gone(pid)] == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_whose_terminal_is_closed(serving: Path, workers: int) -> None:
    """The system sends SIGHUP, which is a reload elsewhere: it drains, and leaves nothing behind."""
    change_server(serving, workers)
    with started("serve", "-c", serving, on_terminal=True) as program:
        program.until(" serving listen=")
        children = children_of(program.process.pid)
        program.hang_up()
        assert program.ended() == ExitCode.OK
    assert [pid for pid in children if not is_gone(pid)] == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_whose_model_loads(serving: Path, workers: int) -> None:
    """It is not waited for, and its processes are ended."""
    site, pids = fake_library(serving.parent, "onnxruntime")
    change_server(serving, workers)
    guard = "      - { guard: classifier, classifier: slow, on: request, action: flag }\n"
    serving.write_text(serving.read_text().replace("    guards:\n", f"    guards:\n{guard}") + CLASSIFIER)
    with started("serve", "-c", serving, on_terminal=True, path_first=str(site)) as program:
        program.until("Loading classifiers, for at most 20 s: slow")
        program.until(lambda: len(pids_in(pids)) == workers)
        ends_by_ctrl_c(program, ExitCode.OK)
        program.until(lambda: all(map(is_gone, pids_in(pids))))


def change_server(config: Path, workers: int) -> None:
    """Set the number of workers."""
    config.write_text(config.read_text().replace("server: {", f'server: {{"workers": {workers}, '))


def test_a_server_that_reads_its_configuration(folder: Path) -> None:
    """Nothing is served yet: ended at once, as any other command."""
    os.mkfifo(folder / "fifo")
    with contextlib.closing(Writer(folder / "fifo")) as writer, started("serve", "-c", "fifo") as program:
        program.until(writer.is_awaited)
        ends_by_ctrl_c(program)
