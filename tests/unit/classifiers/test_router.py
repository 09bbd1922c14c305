"""What exchanges hand on or ask reaches the classifier they name, and everything that comes of it is counted."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import Any

import pytest

from extproc.classifiers import process as module
from extproc.classifiers.router import ClassifierRouter
from extproc.config.classifiers import Classifier, ModerationsClassifier, PackagedClassifier
from extproc.domain.classification import (
    BlockingCheck,
    ClassificationJob,
    FindingsSink,
    LateFinding,
    Origin,
    SpokenText,
)
from extproc.domain.record import Action, Coverage
from extproc.domain.rollouts import Arm, RolloutArm
from extproc.domain.text import Direction, Speaker
from extproc.exchange.events import VerdictMissing, VerdictReceived
from tests.unit.classifiers.runners import SECRET, FakeLog, FakeMetrics, FakeRunner, FakeSink, in_new_loop, until

ORIGIN = Origin("exchange-1", "chat", "red", "apollo", "default", None)
ARM = RolloutArm("r1", 1, Arm.CANARY, 7)


class BrokenSink:
    """A sink that fails, with a text in its message."""

    def found_late(self, finding: LateFinding) -> None:
        """Fail."""
        raise OSError(SECRET)


def classifier(**section: Any) -> Classifier:
    """A section; its runners are fakes."""
    return PackagedClassifier.model_validate({"adapter": "packaged", "head": "injection", **section})


def job(*texts: str, sampled_out: bool = False, name: str = "abuse", **fields: Any) -> ClassificationJob:
    """Texts of an answer."""
    spoken = tuple(SpokenText(Speaker.ASSISTANT, text) for text in texts)
    return ClassificationJob(
        ORIGIN, "guard", name, Direction.RESPONSE, Action.FLAG, spoken, sampled_out=sampled_out, **fields
    )


def check(text: str, wait_ms: int = 20_000, name: str = "abuse") -> BlockingCheck:
    """A request that waits."""
    return BlockingCheck("guard", name, (SpokenText(Speaker.USER, text),), wait_ms)


class Bench:
    """All classifiers, on fake runners."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *sinks: FindingsSink, **section: Any) -> None:
        self.runners: list[FakeRunner] = []
        self.metrics, self.log, self.sink = FakeMetrics(), FakeLog(), FakeSink()

        def runner(*_: object) -> FakeRunner:
            self.runners.append(FakeRunner())
            return self.runners[-1]

        monkeypatch.setattr(module, "ProcessRunner", runner)
        self.judgments = list[tuple[RolloutArm, bool]]()
        self.router = ClassifierRouter(self.metrics, (*sinks, self.sink), self.log, self)
        self.router.configure({"abuse": classifier(**section)})

    def judged(self, arm: RolloutArm, is_bad: bool) -> None:
        """What is said of an answer of a rollout."""
        self.judgments.append((arm, is_bad))


@in_new_loop
async def test_answers_of_a_rollout_are_told_by_their_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Good ones too, as each is counted; requests, and what was not judged, are not."""
    bench = Bench(monkeypatch)
    of_rollout = replace(job("good"), origin=ORIGIN._replace(arm=ARM))
    bench.router.submit(of_rollout)
    bench.router.submit(replace(of_rollout, texts=job("good", "bad").texts))
    bench.router.submit(replace(of_rollout, direction=Direction.REQUEST))
    bench.router.submit(replace(of_rollout, sampled_out=True))
    bench.router.submit(job("bad"))
    await until(lambda: len(bench.metrics.judged) == 5)
    assert sorted(bench.judgments) == [(ARM, False), (ARM, True)]
    await bench.router.close(0)


@in_new_loop
async def test_late_findings_are_counted_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With whom they are of; one sink that fails does not keep them from the others, and no text shows."""
    bench = Bench(monkeypatch, BrokenSink())
    bench.router.submit(job("bad", "good", covers=Coverage.SKIPPED_INCOMPLETE))
    await until(lambda: bench.metrics.judged)
    ((_, kinds, coverage),) = bench.metrics.judged
    assert (kinds, coverage) == ({"INJECTION": 1}, Coverage.SKIPPED_INCOMPLETE)
    (late,) = bench.sink.found
    assert (late.origin, late.guard, late.speaker, late.text) == (ORIGIN, "guard", Speaker.ASSISTANT, "bad")
    assert (late.finding.kind, late.finding.score, late.action) == ("INJECTION", 1.0, Action.FLAG)
    assert "bad" not in repr(late)
    assert len(bench.log.lines) == 1
    assert SECRET not in bench.log.lines[0]
    await bench.router.close(0)


