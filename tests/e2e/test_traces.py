"""Spans behind a real Envoy: whose trace it is, at the model server too; streams; attempts of a fallback; aborts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Scripted
from extproc.demo.seen import Request
from tests.e2e.apis import CHAT, JSON_TYPE, SSE_TYPE
from tests.e2e.harness import Stack, free_ports, require_envoy, wait_until
from tests.unit.tracing.collector import Collector, collecting, values

pytestmark = pytest.mark.once

TEXT = "Good morning to all of you."
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACED = ("-H", f"traceparent: 00-{TRACE}-{PARENT}-01", "-H", "tracestate: vendor=1")
OF_STREAMS = {"gen_ai.request.stream", "gen_ai.response.time_to_first_chunk"}


def answer(request: Request) -> Scripted:
    """What the model server says; the stream of who asks for it breaks off."""
    if request.document.get("stream"):
        head = CHAT.head() + CHAT.delta(TEXT)
        if "break" in json.dumps(request.document["messages"]):
            return Scripted(200, (SSE_TYPE,), [head + CHAT.delta(TEXT * 40), CHAT.delta(TEXT)], 0.2, "close_abruptly")
        return Scripted(200, (SSE_TYPE,), [head, CHAT.tail(TEXT)])
    body = json.dumps(CHAT.answer(TEXT)).encode()
    return Scripted(200, (JSON_TYPE, ("content-length", str(len(body)))), [body])


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """It runs."""
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    """One model server that answers."""
    with ModelServer("v1", respond=answer, speed=0) as running:
        yield running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, server: ModelServer, collector: Collector) -> Iterator[Stack]:
    """A gateway that traces; `falling` has a version whose server is gone."""
    require_envoy()
    (refused,) = free_ports(1)

    def change(data: dict[str, Any]) -> None:
        data["otel"] = {"endpoint": collector.endpoint}
        price = data["models"]["tiny-chat"]["versions"]["v1"]["price"]

        def versions(*ports: int) -> dict[str, Any]:
            return {
                f"v{number}": {"weight": int(number == 1), "endpoints": [f"127.0.0.1:{port}"], "price": price}
                for number, port in enumerate(ports, 1)
            }

        data["models"] = {
            "plain": {"versions": versions(server.port)},
            "falling": {"versions": versions(refused, server.port), "fallback": {"to": ["v2"]}},
        }

    with Stack(tmp_path_factory.mktemp("traces"), models={}, change=change) as stack:
        yield stack


@pytest.fixture
def stack(running: Stack, server: ModelServer, collector: Collector) -> Stack:
    """The gateway; nothing was seen yet."""
    server.seen.clear()
    collector.traces.clear()
    return running


def ask(stack: Stack, model: str, *, stream: bool = False, text: str = "Hello") -> Any:
    """One request of a client that traces."""
    return stack.curl(CHAT.path, *TRACED, body={**CHAT.request(text, stream=stream), "model": model})


def spans_of(collector: Collector, count: int = 3) -> dict[str, Span]:
    """Those of one exchange, by name."""
    wait_until(lambda: len(collector.spans) >= count, "the spans have come")
    assert len(collector.spans) == count
    return {span.name: span for span in collector.spans}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_one_trace_from_the_client_to_the_model_server(
    stack: Stack, server: ModelServer, collector: Collector, stream: bool
) -> None:
    """Through an Envoy that does not trace itself."""
    assert ask(stack, "plain", stream=stream).status == 200
    whole = spans_of(collector)["chat plain"]
    assert (whole.trace_id.hex(), whole.parent_span_id.hex(), whole.trace_state) == (TRACE, PARENT, "vendor=1")
    (seen,) = server.seen
    headers = {name.lower(): value for name, value in dict(seen.headers).items()}
    assert headers["traceparent"] == f"00-{TRACE}-{whole.span_id.hex()}-01"
    assert headers["tracestate"] == "vendor=1"


def test_a_stream_has_the_attributes_of_an_unstreamed_answer(stack: Stack, collector: Collector) -> None:
    """And those that say that it is one."""
    found = []
    for stream in (False, True):
        collector.traces.clear()
        assert ask(stack, "plain", stream=stream).status == 200
        found.append({name: values(span.attributes) for name, span in spans_of(collector).items()})
    whole, streamed = found
    assert whole.keys() == streamed.keys()
    assert streamed["chat plain"].keys() - whole["chat plain"].keys() == OF_STREAMS
    for name in ("guard request", "guard response"):
        assert streamed[name].keys() == whole[name].keys()
    same = ("gen_ai.response.model", "gen_ai.response.finish_reasons", "llm_extproc.outcome", "llm_extproc.version")
    assert [streamed["chat plain"][name] for name in same] == [whole["chat plain"][name] for name in same]


def test_attempts_of_a_fallback(stack: Stack, server: ModelServer, collector: Collector) -> None:
    """In their order, with why the first one gave no answer; the model server that answered is below our span."""
    assert ask(stack, "falling").status == 200
    whole = spans_of(collector)["chat falling"]
    attempts = [values(event.attributes) for event in whole.events]
    assert [(one["llm_extproc.version"], one["llm_extproc.attempt.reason"]) for one in attempts] == [
        ("falling/v1", "connect_failure"),
        ("falling/v2", "answered"),
    ]
    assert values(whole.attributes)["llm_extproc.version"] == "falling/v2"
    (seen,) = server.seen
    headers = {name.lower(): value for name, value in dict(seen.headers).items()}
    assert headers["traceparent"] == f"00-{TRACE}-{whole.span_id.hex()}-01"


def test_a_stream_that_its_server_breaks_off(stack: Stack, collector: Collector) -> None:
    """An error, with the tokens so far."""
    ask(stack, "plain", stream=True, text="break")
    found = values(spans_of(collector)["chat plain"].attributes)
    assert found["error.type"]
    assert found["gen_ai.usage.output_tokens"] > 0
