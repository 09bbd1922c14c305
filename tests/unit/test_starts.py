"""A program that is forked behaves as one that is started: the same few commands both ways."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from extproc.children.json_child import JsonChild
from extproc.ledger.shipper_process import COMMAND
from tests import starts
from tests.e2e.harness import wait_until
from tests.unit.cli.programs import DRAWN_AND_ERASED, ESCAPE, PROGRAM, ROOT, environment, is_gone, piped, started
from tests.unit.cli.samples import fill
from tests.unit.server.processes import short_folder, start

if any(name.startswith("COVERAGE_PROCESS") for name in os.environ):
    pytest.skip("where coverage is measured nothing is forked", allow_module_level=True)

WAITS = ("explain", "-c", "config.yaml", "-")
"""It reads standard input."""
LIST = ("review", "list", "-c", "config.yaml")
COMMANDS = {
    "help": ("review", "--help"),
    "letters of all alphabets": ("try", "-c", "config.yaml", "Grüße, Δοκιμή, 你好"),
    "a mistake": ("check", "bad.yaml"),
    "wrong usage": ("check", "--nonsense"),
    "numpy": ("explain", "-c", "guarded.yaml", "attack.json"),
}
ENVIRONMENTS = {
    "wide": {"COLUMNS": "150"},
    "plain": {"NO_COLOR": "1", "TERM": "dumb"},
    "colored": {"FORCE_COLOR": "1"},
    "in CI": {"GITHUB_ACTIONS": "true", "CI": "1"},
}
OF_STATUS = ("SigBlk", "SigIgn", "SigCgt", "Threads", "Umask")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The samples, in the current folder."""
    monkeypatch.chdir(fill(tmp_path))


def both_ways(run: Callable[[], Any]) -> Any:
    """What came of it, which must be the same."""
    forked = run()
    with starts.real_starts():
        assert run() == forked
    return forked


def is_forked(pid: int) -> bool:
    """Whether a process was; it shows the command that it was forked from."""
    return b"tests.starts.forking" in Path(f"/proc/{pid}/cmdline").read_bytes()


# --- what it prints, and how it ends -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "variables"),
    [
        *((command, {}) for command in COMMANDS.values()),
        *((COMMANDS["wrong usage"], ENVIRONMENTS[name]) for name in ("wide", "in CI")),
    ],
    ids=[*COMMANDS, "wide", "in CI"],
)
def test_on_pipes(command: tuple[str, ...], variables: dict[str, str]) -> None:
    """Output, errors and exit code."""

    def ran() -> tuple[int, str, str]:
        ended = piped(*command, **variables)
        return ended.returncode, ended.stdout, ended.stderr

    code, output, errors = both_ways(ran)
    assert (code in (0, 1)) is (errors == "")
    assert output + errors


@pytest.mark.parametrize("variables", [{"COLUMNS": "150"}, {"TERM": "dumb"}])
def test_on_a_terminal(variables: dict[str, str]) -> None:
    """Likewise, with its colors and its width."""

    def ran() -> tuple[int, str]:
        with started(*LIST, on_terminal=True, **variables) as program:
            return program.ended(), re.sub(DRAWN_AND_ERASED, "", program.output)

    code, output = both_ways(ran)
    assert code == 0
    assert "am writing to" in output
    assert (ESCAPE in output) is (variables.get("TERM") != "dumb")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_by_a_signal(number: signal.Signals) -> None:
    """Its own exit code where it handles the signal, else the signal."""

    def ran() -> tuple[int, bool]:
        with started(*WAITS, on_terminal=True) as program:
            program.until("Ctrl-D")
            program.process.send_signal(number)
            return program.ended(), "Traceback" in program.output

    assert both_ways(ran) == (130 if number == signal.SIGINT else -number, False)


def test_standard_input_is_read() -> None:
    """Its line ends too, as they are."""

    def ran() -> tuple[int, str]:
        command = [*PROGRAM, "try", "-c", "config.yaml", "-", "--json"]
        ended = subprocess.run(command, input=b"one\r\ntwo\r\xc3\xa9", capture_output=True, env=environment())
        return ended.returncode, ended.stdout.decode()

    code, output = both_ways(ran)
    assert (code, "\\r\\n" in output) == (0, True)


# --- what the system knows of it -----------------------------------------------------------------------------------


def test_a_process_like_any_other() -> None:
    """A child of ours, with a session, a group, a terminal and open files of its own; it heeds the same signals."""

    def ran() -> tuple[Any, ...]:
        with started(*WAITS, on_terminal=True) as program:
            program.until("Ctrl-D")
            pid = program.process.pid
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            open_files = {fd.name: re.sub(r"\d+", "", str(fd.readlink())) for fd in Path(f"/proc/{pid}/fd").iterdir()}
            where = Path(f"/proc/{pid}/cwd").readlink()
            told = [status[name] for name in OF_STATUS]
            parent, group, session, terminal = map(int, stat[1:5])
            return parent, group == pid, session == pid, terminal > 0, open_files, where, told

    parent, *_ = both_ways(ran)
    assert parent == os.getpid()


PARENT = """\
import os, subprocess, sys
from extproc.envoy_config.deferred_signals import OWN_GROUP, ended_with_us
from tests import starts
if sys.argv[1] == "True":
    starts.install()
child = subprocess.Popen(ended_with_us(sys.argv[2:]), process_group=OWN_GROUP, stdout=subprocess.DEVNULL)
print(child.pid, os.getpgid(child.pid) == child.pid, os.getsid(child.pid) == os.getsid(0), flush=True)
child.wait()
"""


