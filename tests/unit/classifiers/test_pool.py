"""A pool never makes anybody wait: it takes a task or drops it, and tells of each exactly once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.classifiers.pool import ClassifierDropReason, Pool, Task
from tests.thorough import examples
from tests.unit.classifiers.runners import SECRET, FakeLog, FakeMetrics, FakeRunner, in_new_loop, until

SOON_S, LATE_S = 0.05, 20.0


class Bench:
    """A pool on fake runners, and what came of its tasks."""

    def __init__(self, runners: int = 1, queue_max: int = 100, queue_chars_max: int = 100_000) -> None:
        self.runners = [FakeRunner() for _ in range(runners)]
        self.metrics, self.log = FakeMetrics(), FakeLog()
        self.pool = Pool("fake", self.runners, queue_max, queue_chars_max, self.metrics, self.log)
        self.outcomes: dict[str, list[Any]] = {}
        self.pool.start()

    def take(self, text: str, within_s: float = LATE_S, is_awaited: bool = False) -> Task:
        """Bring a task of one text."""
        self.outcomes[text] = []
        deadline_s = asyncio.get_running_loop().time() + within_s
        task = Task([text], deadline_s, self.outcomes[text].append)
        self.pool.take(task, is_awaited)
        return task

    def outcome(self, text: str) -> Any:
        """What came of a text, which was told once; None if nothing was yet."""
        told: Sequence[Any] = self.outcomes[text]
        assert len(told) <= 1
        return told[0] if told else None


@in_new_loop
async def test_a_task_is_judged_and_measured() -> None:
    """Its scores come back, and the time that it took is counted."""
    bench = Bench()
    bench.take("bad")
    await until(lambda: bench.outcome("bad"))
    assert bench.outcome("bad") == [{"injection": 1.0}]
    assert (bench.metrics.took["fake"], bench.metrics.waiting, bench.metrics.room) == (1, [0, 1, 0], 100)
    await bench.pool.close(0)


@in_new_loop
async def test_a_full_queue_drops_at_once() -> None:
    """By number and by characters; what waits already is judged."""
    bench = Bench(queue_max=2, queue_chars_max=10)
    bench.take("wait")
    await until(lambda: bench.pool.waiting == 0)
    for text in ("one", "two", "three"):
        bench.take(text)
    assert bench.outcome("three") is ClassifierDropReason.QUEUE_FULL
    bench.runners[0].let_go.set()
    await until(lambda: bench.outcome("two"))
    bench.take("longer than ten")
    assert bench.outcome("longer than ten") is ClassifierDropReason.QUEUE_FULL
    assert bench.runners[0].judged == ["wait", "one", "two"]
    await bench.pool.close(0)


@in_new_loop
async def test_what_a_request_waits_for_goes_first() -> None:
    """A backlog of answers is no reason to keep a client waiting."""
    bench = Bench()
    bench.take("wait")
    await until(lambda: bench.pool.waiting == 0)
    bench.take("answer")
    bench.take("request", is_awaited=True)
    bench.runners[0].let_go.set()
    await until(lambda: bench.outcome("answer"))
    assert bench.runners[0].judged == ["wait", "request", "answer"]
    await bench.pool.close(0)


@in_new_loop
async def test_a_task_that_waited_too_long_is_not_judged() -> None:
    """Nobody wants to know any more."""
    bench = Bench()
    bench.take("wait")
    await until(lambda: bench.pool.waiting == 0)
    bench.take("late", within_s=0)
    bench.runners[0].let_go.set()
    await until(lambda: bench.outcome("late"))
    assert bench.outcome("late") is ClassifierDropReason.DEADLINE
    assert bench.runners[0].judged == ["wait"]
    await bench.pool.close(0)


@in_new_loop
async def test_a_task_that_was_given_up_is_not_judged() -> None:
    """The client has gone."""
    bench = Bench()
    bench.take("wait")
    await until(lambda: bench.pool.waiting == 0)
    bench.take("gone").give_up()
    bench.take("next")
    bench.runners[0].let_go.set()
    await until(lambda: bench.outcome("next"))
    assert (bench.outcome("gone"), bench.runners[0].judged) == (None, ["wait", "next"])
    await bench.pool.close(0)


@in_new_loop
async def test_a_runner_that_hangs_is_given_up_and_works_again() -> None:
    """The task is dropped at its deadline; the runner may finish for a while, and is then reset."""
    bench = Bench()
    bench.take("hang", within_s=SOON_S)
    bench.take("next")
    await until(lambda: bench.outcome("next"))
    assert bench.outcome("hang") is ClassifierDropReason.DEADLINE
    assert bench.runners[0].resets == 1
    await bench.pool.close(0)


@in_new_loop
async def test_a_runner_that_is_a_little_late_is_not_reset() -> None:
    """Loading a model anew takes longer than to wait."""
    bench = Bench()
    bench.runners[0].grace_s = LATE_S
    bench.take("wait", within_s=SOON_S)
    await until(lambda: bench.outcome("wait"))
    bench.runners[0].let_go.set()
    bench.take("next")
    await until(lambda: bench.outcome("next"))
    assert (bench.outcome("wait"), bench.runners[0].resets) == (ClassifierDropReason.DEADLINE, 0)
    await bench.pool.close(0)


@pytest.mark.parametrize("text", ["fail", "fault"])
@in_new_loop
async def test_a_failure_is_one_task_s(text: str) -> None:
    """It is told, without what an exception may quote, and the next task is judged."""
    bench = Bench()
    bench.take(text)
    bench.take("next")
    await until(lambda: bench.outcome("next"))
    assert bench.outcome(text) is ClassifierDropReason.FAILED
    assert len(bench.log.lines) == 1
    assert SECRET not in bench.log.lines[0]
    await bench.pool.close(0)


@in_new_loop
async def test_failures_in_a_row_are_one_line_of_the_log() -> None:
    """A server that is down must not drown it; each is counted by whoever brought it."""
    bench = Bench()
    for text in ("fail 1", "fail 2", "good", "fail 3"):
        bench.take(text)
    await until(lambda: bench.outcome("fail 3"))
    assert [bench.outcome(f"fail {number}") for number in (1, 2, 3)] == [ClassifierDropReason.FAILED] * 3
    assert len(bench.log.lines) == 2
    await bench.pool.close(0)


@in_new_loop
async def test_one_who_cannot_hear_the_outcome_stops_nothing() -> None:
    """A fault of a sink is not the pool's."""
    bench = Bench()

    def fail(_: object) -> None:
        raise ValueError(SECRET)

    bench.pool.take(Task(["deaf"], asyncio.get_running_loop().time() + LATE_S, fail), is_awaited=False)
    bench.take("next")
    await until(lambda: bench.outcome("next"))
    assert len(bench.log.lines) == 1
    assert SECRET not in bench.log.lines[0]
    await bench.pool.close(0)


