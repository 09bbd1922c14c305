"""The counting process as its owner sees it: one start for many questions, and another after it died or hung."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import pytest

from extproc.token_counting.process import CountingFailed, CountingProcess
from tests.unit.classifiers.runners import in_new_loop

FAKE_WORKER = str(Path(__file__).with_name("fake_worker.py"))


def fake(starts: Path, count_s_max: float = 60.0, worker: str = FAKE_WORKER) -> CountingProcess:
    """With the fake worker."""
    return CountingProcess((sys.executable, worker, str(starts)), count_s_max)


async def started_again(process: CountingProcess, tokenizers: dict[str, str]) -> None:
    """Load until that is possible again."""
    while True:
        with contextlib.suppress(CountingFailed):
            return await process.load(tokenizers)
        await asyncio.sleep(0.01)


@in_new_loop
async def test_one_process_counts_many(tmp_path: Path) -> None:
    """It is started by the first tokenizer, and ends with the last."""
    starts = tmp_path / "starts"
    process = fake(starts)
    await process.load({})
    assert not starts.exists()
    await process.load({"a": "1"})
    assert await process.count("a", [["four", "fi\nve\u2028"], []]) == [10, 0]
    await process.load({"b": "1", "a": "2"})
    assert await process.count("b", [["four"]]) == [4]
    assert starts.read_text() == "start\n"
    await process.load({})
    with pytest.raises(CountingFailed, match="the process does not run"):
        await process.count("b", [["four"]])


@pytest.mark.parametrize(("word", "count_s_max"), [("die", 60.0), ("hang", 0.05)])
@in_new_loop
async def test_one_that_dies_or_hangs_is_started_again(tmp_path: Path, word: str, count_s_max: float) -> None:
    """After a pause that grows, until one counts."""
    process = fake(tmp_path / "starts", count_s_max)
    await process.load({"a": "1"})
    with pytest.raises(CountingFailed, match=r"^the process died, or did not answer in time$"):
        await process.count("a", [[word]])
    with pytest.raises(CountingFailed, match=r"^the process is not started yet again$"):
        await process.load({"a": "1"})
    process._count_s_max = 60.0  # only what hangs is to be late
    await started_again(process, {"a": "1"})
    assert await process.count("a", [["four"]]) == [4]
    assert (tmp_path / "starts").read_text() == "start\nstart\n"
    await process.close()


@in_new_loop
async def test_refusals_leave_it_running(tmp_path: Path) -> None:
    """Of a text, and of a file: the others are counted."""
    process = fake(tmp_path / "starts")
    await process.load({"a": "1"})
    with pytest.raises(CountingFailed, match=r"^TypeError$"):
        await process.count("a", [["refuse"]])
    with pytest.raises(CountingFailed, match=r"^no tokenizer$"):
        await process.load({"a": "1", "bad": "1"})
    assert await process.count("a", [["four"]]) == [4]
    assert (tmp_path / "starts").read_text() == "start\n"
    await process.close()


@in_new_loop
async def test_a_question_that_is_cancelled_ends_it(tmp_path: Path) -> None:
    """Its late answer would be taken for that of the next one."""
    process = fake(tmp_path / "starts")
    await process.load({"a": "1"})
    asking = asyncio.ensure_future(process.count("a", [["hang"]]))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    with pytest.raises(CountingFailed, match="the process does not run"):
        await process.count("a", [["four"]])


@in_new_loop
async def test_one_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    """The reason is the system's."""
    process = CountingProcess((str(tmp_path / "gone"),))
    with pytest.raises(CountingFailed, match="no such file or directory"):
        await process.load({"a": "1"})
    await process.close()
