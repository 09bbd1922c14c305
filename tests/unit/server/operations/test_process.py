"""What a process returns to the system, and how it waits for its own loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from extproc.server.operations import process
from extproc.server.operations.process import (
    answering,
    callable_from_thread,
    cancelled,
    in_own_thread,
    liveness_check,
    wait_for_first,
)
from tests.unit.server.loops import in_loop
from tests.unit.server.transport.fast.peers import on_both_loops

_SCATTERED = """
from pathlib import Path
from extproc.server.operations.process import return_free_memory

def anonymous_kib():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous"))

before = anonymous_kib()
blocks = [bytes(2_000) for _ in range(20_000)]
last = blocks.pop()  # the top of the heap stays in use, so that glibc alone returns nothing
blocks.clear()
freed = anonymous_kib() - before
return_free_memory()
print(freed, anonymous_kib() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_freed_memory_goes_back_to_the_system() -> None:
    """Of 40 MB, freed below a block that is still in use, at most a few pages stay."""
    ran = subprocess.run([sys.executable, "-c", _SCATTERED], capture_output=True, text=True, check=True)
    kept_kib, left_kib = map(int, ran.stdout.split())
    assert kept_kib > 30_000, "glibc keeps what is free"
    assert left_kib < kept_kib / 10


@on_both_loops
async def test_in_own_thread_returns_and_raises() -> None:
    """What the work returned, or its error."""
    assert await in_own_thread(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await in_own_thread(lambda: 1 // 0)


@on_both_loops
async def test_a_thread_calls_a_coroutine_of_the_loop() -> None:
    """And gets its result."""

    async def work() -> str:
        return "done"

    assert await in_own_thread(callable_from_thread(asyncio.get_running_loop(), work, "late")) == "done"


@on_both_loops
async def test_a_thread_waits_for_no_coroutine_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the value for that case, and the coroutine is canceled."""
    monkeypatch.setattr(process, "LOOP_TURN_S_MAX", 0.05)
    canceled = asyncio.Event()

    async def work() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            canceled.set()
        return "done"

    assert await in_own_thread(callable_from_thread(asyncio.get_running_loop(), work, "late")) == "late"
    await asyncio.wait_for(canceled.wait(), 10)


@on_both_loops
async def test_a_loop_that_runs_is_alive() -> None:
    """A loop that does not run is not."""
    assert await in_own_thread(liveness_check(asyncio.get_running_loop()))


def test_a_loop_that_does_not_run_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a time with a limit."""
    monkeypatch.setattr(process, "LOOP_TURN_S_MAX", 0.05)
    loop = asyncio.new_event_loop()
    try:
        assert not liveness_check(loop)()
    finally:
        loop.close()


# --- waiting for one of several ------------------------------------------------------------------------------------


@in_loop
async def test_the_first_ends_the_wait_and_the_others() -> None:
    """What is no longer waited for is cancelled."""
    cancelled = asyncio.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    await wait_for_first(forever(), asyncio.sleep(0))
    await cancelled.wait()


@in_loop
async def test_what_the_first_raises_is_raised() -> None:
    """A failure is not taken for an end."""

    async def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await wait_for_first(asyncio.Event().wait(), fails())


@in_loop
async def test_a_question_that_the_process_answers_itself() -> None:
    """Each time it is asked."""
    answers = iter([1, 2])
    ask = answering(lambda: next(answers))
    assert [await ask(), await ask()] == [1, 2]


@in_loop
async def test_tasks_that_are_cancelled_have_ended() -> None:
    """Also what they do at their end; one that has ended already is no error."""
    ends = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ends.append(1)

    async def nothing() -> None:
        return

    tasks = [asyncio.ensure_future(each) for each in (wait(), nothing(), wait())]
    await asyncio.sleep(0)
    await cancelled(*tasks)
    assert ends == [1, 1]
    assert all(task.done() for task in tasks)
