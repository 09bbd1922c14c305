"""A child is started, heard, and ended, also if it is stubborn."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from extproc.envoy_config.start_time import TimeLimit
from extproc.launch.child import Child
from tests.unit.cli.programs import is_gone

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
LONG_LINE = "import sys; print('x' * 3_000_000); print('short'); sys.exit(3)"


def python(code: str, **takes: object) -> Child:
    """A child that runs this code."""
    return Child("child", (sys.executable, "-c", code), **takes)  # type: ignore[arg-type]


PARENT = """
import asyncio, sys
from extproc.launch.child import Child

async def play():
    up = asyncio.Event()
    child = Child("child", (sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"), lambda _: up.set())
    await child.start()
    await up.wait()
    print(child.pid, flush=True)
    await child.ended

asyncio.run(play())
"""


def test_each_line_is_taken_and_the_exit_code_is_known() -> None:
    """Of both outputs; the last errors are kept for a message."""
    lines: list[str] = []
    errors: list[str] = []

    async def play() -> int:
        child = python(
            "import sys; print('a'); print('b'); print('wrong', file=sys.stderr); sys.exit(7)",
            on_output=lines.append,
            on_errors=errors.append,
        )
        await child.start()
        code = await child.ended
        assert child.error_tail == "wrong"
        assert not child.is_running
        return code

    assert (asyncio.run(play()), lines, errors) == (7, ["a", "b"], ["wrong"])


def test_a_line_without_end_does_not_stop_the_rest() -> None:
    """It is dropped: memory is bounded."""
    lines: list[str] = []

    async def play() -> int:
        child = python(LONG_LINE, on_output=lines.append)
        await child.start()
        return await child.ended

    assert asyncio.run(play()) == 3
    assert lines[-1] == "short"
    assert all(len(line) < 1_100_000 for line in lines)


def test_a_stubborn_one_is_killed() -> None:
    """After its time."""

    async def play() -> int:
        up = asyncio.Event()
        child = python(STUBBORN, on_output=lambda _: up.set())
        await child.start()
        await up.wait()
        await child.stop(0.1)
        return await child.ended

    assert asyncio.run(play()) == -signal.SIGKILL


def test_it_is_in_a_process_group_of_its_own() -> None:
    """The keys of a terminal are for its parent."""

    async def play() -> None:
        up = asyncio.Event()
        child = python(STUBBORN, on_output=lambda _: up.set())
        await child.start()
        await up.wait()
        assert child.pid is not None
        assert os.getpgid(child.pid) == child.pid
        await child.stop(0)

    asyncio.run(play())


def test_it_can_be_started_again() -> None:
    """With nothing left of before."""

    async def play() -> None:
        child = python("import sys; print('x', file=sys.stderr)", on_errors=lambda _: None)
        for _ in range(2):
            await child.start()
            assert await child.ended == 0
            assert child.error_tail == "x"

    asyncio.run(play())


def test_a_program_that_is_not_there_is_an_error() -> None:
    """Of the system."""
    with pytest.raises(OSError, match="No such file"):
        asyncio.run(Child("child", ("/no/such/program",)).start())


def test_it_ends_with_its_parent() -> None:
    """Also if the parent is killed and can end nobody."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    limit = TimeLimit(5)
    while not is_gone(pid):
        assert not limit.is_over()
        time.sleep(0.01)


def test_a_file_that_is_no_program_ends_with_its_reason(tmp_path: Path) -> None:
    """The system says why when it is started, which is after the look-up."""
    file = tmp_path / "program"
    file.write_bytes(b"\x7fELF")
    file.chmod(0o755)
    errors: list[str] = []

    async def play() -> int:
        child = Child("child", (str(file),), on_errors=errors.append)
        await child.start()
        return await child.ended

    assert asyncio.run(play()) == 1
    assert errors == [f"{file}: Exec format error"]
