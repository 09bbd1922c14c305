"""A request that waits for a verdict, on both transports: its stream waits in order, every other one goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc
import pytest

from extproc.config.classifiers import Classifier
from extproc.domain.classification import BlockingCheck, ClassificationJob
from extproc.domain.finding import Finding
from extproc.domain.record import Coverage, Outcome
from extproc.exchange.events import VerdictMissing, VerdictReceived
from extproc.exchange.snapshot import Snapshot
from extproc.server.transport.processor import Processor
from tests.unit.server.clients import say
from tests.unit.server.envoy import (
    request_body,
    request_headers,
    response_body,
    response_headers,
    snapshot,
)
from tests.unit.server.fakes import SECRET
from tests.unit.server.loops import in_loop, until
from tests.unit.server.transport import test_transports as transports
from tests.unit.server.transport.test_transports import listen, serving, transport  # noqa: F401  # fixtures

CONFIG = """
models:
  tiny-chat:
    versions:
      v1:
        weight: 1
        price: { prompt_micro_usd_per_mtok: 1000000, completion_micro_usd_per_mtok: 2000000 }
classifiers:
  harm: { adapter: packaged, head: injection }
policies:
  - name: default
    guards:
      - { guard: classifier, name: awaited, classifier: harm, on: request, action: block, await_ms: AWAIT_MS }
      - { guard: classifier, classifier: harm }
filters:
  - filter: version
  - filter: guards
  - filter: meter
"""
HARM = Finding("HARM", 0, 3, 0.9, "classifier.harm")


class FakeJudge:
    """Answers when it is told to; objects to texts that hold ``bad``."""

    def __init__(self) -> None:
        self.asked: list[BlockingCheck] = []
        self.let_go = asyncio.Event()
        self.given_up = 0
        self.jobs: list[ClassificationJob] = []
        self.used: list[list[str]] = []

    def configure(self, classifiers: Mapping[str, Classifier]) -> None:
        """Note the names."""
        self.used.append(list(classifiers))

    def submit(self, job: ClassificationJob) -> None:
        """Keep it; one of its texts is a fault."""
        self.jobs.append(job)
        if any("fault beside" in text.text for text in job.texts):
            raise ValueError(SECRET)

    async def check(self, check: BlockingCheck) -> VerdictReceived | VerdictMissing:
        """Wait until let go."""
        self.asked.append(check)
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        text = check.texts[0].text
        if "fault" in text:
            raise ValueError(SECRET)
        return (
            VerdictMissing(check, "queue_full")
            if "full" in text
            else VerdictReceived(check, [(check.texts[0], HARM)] if "bad" in text else [])
        )


def asking(await_ms: int = 10_000) -> Snapshot:
    """The configuration above."""
    config = CONFIG.replace("AWAIT_MS", str(await_ms)) + "envoy: { message_timeout_ms: 60000 }\n"
    return snapshot(config=config)


def with_judge(served: Any, await_ms: int = 10_000) -> FakeJudge:
    """A server's processor, put in force with a judge."""
    judge = FakeJudge()
    processor: Processor = served.wired.processor
    processor._classifiers = judge
    processor.snapshot = asking(await_ms)
    return judge


@in_loop
async def test_a_request_waits_and_other_streams_do_not(listen: str) -> None:  # noqa: F811
    """While one waits, another on the same connection is answered to its end; then the first goes on."""
    async with serving(listen) as served:
        judge = with_judge(served)
        judge.let_go.set()
        call, late = served.exchange(), served.exchange()
        await say(call, request_headers(), request_body("first"))
        judge.let_go.clear()
        await say(late, request_headers())
        await late.write(request_body("second"))
        await until(lambda: len(judge.asked) == 2)
        assert len(await say(call, response_headers(), response_body())) == 2
        judge.let_go.set()
        assert (await late.read()).WhichOneof("response") == "request_body"


@in_loop
async def test_replies_of_a_stream_keep_their_order(listen: str) -> None:  # noqa: F811
    """What Envoy sends while the verdict is awaited is answered behind it."""
    async with serving(listen) as served:
        judge = with_judge(served)
        call = served.exchange()
        await say(call, request_headers())
        for message in (request_body("good"), response_headers(), response_body()):
            await call.write(message)
        await until(lambda: judge.asked)
        assert served.wired.steps == ["request_headers", "request_body"]
        judge.let_go.set()
        kinds = [(await call.read()).WhichOneof("response") for _ in range(3)]
        assert kinds == ["request_body", "response_headers", "response_body"]


