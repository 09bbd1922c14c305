"""A model's process: loaded once, replaced when it dies, hangs or has judged enough; real processes, a fake model."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

import pytest

from extproc.children.json_child import JsonChild
from extproc.classifiers.process import ModelProcess, ProcessRunner
from extproc.classifiers.runner import ClassifierFailed
from extproc.classifiers.scores import LocatedScores
from extproc.config.classifiers import PackagedClassifier
from tests.unit.classifiers.runners import FakeLog, until
from tests.unit.server.transport.fast.peers import on_both_loops

FAKE_WORKER = str(Path(__file__).with_name("fake_worker.py"))
ROOT = str(Path(__file__).parents[3])


@pytest.fixture(autouse=True)
def finds_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process finds our package, installed or not."""
    monkeypatch.setenv("PYTHONPATH", ROOT)


class Bench:
    """A runner, and why its processes were replaced."""

    def __init__(self, *arguments: str, **section: Any) -> None:
        model = PackagedClassifier.model_validate({"adapter": "packaged", "head": "injection", **section})
        self.restarts: list[str] = []
        self.log = FakeLog()
        command = (sys.executable, FAKE_WORKER, *arguments)
        self.runner = ProcessRunner("fake", model, self.restarts.append, self.log, command)

    async def score(self, text: str) -> float:
        """How many texts the process has judged."""
        (scores,) = await self.runner.judge([text])
        return scores["injection"]

    async def pid(self) -> int:
        """Of the process that judges."""
        (scores,) = await self.runner.judge(["pid"])
        return int(scores["pid"])


@on_both_loops
async def test_a_model_is_loaded_once_and_judges_many(tmp_path: Path) -> None:
    """Each text of a task by itself, in order; what a library prints does not get between the answers."""
    starts = tmp_path / "starts"
    bench = Bench(str(starts))
    await bench.runner.prepare()
    assert [scores["injection"] for scores in await bench.runner.judge(["one", "print", "three"])] == [1, 2, 3]
    assert await bench.score("a\nb\u2028c") == 4
    assert (starts.read_bytes(), bench.restarts) == (b".", [])
    await bench.runner.close()


class AnsweringChild:
    """A child that has one answer."""

    async def ask(self, _: Any) -> dict[str, Any]:
        """The answer of a model that locates what it finds."""
        return {"scores": [{"PERSON": 0.85}, {"PERSON": 0}], "places": [[["PERSON", 0, 3, 0.85]], []]}


@on_both_loops
async def test_places_come_with_the_scores_of_their_text() -> None:
    """Each text has its own."""
    process = ModelProcess(cast("JsonChild", AnsweringChild()))
    named, none = await process.judge(["Ann", "hello"], "")
    assert isinstance(named, LocatedScores)
    assert (named["PERSON"], named.places) == (0.85, [("PERSON", 0, 3, 0.85)])
    assert (none["PERSON"], cast("LocatedScores", none).places) == (0, [])


@on_both_loops
async def test_a_process_ends_with_its_runner() -> None:
    """None is left behind."""
    bench = Bench()
    pid = await bench.pid()
    await bench.runner.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@on_both_loops
async def test_a_failure_in_the_model_is_of_one_task() -> None:
    """It is told by its type; the process goes on."""
    bench = Bench()
    with pytest.raises(ClassifierFailed, match="ValueError"):
        await bench.score("fault")
    assert await bench.score("next") == 1
    assert bench.restarts == []
    await bench.runner.close()


@on_both_loops
async def test_a_process_that_dies_at_work_is_replaced() -> None:
    """Its task has failed, and is not tried again: it may be what killed it."""
    bench = Bench()
    await bench.score("before")
    with pytest.raises(ClassifierFailed, match="died"):
        await bench.score("die")
    await until(lambda: bench.restarts == ["died"])
    assert await bench.score("next") == 1
    await bench.runner.close()


@on_both_loops
async def test_a_process_that_is_killed_while_idle_is_replaced_before_it_is_needed(tmp_path: Path) -> None:
    """As the kernel does when memory is short."""
    starts = tmp_path / "starts"
    bench = Bench(str(starts))
    os.kill(await bench.pid(), signal.SIGKILL)
    await until(lambda: bench.restarts == ["died"] and len(starts.read_bytes()) == 2)
    assert await bench.score("next") == 1
    await bench.runner.close()