@pytest.mark.parametrize(
    ("text", "reason", "coverage"),
    [
        ("fail", "failed", Coverage.FAILED_OPEN),
        ("hang", "deadline", Coverage.SKIPPED_DROPPED),
        ("full", "queue_full", Coverage.SKIPPED_DROPPED),
        ("sampled out", "sampled_out", Coverage.SKIPPED_SAMPLED_OUT),
        ("unknown", "failed", Coverage.FAILED_OPEN),
    ],
)
@in_new_loop
async def test_what_is_not_judged_is_counted_by_its_reason(
    monkeypatch: pytest.MonkeyPatch, text: str, reason: str, coverage: Coverage
) -> None:
    """Pitfall 18: nothing is left out in silence."""
    bench = Bench(monkeypatch, deadline_ms=50 if text == "hang" else 20_000, queue_max=1)
    if text == "full":
        bench.router.submit(job("wait"))
    name = "gone" if text == "unknown" else "abuse"
    bench.router.submit(job(text, sampled_out=text == "sampled out", name=name))
    await until(lambda: bench.metrics.dropped)
    assert bench.metrics.dropped == {(name, reason): 1}
    assert [(kinds, covered) for _, kinds, covered in bench.metrics.judged] == [({}, coverage)]
    await bench.router.close(0)


@in_new_loop
async def test_an_answer_is_judged_against_its_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait with it: together they are not more than may wait."""
    bench = Bench(monkeypatch, queue_chars_max=1_000)
    bench.router.submit(job("good", context="what is known"))
    bench.router.submit(job("good", context="known " * 200))
    await until(lambda: len(bench.metrics.judged) == 2)
    assert bench.runners[0].contexts == ["what is known"]
    assert bench.metrics.dropped == {("abuse", "queue_full"): 1}
    assert "known" not in repr(job("good", context="what is known"))
    await bench.router.close(0)


@pytest.mark.parametrize("text", ["good", "bad"])
@in_new_loop
async def test_an_ask_is_answered(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The exchange counts the finding itself."""
    bench = Bench(monkeypatch)
    asked = check(text)
    verdict = await bench.router.check(asked)
    assert isinstance(verdict, VerdictReceived)
    assert verdict.check is asked
    assert [finding.kind for _, finding in verdict.found] == (["INJECTION"] if text == "bad" else [])
    assert bench.metrics.judged == []
    await bench.router.close(0)


