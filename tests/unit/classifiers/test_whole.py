"""The whole way: messages of Envoy in, a real process that judges, replies out and late findings counted."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from extproc._pb import ext_proc_pb2 as pb
from extproc.classifiers import process as module
from extproc.classifiers.process import ProcessRunner
from extproc.classifiers.router import ClassifierRouter
from extproc.domain.record import Outcome
from extproc.server.transport.session import Session
from extproc.sinks.metrics import Metrics
from tests.unit.classifiers.runners import FakeSink, in_new_loop, until
from tests.unit.classifiers.test_process import FAKE_WORKER, ROOT
from tests.unit.server.envoy import request_body, request_headers, response_body, response_headers, snapshot
from tests.unit.server.fakes import Wired
from tests.unit.server.transport.test_verdicts import CONFIG

AWAIT_MS = 20_000


class Whole:
    """A processor with a real pool behind it, and real metrics."""

    def __init__(self, await_ms: int) -> None:
        config = CONFIG.replace("AWAIT_MS", str(await_ms)) + "envoy: { message_timeout_ms: 60000 }\n"
        self.metrics, self.sink = Metrics(100), FakeSink()
        taken = snapshot(config=config)
        self.wired = Wired(taken, self.metrics)
        self.beside = ClassifierRouter(self.metrics, (self.sink,), self.wired.processor.logger)
        self.wired.processor._classifiers = self.beside
        self.wired.processor.snapshot = taken

    async def told(self, session: Session, *messages: pb.ProcessingRequest) -> list[pb.ProcessingResponse]:
        """Replies, as a transport gets them."""
        replies = []
        for message in messages:
            reply = session.receive(message.SerializeToString())
            if reply.waits:
                reply = await session.answered(reply.waits)
            assert reply.abort is None
            replies += [pb.ProcessingResponse.FromString(one) for one in reply.messages]
            session.settle()
        return replies

    def value(self, name: str, **labels: str) -> float:
        """A counter."""
        return self.metrics.registry.get_sample_value(name, labels) or 0


@asynccontextmanager
async def whole(monkeypatch: pytest.MonkeyPatch, await_ms: int = AWAIT_MS) -> AsyncIterator[Whole]:
    """With the obedient model in place of the packaged one."""
    monkeypatch.setenv("PYTHONPATH", ROOT)
    monkeypatch.setattr(module, "ProcessRunner", partial(ProcessRunner, command=(sys.executable, FAKE_WORKER)))
    made = Whole(await_ms)
    await made.beside.prepared(20)
    try:
        yield made
    finally:
        await made.beside.close(0)


@in_new_loop
async def test_a_request_is_judged_before_it_goes_on_and_its_answer_when_there_is_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The verdict on the answer comes when the exchange has ended, and is counted like any other."""
    async with whole(monkeypatch) as made:
        session = made.wired.processor.open()
        replies = await made.told(
            session, request_headers(), request_body("good"), response_headers(), response_body("bad")
        )
        kinds = [reply.WhichOneof("response") for reply in replies]
        assert kinds == ["request_headers", "request_body", "response_headers", "response_body"]
        await until(lambda: made.sink.found)
        session.closed()
        (late,) = made.sink.found
        assert (late.finding.kind, late.origin.exchange_id) == ("INJECTION", made.wired.records.all[0].id)
        labels: Mapping[str, str] = {"guard": "classifier", "direction": "response"}
        assert made.value("llm_guard_findings_total", kind="INJECTION", **labels) == 1
        assert made.value("llm_guard_verdicts_total", policy="default", action="flag", **labels) == 1
        of_request = {"policy": "default", "direction": "request", "outcome": "checked"}
        assert made.value("llm_guard_coverage_total", guard="classifier", **of_request) == 1
        assert made.value("llm_guard_coverage_total", guard="awaited", **of_request) == 1
        assert made.value("llm_guard_coverage_total", guard="classifier", **of_request | {"direction": "response"}) == 1
        # Three times texts were handed on or asked; the request's were the same twice.
        assert made.value("llm_classifier_seconds_count", classifier="harm") == 2
        assert made.value("llm_classifier_queue", classifier="harm") == 0


@in_new_loop
async def test_a_bad_request_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """And still judged beside, for whoever reviews it."""
    async with whole(monkeypatch) as made:
        session = made.wired.processor.open()
        replies = await made.told(session, request_headers(), request_body("bad"))
        assert replies[-1].immediate_response.status.code == 400
        assert made.wired.records.all[0].outcome is Outcome.REJECTED
        await until(lambda: made.sink.found)
        session.closed()


@in_new_loop
async def test_exchanges_are_answered_as_ever_when_nothing_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model hangs and the queue is full: no exchange waits for a turn of the event loop, and each is counted."""
    async with whole(monkeypatch) as made:
        config = CONFIG.replace("head: injection }", "head: injection, queue_max: 2 }")
        config = "\n".join(line for line in config.splitlines() if "awaited" not in line)
        made.wired.processor.snapshot = snapshot(config=config)
        messages = [request_headers(), request_body("hang"), response_headers(), response_body("good")]
        for _ in range(100):
            session = made.wired.processor.open()
            replies = [session.receive(message.SerializeToString()) for message in messages]
            assert [len(reply.messages) for reply in replies] == [1, 1, 1, 1]
            session.closed()
        assert made.value("llm_classifier_queue", classifier="harm") == 2
        assert made.value("llm_classifier_dropped_total", classifier="harm", reason="queue_full") == 200 - 2
        dropped = {"guard": "classifier", "policy": "default", "outcome": "skipped_dropped"}
        by_direction = [
            made.value("llm_guard_coverage_total", direction=direction, **dropped)
            for direction in ("request", "response")
        ]
        assert sum(by_direction) == 200 - 2
    assert made.value("llm_classifier_dropped_total", classifier="harm", reason="stopped") == 2


@pytest.mark.parametrize("text", ["die", "fault", "hang"])
@in_new_loop
async def test_a_model_that_fails_fails_closed_and_the_next_request_is_judged(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Its process dies, it raises, it takes too long: the client is told within the wait, and others are served."""
    async with whole(monkeypatch, await_ms=400 if text == "hang" else AWAIT_MS) as made:
        monkeypatch.setattr(ProcessRunner, "grace_s", 0.1)
        first = made.wired.processor.open()
        replies = await made.told(first, request_headers(), request_body(text))
        assert replies[-1].immediate_response.status.code == 500
        first.closed()
        while True:
            session = made.wired.processor.open()
            replies = await made.told(session, request_headers(), request_body("good"))
            session.closed()
            if replies[-1].WhichOneof("response") == "request_body":
                break
            await asyncio.sleep(0.05)
        reason = "deadline" if text == "hang" else "failed"
        assert made.value("llm_classifier_dropped_total", classifier="harm", reason=reason) >= 1
        restarts: dict[str, Any] = {"die": "died", "hang": "stuck"}
        if text in restarts:
            made.metrics.flush()
            assert made.value("llm_classifier_restarts_total", classifier="harm", reason=restarts[text]) >= 1