@in_loop
async def test_a_stream_that_is_half_closed_while_it_waits_gets_its_reply(listen: str) -> None:  # noqa: F811
    """Envoy says no more, and may still read."""
    async with serving(listen) as served:
        judge = with_judge(served)
        call = served.exchange()
        await say(call, request_headers())
        await call.write(request_body("good"))
        await call.done_writing()
        await until(lambda: judge.asked)
        judge.let_go.set()
        assert (await call.read()).WhichOneof("response") == "request_body"
        assert await call.code() is grpc.StatusCode.OK
        await until(lambda: served.wired.processor.inflight == 0)
        assert [record.outcome for record in served.wired.records.all] == [Outcome.ABORTED]


@pytest.mark.parametrize("size", [1, 50_000])
@in_loop
async def test_a_request_is_refused_by_its_verdict(listen: str, size: int) -> None:  # noqa: F811
    """Also one so large that it is taken in a thread."""
    async with serving(listen) as served:
        with_judge(served).let_go.set()
        call = served.exchange()
        _, reply = await say(call, request_headers(), request_body("bad " * size))
        assert reply.immediate_response.status.code == 400
        await call.done_writing()
        await until(lambda: served.wired.records.all)
        (record,) = served.wired.records.all
        assert (record.outcome, record.verdicts) == (Outcome.REJECTED, {("awaited", "request", "block"): 1})


@pytest.mark.parametrize("text", ["full", "fault", "slow"])
@in_loop
async def test_no_verdict_is_a_failure_that_is_told(listen: str, text: str) -> None:  # noqa: F811
    """A full queue, a fault of the classifier, one that takes too long: fails closed, and no text shows."""
    async with serving(listen) as served:
        judge = with_judge(served, await_ms=30 if text == "slow" else 10_000)
        if text != "slow":
            judge.let_go.set()
        call = served.exchange()
        _, reply = await say(call, request_headers(), request_body(text))
        assert reply.immediate_response.status.code == 500
        await until(lambda: served.wired.records.all)
        (record,) = served.wired.records.all
        assert (record.outcome, record.reason) == (Outcome.FAILED, "guard_failed")
        assert record.coverage["awaited", "request", Coverage.FAILED_CLOSED] == 1
        assert judge.given_up == (text == "slow")
        assert SECRET not in served.wired.stream.getvalue()


@pytest.mark.parametrize("size", [1, 50_000])
@in_loop
async def test_a_client_that_leaves_gives_up_its_ask(listen: str, size: int) -> None:  # noqa: F811
    """At once, so that no worker judges for nobody; measured once."""
    async with serving(listen) as served:
        judge = with_judge(served)
        call = served.exchange()
        await say(call, request_headers())
        await call.write(request_body("word " * size))
        await until(lambda: judge.asked)
        call.cancel()
        await until(lambda: served.wired.processor.inflight == 0)
        await until(lambda: judge.given_up == 1)
        (record,) = served.wired.records.all
        assert record.outcome is Outcome.ABORTED


@in_loop
async def test_a_drain_waits_for_a_verdict(listen: str) -> None:  # noqa: F811
    """A request that waits is an exchange that runs; when the time is over it is cancelled and measured."""
    async with serving(listen) as served:
        judge = with_judge(served)
        call = served.exchange()
        await say(call, request_headers())
        await call.write(request_body("good"))
        await until(lambda: judge.asked)
        assert await served.drain(0.05) == 1
        assert (judge.given_up, served.wired.processor.inflight) == (1, 0)
        assert [record.outcome for record in served.wired.records.all] == [Outcome.ABORTED]


@in_loop
async def test_texts_are_handed_on_once_the_replies_are_sent(listen: str) -> None:  # noqa: F811
    """The request's and the answer's; a fault of the judge fails no exchange."""
    async with serving(listen) as served:
        judge = with_judge(served)
        judge.let_go.set()
        call = served.exchange()
        messages = [request_headers(), request_body("good"), response_headers()]
        await say(call, *messages, response_body("fault beside"))
        await until(lambda: len(judge.jobs) == 2)
        assert [[text.text for text in each.texts] for each in judge.jobs] == [["good"], ["fault beside"]]
        await until(lambda: served.wired.records.all)
        assert served.wired.records.all[0].outcome is Outcome.COMPLETED
        assert [line["event"] for line in served.wired.log] == ["classifier failed"]
        assert SECRET not in served.wired.stream.getvalue()


@in_loop
async def test_a_new_configuration_brings_its_classifiers(listen: str) -> None:  # noqa: F811
    """They are there before an exchange can ask for them."""
    async with serving(listen) as served:
        judge = with_judge(served)
        served.wired.processor.snapshot = snapshot()
        assert judge.used == [["harm"], []]


def test_every_test_is_of_both_transports() -> None:
    """The fixture that chooses one is that of the other tests."""
    assert transports.transport is transport