@pytest.mark.parametrize(
    ("text", "reason"), [("fail", "failed"), ("hang", "deadline"), ("full", "queue_full"), ("unknown", "failed")]
)
@in_new_loop
async def test_an_ask_that_is_not_answered_expires_by_its_reason(
    monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    """At once where it can be known at once, and counted."""
    bench = Bench(monkeypatch, queue_max=1)
    if text == "full":
        bench.router.submit(job("wait"))
    name = "gone" if text == "unknown" else "abuse"
    asked = check(text, 50 if text == "hang" else 20_000, name)
    verdict = await bench.router.check(asked)
    assert isinstance(verdict, VerdictMissing)
    assert (verdict.check is asked, verdict.reason) == (True, reason)
    assert bench.metrics.dropped == {(name, reason): 1}
    await bench.router.close(0)


@in_new_loop
async def test_an_ask_that_is_given_up_is_never_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client has gone; neither is it counted as dropped."""
    bench = Bench(monkeypatch)
    bench.router.submit(job("wait"))
    await asyncio.sleep(0.01)
    asking = asyncio.ensure_future(bench.router.check(check("gone")))
    await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.wait({asking})
    bench.runners[0].let_go.set()
    bench.router.submit(job("next"))
    await until(lambda: len(bench.metrics.judged) == 2)
    assert (bench.runners[0].judged, bench.metrics.dropped) == (["wait", "next"], {})
    await bench.router.close(0)


@in_new_loop
async def test_a_message_that_was_judged_is_not_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each turn of a conversation sends all of it: only what is new is judged, and old findings are found again."""
    bench = Bench(monkeypatch)
    turns = [("bad",), ("bad", "good"), ("bad", "good", "bad", "more"), ("bad", "good")]
    found = []
    for turn in turns:
        asked = BlockingCheck("guard", "abuse", tuple(SpokenText(Speaker.USER, text) for text in turn), 20_000)
        verdict = await bench.router.check(asked)
        assert isinstance(verdict, VerdictReceived)
        found.append(len(verdict.found))
    assert found == [1, 1, 2, 1]
    assert bench.runners[0].judged == ["bad", "good", "more"]
    request = replace(job("more", "bad"), direction=Direction.REQUEST)
    bench.router.submit(request)
    assert [kinds for _, kinds, _ in bench.metrics.judged] == [{"INJECTION": 1}]
    bench.router.submit(job("bad"))
    await until(lambda: len(bench.metrics.judged) == 2)
    assert bench.runners[0].judged == ["bad", "good", "more", "bad"]
    await bench.router.close(0)


@in_new_loop
async def test_a_library_that_is_missing_fails_texts_and_no_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told which extra to install; other classifiers work."""
    monkeypatch.setitem(sys.modules, "extproc.classifiers.http", None)
    bench = Bench(monkeypatch)
    remote = ModerationsClassifier.model_validate_json('{"adapter":"moderations","url":"http://x","labels":["a"]}')
    bench.router.configure({"remote": remote, "abuse": classifier()})
    verdict = await bench.router.check(check("text", name="remote"))
    assert isinstance(verdict, VerdictMissing)
    assert verdict.reason == "failed"
    assert "llm-extproc[http]" in bench.log.lines[0]
    assert isinstance(await bench.router.check(check("good")), VerdictReceived)
    await bench.router.close(0)


@in_new_loop
async def test_the_start_waits_for_models_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that loads for ever keeps nobody from serving."""

    async def never(_: FakeRunner) -> None:
        await asyncio.Event().wait()

    bench = Bench(monkeypatch)
    await bench.router.prepared(20)
    monkeypatch.setattr(FakeRunner, "prepare", never)
    bench.router.configure({"abuse": classifier(), "slow": classifier()})
    await bench.router.prepared(0.02)
    await bench.router.close(0)


@in_new_loop
async def test_a_new_configuration_keeps_what_did_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model is not loaded again for nothing; one that changed judges what waits, and ends."""
    bench = Bench(monkeypatch, workers=2)
    bench.router.configure({"abuse": classifier(workers=2), "other": classifier()})
    assert len(bench.runners) == 3
    bench.router.submit(job("wait"))
    await asyncio.sleep(0.01)
    bench.router.configure({"other": classifier()})
    bench.router.submit(job("for the new one"))
    assert bench.metrics.dropped == {("abuse", "failed"): 1}
    for runner in bench.runners:
        runner.let_go.set()
    await until(lambda: [runner.is_closed for runner in bench.runners] == [True, True, False])
    assert "wait" in bench.runners[0].judged + bench.runners[1].judged
    await bench.router.close(0)
    assert bench.runners[2].is_closed
