"""What a worker does with each word of its supervisor."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from extproc._pb import ext_proc_pb2 as pb
from extproc.config.load import parse_document
from extproc.exchange.endpoint_loads import EndpointLoad
from extproc.server.operations.config_in_force import ConfigInForce
from extproc.server.operations.health import Health
from extproc.server.workers.link import Link, LinkBroken, Message
from extproc.server.workers.process import WorkerProcess
from tests.hangs import HANG_S
from tests.unit.rollouts import share_of
from tests.unit.server.envoy import CONFIG, PROMPT, chat_sent_on, request_body, request_headers, snapshot
from tests.unit.server.fakes import Wired
from tests.unit.server.loops import in_loop, until
from tests.unit.server.processes import ROOT


class Listening:
    """A transport that serves nobody, and says how it was ended."""

    def __init__(self) -> None:
        self.ended = ""
        self.at_once = asyncio.Event()

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self, drain_s: float, at_once: asyncio.Event) -> int:
        """One exchange had to be cancelled."""
        self.ended, self.at_once = "stopped", at_once
        return 1

    async def hand_over(self, drain_s: float, at_once: asyncio.Event) -> int:
        """None had to."""
        self.ended, self.at_once = "handed over", at_once
        return 0


class Working:
    """A worker, and the supervisor's end of its link."""

    def __init__(self, link: Link, supervisor: Link, prepared: Coroutine[Any, Any, Any] | None = None) -> None:
        self.wired, self.health, self.transport = Wired(snapshot()), Health(), Listening()
        self.supervisor = supervisor
        self.flushed = 0
        self.process = WorkerProcess(link, self.wired.processor, self.health, None, self._flush, 1)
        self.running = asyncio.create_task(self.process.run(self.transport, prepared or asyncio.sleep(0)))

    def _flush(self) -> None:
        self.flushed += 1

    async def says(self, kind: str) -> Message:
        """The next message, which is of that kind."""
        message = await self.supervisor.receive()
        assert message["kind"] == kind
        return message

    async def ends(self) -> None:
        """It comes to its end, and its side of the link with it."""
        await self.running
        with pytest.raises(LinkBroken):
            await self.supervisor.receive()


@asynccontextmanager
async def working() -> AsyncIterator[Working]:
    """It serves, and has said so."""
    ours, theirs = socket.socketpair()
    made = Working(await Link.open(ours), await Link.open(theirs))
    serving = await made.says("serving")
    assert serving["revision"] == made.wired.processor.snapshot.revision
    assert made.health.ready
    yield made
    made.supervisor.close()
    await made.running


@in_loop
async def test_asked_it_writes_down_what_it_counted_and_says_what_runs() -> None:
    """In that order, so that the page has what the answer stands for."""
    async with working() as worker:
        worker.wired.processor.open().receive(request_headers().SerializeToString())
        worker.supervisor.send("ask", number=7)
        answer = await worker.says("answer")
        assert (answer["number"], answer["inflight"], worker.flushed) == (7, 1, 1)


@in_loop
async def test_a_configuration_is_for_exchanges_that_begin_after_it() -> None:
    """As with one process; the answer names the revision that is now in force."""
    async with working() as worker:
        before = worker.wired.processor.open()
        before.receive(request_headers().SerializeToString())
        config = ConfigInForce(parse_document(CONFIG, "test"), {"prompt.txt": "Be verbose."})
        worker.supervisor.send("config", number=8, **config.to_message())
        answer = await worker.says("answer")
        assert answer["revision"] == worker.wired.processor.snapshot.revision == worker.health.revision
        after = worker.wired.processor.open()
        after.receive(request_headers().SerializeToString())
        for session, prompt in ((before, PROMPT), (after, "Be verbose.")):
            (reply,) = session.receive(request_body().SerializeToString()).messages
            assert chat_sent_on(pb.ProcessingResponse.FromString(reply))["messages"][0]["content"] == prompt


@in_loop
async def test_a_share_of_a_rollout_is_for_exchanges_that_begin_after_it() -> None:
    """Every worker gets it, with the configuration that it has."""
    price = "price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 }"
    canary = f"\n      v2: {{ weight: 0, served_model: next, {price} }}\nfilters:\n"
    document = parse_document(CONFIG.replace("\nfilters:\n", canary), "test")
    async with working() as worker:
        for number, (share, served) in enumerate([(0.0, "tiny-chat"), (1.0, "next")]):
            shares = (share_of(model="tiny-chat", stable="v1", canary="v2", share=share),)
            config = ConfigInForce(document, {"prompt.txt": PROMPT}, rollouts=shares)
            worker.supervisor.send("config", number=number, **config.to_message())
            await worker.says("answer")
            session = worker.wired.processor.open()
            session.receive(request_headers().SerializeToString())
            (reply,) = session.receive(request_body().SerializeToString()).messages
            assert chat_sent_on(pb.ProcessingResponse.FromString(reply))["model"] == served