@on_both_loops
async def test_a_process_that_is_gone_fails_like_one_that_dies_at_work() -> None:
    """Also where uvloop has an error of its own for a pipe that is closed."""
    process = await ModelProcess.start((sys.executable, "-c", ""))
    await process.child.wait()
    for _ in range(2):
        with pytest.raises(ClassifierFailed, match="died"):
            await process.judge(["text"], "")


@on_both_loops
async def test_a_process_that_hangs_is_killed_and_replaced() -> None:
    """By whoever gives it up."""
    bench = Bench()
    pid = await bench.pid()
    hanging = asyncio.ensure_future(bench.score("hang"))
    await asyncio.wait({hanging}, timeout=0.05)
    hanging.cancel()
    await bench.runner.reset()
    assert await bench.pid() != pid
    assert bench.restarts == ["stuck"]
    await bench.runner.close()


@on_both_loops
async def test_a_process_is_replaced_after_so_many_tasks() -> None:
    """While it still judges: nothing fails and nothing waits for the new one to load."""
    bench = Bench(tasks_per_worker_max=3)
    pids = [await bench.pid() for _ in range(3)]
    assert len(set(pids)) == 1
    scores = []
    while not bench.restarts:
        scores.append(await bench.score("more"))
    assert bench.restarts == ["renewed"]
    assert await bench.pid() != pids[0]
    await bench.runner.close()


@on_both_loops
async def test_a_model_that_cannot_be_loaded_is_tried_again_but_not_all_the_time(tmp_path: Path) -> None:
    """Tasks fail meanwhile, at once; when it can be loaded they are judged."""
    starts = tmp_path / "starts"
    bench = Bench(str(starts), window_tokens_max=102)
    await bench.runner.prepare()
    with pytest.raises(ClassifierFailed, match="not loaded"):
        await bench.score("too soon")
    assert starts.read_bytes() == b"."
    assert "not yet" in bench.log.lines[0]
    await asyncio.sleep(0)
    while True:
        try:
            assert await bench.score("at last") == 1
            break
        except ClassifierFailed:
            await asyncio.sleep(0.02)
    assert starts.read_bytes() == b".."
    await bench.runner.close()


@pytest.mark.parametrize(("how", "reason"), [(99, "TimeoutError"), (98, "died")])
@on_both_loops
async def test_a_process_that_never_gets_ready_is_given_up(how: int, reason: str) -> None:
    """One that loads for ever, one that dies in it; none is left behind, and it is told."""
    bench = Bench(window_tokens_max=how, load_ms_max=1_500)
    await bench.runner.prepare()
    with pytest.raises(ClassifierFailed, match="not loaded"):
        await bench.score("text")
    assert reason in bench.log.lines[0]
    await bench.runner.close()


@on_both_loops
async def test_no_interpreter_is_a_failure_like_any_other() -> None:
    """It is told, and tasks fail."""
    bench = Bench()
    bench.runner._command = ("/nowhere/python",)
    with pytest.raises(ClassifierFailed, match="not loaded"):
        await bench.score("text")
    assert "FileNotFoundError" in bench.log.lines[0]
    await bench.runner.close()


@on_both_loops
async def test_closing_while_a_model_loads_leaves_no_process() -> None:
    """The processor may be asked to end at any time."""
    bench = Bench(window_tokens_max=99)
    preparing = asyncio.ensure_future(bench.runner.prepare())
    await asyncio.sleep(0.05)
    await bench.runner.close()
    preparing.cancel()
    assert bench.runner._worker is None


PARENT = """
import asyncio, sys
from tests.unit.classifiers.test_process import Bench
async def main():
    print(await Bench().pid(), flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def test_a_process_ends_with_ours_however_that_ends() -> None:
    """Killed, ours can say nothing to it: the end of its input does."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=ROOT) as ours:
        assert ours.stdout is not None
        pid = int(ours.stdout.readline())
        os.kill(pid, 0)
        ours.kill()
    deadline_s = time.monotonic() + 20
    while _runs(pid) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    """Nobody may have been there to hear of its end: then it is a zombie."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