@in_new_loop
async def test_closing_judges_what_waits_as_long_as_there_is_time() -> None:
    """And drops the rest, each of which is told."""
    bench = Bench()
    bench.take("first")
    await bench.pool.close(LATE_S)
    assert bench.outcome("first") == [{"injection": 0.0}]
    bench.take("after")
    assert bench.outcome("after") is ClassifierDropReason.STOPPED
    hurried = Bench()
    hurried.take("wait")
    hurried.take("behind")
    await hurried.pool.close(SOON_S)
    assert [hurried.outcome(text) for text in ("wait", "behind")] == [ClassifierDropReason.STOPPED] * 2
    assert hurried.runners[0].is_closed


@settings(max_examples=examples(50), deadline=None)
@given(
    st.lists(st.sampled_from(["good", "bad", "fail", "fault", "hang", "turn", "wait"]), min_size=1, max_size=40),
    st.integers(1, 3),
    st.integers(1, 8),
)
def test_each_task_is_told_of_once_and_the_queue_keeps_its_limit(
    kinds: list[str], runners: int, queue_max: int
) -> None:
    """Whatever comes in whatever order: taking never waits, the queue is bounded, and nothing is lost in silence."""

    async def play() -> None:
        bench = Bench(runners, queue_max)
        for number, kind in enumerate(kinds):
            if kind == "turn":
                await asyncio.sleep(0)
                continue
            bench.take(f"{number} {kind}", within_s=0.001 if kind == "hang" else LATE_S, is_awaited=number % 3 == 0)
            assert bench.pool.waiting <= queue_max
        for runner in bench.runners:
            runner.let_go.set()
        await bench.pool.close(LATE_S)
        outcomes = {text: bench.outcome(text) for text in bench.outcomes}
        assert None not in outcomes.values()
        judged = Counter(text for runner in bench.runners for text in runner.judged)
        assert judged == Counter(
            text for text, outcome in outcomes.items() if not isinstance(outcome, ClassifierDropReason)
        )

    asyncio.run(play())


@in_new_loop
async def test_an_exchange_is_never_slowed_by_a_full_queue() -> None:
    """Ten thousand tasks are brought without one turn of the event loop, to a pool that judges nothing."""
    bench = Bench(queue_max=10)
    bench.take("wait")
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    for number in range(10_000):
        bench.take(f"text {number}")
    assert turns == 0
    assert (
        sum(bench.outcome(f"text {number}") is ClassifierDropReason.QUEUE_FULL for number in range(10_000))
        >= 10_000 - 10
    )
    counting.cancel()
    bench.runners[0].let_go.set()
    await bench.pool.close(LATE_S)