@pytest.mark.parametrize("forked", [True, False])
def test_it_ends_with_its_parent(forked: bool) -> None:
    """As our code starts its children: in a group of their own in our session, and with SIGTERM when we are killed."""
    command = [sys.executable, "-c", PARENT, str(forked), *PROGRAM, *WAITS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()) as parent:
        assert parent.stdout is not None
        number, *found = parent.stdout.readline().split()
        assert found == [b"True", b"True"]
        wait_until(lambda: is_forked(int(number)) is forked and not is_gone(int(number)), "it runs")
        parent.kill()
        wait_until(lambda: is_gone(int(number)), "it is gone")


def test_what_it_starts_is_forked_too() -> None:
    """A supervisor's workers. What forks them ends with it, also where it is killed."""
    with short_folder() as folder:
        process = start(folder, server={"workers": 2})
        supervisor = process.processor.pid
        try:
            wait_until(lambda: len(process.lines("worker serving")) == 2, "both workers serve")
            named = {Path(f"/proc/{pid}/comm").read_bytes().strip(): pid for pid in children_of(supervisor)}
            workers = [line["pid"] for line in process.lines("worker serving")]
            assert [is_forked(pid) for pid in workers] == [True, True]
            assert sorted(children_of(supervisor)) == sorted([*workers, named[starts.STARTER_NAME]])
        finally:
            process.processor.kill()
        wait_until(lambda: is_gone(named[starts.STARTER_NAME]), "it is gone")


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_what_a_loop_starts(factory: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path) -> None:
    """The process that ships a ledger: what it reports, that it has a session, and how it ends."""
    settings = {"ledger": {}, "folder": str(tmp_path), "spool": str(tmp_path / "spool")}

    async def talk(kills: bool) -> tuple[Any, ...]:
        child = await JsonChild.start(COMMAND)
        child.tell(settings)
        report = await child.hear()
        found.append(is_forked(child.pid))
        leads = os.getsid(child.pid) == child.pid
        if kills:
            child.kill()
        else:
            child.close_input()
        return sorted(report), leads, await child.wait()

    def ran() -> tuple[Any, ...]:
        with asyncio.Runner(loop_factory=factory) as runner:
            return tuple(runner.run(talk(kills)) for kills in (False, True))

    found: list[bool] = []
    ended, killed = both_ways(ran)
    assert found == [True, True, False, False]
    assert (ended[1:], killed[1:]) == ((True, 0), (True, -signal.SIGKILL))


def children_of(pid: int) -> list[int]:
    """The ids of the processes that it started."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(number) for task in tasks for number in (task / "children").read_text().split()]


# --- which are forked ----------------------------------------------------------------------------------------------


def forks(**variables: str) -> bool:
    """Whether a command with that environment is."""
    with started(*WAITS, on_terminal=True, **variables) as program:
        program.until("Ctrl-D")
        return is_forked(program.process.pid)


def test_what_imports_do_not_read_is_no_reason_to_start() -> None:
    """How a terminal is, and the temporary folder."""
    variables = {name: text for each in ENVIRONMENTS.values() for name, text in each.items()}
    assert forks(**variables, TMPDIR="/tmp", LLM_EXTPROC_CONFIG="config.yaml")


def test_what_imports_read_is() -> None:
    """The imports could have come out otherwise."""
    assert not forks(LC_ALL="C.UTF-8")


@pytest.mark.parametrize("name", ["TYPER_USE_RICH", "PYTHONUTF8", "LC_ALL", "LD_PRELOAD", "OPENBLAS_NUM_THREADS", "TZ"])
def test_any_of_that_is(name: str) -> None:
    """What the interpreter and libraries in C read counts as read."""
    assert starts.starter().imports_the_same(environment(), str(ROOT))
    assert not starts.starter().imports_the_same(environment(**{name: "another"}), str(ROOT))


def test_another_module_path_is(tmp_path: Path) -> None:
    """Where something there stands in for what was imported, also in the current folder."""
    path_first = environment(path_first=str(tmp_path))
    (tmp_path / "another.py").touch()
    assert starts.starter().imports_the_same(path_first, str(ROOT))
    for name in ("pydantic.py", "snappy"):  # prometheus-client uses the second one where it is installed
        (tmp_path / name).mkdir()
        assert not starts.starter().imports_the_same(path_first, str(ROOT))
        (tmp_path / name).rmdir()
    assert starts.starter().imports_the_same(path_first, str(ROOT))
    (tmp_path / "extproc").mkdir()
    assert not starts.starter().imports_the_same(environment(), str(tmp_path))


def test_a_test_may_want_a_real_start() -> None:
    """Where it is about the start itself."""
    with starts.real_starts():
        assert not forks()
    assert forks()


@pytest.mark.parametrize("command", [[sys.executable, "-c", ""], [sys.executable, "-X", "dev", *PROGRAM[1:]], ["env"]])
def test_other_programs_are_started(command: list[str]) -> None:
    """Also Python with options."""
    assert starts.told(command) is None


def test_few_variables_are_read_by_imports() -> None:
    """Else nearly nothing were forked. An import that reads one more is noticed: whoever sets it then starts slowly."""
    read = set(starts.starter().imports.variables)
    assert {"COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM", "PATH", "TMPDIR"} & read == set()
    assert "TYPER_USE_RICH" in read
    assert [name for name in read if name.startswith("LLM_EXTPROC_")] == []
