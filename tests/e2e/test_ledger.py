"""The ledger behind a real Envoy: how exchanges end, and that kills lose none. `make ledger-faults` kills far more."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Gate, Scripted
from extproc.demo.seen import Request
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.schema import ENTRIES
from extproc.ledger.store import LedgerStore, entry_of
from tests.e2e.asking import CHAT
from tests.e2e.harness import Answer, Stack, require_envoy, wait_until
from tests.e2e.ledger_load import ID_HEADER, with_ledger
from tests.e2e.scripted_models import Reset
from tests.tools.ledger_faults import run

pytestmark = pytest.mark.once

SSE = (("content-type", "text/event-stream"),)


def event(text: str, finish: str | None = None) -> bytes:
    """One event of a streamed chat."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"


class LedgerModels:
    """Model servers that do what the test says: by default they answer."""

    def __init__(self) -> None:
        self.answer: Any = None
        self.servers = {name: ModelServer(name, respond=self._respond, speed=0) for name in ("v1", "v2")}

    def _respond(self, _: Request) -> Any:
        return self.answer


@pytest.fixture(scope="module")
def models() -> LedgerModels:
    """Of the installation."""
    return LedgerModels()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, models: LedgerModels) -> Iterator[Stack]:
    """With a ledger that has refused requests too."""
    require_envoy()
    change = with_ledger("sqlite:///ledger.db", refused=True)
    with Stack(tmp_path_factory.mktemp("ledger"), models=models.servers, change=change) as stack:
        yield stack


@pytest.fixture
def stack(running: Stack, models: LedgerModels) -> Stack:
    """It answers at first."""
    models.answer = None
    return running


def chat(stack: Stack, *options: str, **more: Any) -> Answer:
    """One chat."""
    body = {"model": "tiny-chat", "messages": [{"role": "user", "content": "Hello"}], **more}
    return stack.curl(CHAT, "-H", "x-team: search", *options, body=body)


def entries(stack: Stack) -> list[LedgerEntry]:
    """All of them, in order."""
    store = LedgerStore("sqlite:///ledger.db", stack.directory)
    found = [entry_of(row) for row in store.rows(select(ENTRIES).order_by(ENTRIES.c.number))]
    store.close()
    return found


def newest(stack: Stack, before: int) -> LedgerEntry:
    """The only one that was stored since."""
    found = wait_until(lambda: entries(stack)[before:], "an entry is stored")
    (one,) = found
    return one


def test_an_answer_and_its_entry_have_one_id(stack: Stack) -> None:
    """Streamed or not: tokens as reported, and the bytes of the server."""
    for streamed in (False, True):
        before = len(entries(stack))
        answer = chat(stack, stream=streamed)
        entry = newest(stack, before)
        assert (answer.status, entry.exchange) == (200, answer.headers[ID_HEADER])
        assert (entry.outcome, entry.streamed, entry.team, entry.status) == ("completed", streamed, "search", 200)
        assert (entry.prompt_tokens_source, entry.completion_tokens_source) == ("reported", "reported")
        assert (entry.first_token_at_us is not None) is streamed
        assert entry.finish_reasons == ("length",)
        assert entry.response_bytes > 100
        assert entry.cost_micro_usd > 0


def test_a_client_that_leaves_in_mid_answer(stack: Stack, models: LedgerModels) -> None:
    """Its tokens so far are estimated, and billed."""
    gate = Gate()
    models.answer = Scripted(200, SSE, [event("Once upon a time "), gate, event("", "stop"), b"data: [DONE]\n\n"])
    before = len(entries(stack))
    client = _curl(stack, stream=True)
    assert client.stdout is not None
    assert b"Once" in client.stdout.readline()
    client.kill()
    client.wait()
    entry = newest(stack, before)
    gate.open()
    assert (entry.outcome, entry.completion_tokens_source) == ("aborted", "estimated")
    assert entry.completion_tokens > 0 < entry.cost_micro_usd


def test_a_client_that_leaves_before_the_answer(stack: Stack, models: LedgerModels) -> None:
    """A model server has its request."""
    gate = Gate()
    models.answer = Scripted(200, SSE, [gate])
    before, seen = len(entries(stack)), sum(len(one.seen) for one in stack.models.values())
    client = _curl(stack)
    wait_until(lambda: sum(len(one.seen) for one in stack.models.values()) > seen, "the model has the request")
    client.kill()
    client.wait()
    entry = newest(stack, before)
    gate.open()
    assert entry.outcome in ("client_left", "aborted")
    assert entry.sent_at_us is not None


def _curl(stack: Stack, **more: Any) -> subprocess.Popen[bytes]:
    body = json.dumps({"model": "tiny-chat", "messages": [{"role": "user", "content": "Hello"}], **more})
    command = ["curl", "-sN", "-H", "content-type: application/json", "--data-binary", body, stack.base_url + CHAT]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_a_model_server_that_dies_before_its_answer(stack: Stack, models: LedgerModels) -> None:
    """Envoy says so in place of it."""
    models.answer = Reset()
    before = len(entries(stack))
    answer = chat(stack)
    entry = newest(stack, before)
    assert answer.status == 503
    assert (entry.outcome, entry.status) == ("upstream_died", 503)
    assert (entry.prompt_tokens, entry.completion_tokens) == (0, 0)


def test_a_model_server_that_cannot_be_reached(stack: Stack) -> None:
    """No model had the request."""
    before = len(entries(stack))
    for server in stack.models.values():
        server.stop()
    try:
        answer = chat(stack)
    finally:
        for server in stack.models.values():
            server.start()
    entry = newest(stack, before)
    assert (answer.status, entry.outcome, entry.prompt_tokens) == (503, "unreachable", 0)


def test_a_request_that_is_refused(stack: Stack) -> None:
    """It has an entry where that is asked for, with zero tokens and the code that its client got."""
    before = len(entries(stack))
    answer = chat(stack, model="nobody's secret model")
    entry = newest(stack, before)
    assert (answer.status, entry.outcome, entry.status) == (404, "refused", 404)
    assert (entry.reason, entry.prompt_tokens, entry.sent_at_us) == (answer.document["error"]["code"], 0, None)
    assert entry.model_asked == ""


def test_kills_lose_nothing(tmp_path: Path) -> None:
    """One of the processor and one of the shipper, under load."""
    require_envoy()
    faults = run(tmp_path, "sqlite:///ledger.db", workers=1, kills=2, undisturbed=15, between=4)
    assert (faults.missing, faults.wrong) == ([], [])
    assert faults.complete > 20
    assert faults.kills == {"processor": 1, "shipper": 1}