@in_loop
async def test_what_a_model_server_says_is_known_to_picks() -> None:
    """The supervisor asks, and every worker knows: here that one of two cannot be reached."""
    endpoints = ("10.0.0.1:8000", "10.0.0.2:8000")
    async with working() as worker:
        picks = worker.wired.processor.picks
        for number, reachable in enumerate((False, True)):
            load = EndpointLoad(time.monotonic_ns(), reachable)
            worker.supervisor.send("endpoint_load", endpoint=endpoints[number], load=load)
        worker.supervisor.send("ask", number=7)
        await worker.says("answer")
        for number in range(10):
            pick = picks.pick("llama/v1", endpoints, [f"{number}" * 500], time.monotonic_ns())
            assert pick is not None
            assert pick.endpoint == endpoints[1]


@in_loop
async def test_addresses_of_names_are_known_to_picks() -> None:
    """The supervisor resolves, and every worker knows."""
    async with working() as worker:
        picks = worker.wired.processor.picks
        assert picks.pick("llama/v1", ("vllm:8000",), ["Hello"], 0) is None
        worker.supervisor.send("endpoint_addresses", endpoint="vllm:8000", addresses=["10.0.0.1:8000"])
        worker.supervisor.send("ask", number=7)
        await worker.says("answer")
        pick = picks.pick("llama/v1", ("vllm:8000",), ["Hello"], 0)
        assert pick is not None
        assert pick.endpoint == "10.0.0.1:8000"


@pytest.mark.parametrize(
    ("kind", "ended", "cancelled", "is_hurried"),
    [("drain", "stopped", 1, False), ("end", "stopped", 1, True), ("hand_over", "handed over", 0, False)],
)
@in_loop
async def test_it_ends_as_it_is_told_to(kind: str, ended: str, cancelled: int, is_hurried: bool) -> None:
    """Its last word is how many exchanges it cancelled; while it hands over, it turns nobody away."""
    async with working() as worker:
        worker.supervisor.send(kind)
        assert (await worker.says("stopped"))["cancelled"] == cancelled
        await worker.ends()
        assert (worker.transport.ended, worker.transport.at_once.is_set()) == (ended, is_hurried)
        assert worker.health.draining is (kind != "hand_over")
        assert worker.flushed == 1


@pytest.mark.parametrize("kind", ["drain", "end"])
@in_loop
async def test_it_ends_while_its_models_still_load(kind: str) -> None:
    """A model that hangs delays nobody who presses Ctrl-C."""
    ours, theirs = socket.socketpair()
    loading = asyncio.Event()
    worker = Working(await Link.open(ours), await Link.open(theirs), loading.wait())
    worker.supervisor.send(kind)
    await worker.says("serving")
    await worker.says("stopped")
    await worker.ends()
    assert not loading.is_set()


@in_loop
async def test_without_a_supervisor_it_ends_at_once() -> None:
    """Nobody would count, reload or end it any more."""
    async with working() as worker:
        worker.supervisor.close()
        await worker.running
        assert (worker.transport.ended, worker.transport.at_once.is_set()) == ("stopped", True)
        assert worker.process.is_orphaned


@in_loop
async def test_what_it_cannot_use_ends_it_rather_than_leave_it_behind() -> None:
    """A worker that was deaf from then on would serve an old configuration for ever; it drains, and another comes."""
    async with working() as worker:
        worker.supervisor.send("config", number=9, document={"models": {}}, prompts={}, certificates=None)
        await worker.says("stopped")
        await worker.ends()
        await until(lambda: worker.wired.log)
        (line,) = worker.wired.log
        assert (line["event"], line["error"]) == ("worker stops after an internal error", "ValidationError")


STANDING_STILL = """
import socket, sys, time
from extproc.server.workers import process as worker_process
worker_process.ORPHAN_S_MAX = 0.01
worker_process.end_with_supervisor(socket.socket(fileno=int(sys.argv[1])))
print("stands", flush=True)
time.sleep(60)
"""


def test_a_worker_that_stands_still_ends_with_its_supervisor_all_the_same() -> None:
    """It cannot read the link any more, so a thread watches it; what is sent does not end it."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", STANDING_STILL, str(theirs.fileno())]
    with ours, subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=ROOT, stdout=subprocess.PIPE) as process:
        theirs.close()
        assert process.stdout is not None
        assert process.stdout.readline() == b"stands\n"
        ours.sendall(b"a message")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1)
        ours.close()
        assert process.wait(HANG_S) == 1
