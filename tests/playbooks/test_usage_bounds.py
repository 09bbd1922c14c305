"""What a server counts is billed as far as the request can lead to it, and not beyond."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from extproc.config.document import Limits
from extproc.domain.record import ExchangeRecord
from extproc.domain.usage_bounds import UsageBounds
from extproc.exchange.events import RequestBody, ResponseBody, StreamClosed
from extproc.exchange.usage_bounds import usage_bounds
from extproc.payload.endpoints import ENDPOINTS
from extproc.payload.usage import anthropic_usage_of, usage_of
from tests.playbooks.driver import (
    METER,
    SSE,
    VERSION,
    asked,
    chat_chunk,
    dumps,
    request_body,
    response_headers,
    snapshot_of,
    sse,
)

HUGE = 10**15
TOKENS_MAX = Limits().usage_tokens_max
RECORDINGS = Path(__file__).parents[2] / "packages" / "demo" / "extproc_demo" / "recordings"
HELLO = [{"role": "user", "content": "Hi"}]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "tiny", "messages": HELLO, "max_tokens": 10, "n": 2},
    "/v1/completions": {"model": "tiny", "prompt": ["Hi", "Ho"], "max_tokens": 10},
    "/v1/messages": {"model": "tiny", "messages": HELLO, "max_tokens": 20},
    "/v1/responses": {"model": "tiny", "input": "Hi", "max_output_tokens": 20},
    "/v1/embeddings": {"model": "tiny", "input": "Hi"},
    "/v1/rerank": {"model": "tiny", "query": "Hi", "documents": "Ho"},
}
OPENAI = {"prompt_tokens": HUGE, "completion_tokens": HUGE, "prompt_tokens_details": {"cached_tokens": HUGE}}
RESPONSES = {"input_tokens": HUGE, "output_tokens": HUGE, "input_tokens_details": {"cached_tokens": HUGE}}
MESSAGES = {"input_tokens": HUGE, "output_tokens": HUGE, "cache_read_input_tokens": HUGE}
LIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"choices": [], "usage": OPENAI},
    "/v1/completions": {"choices": [], "usage": OPENAI},
    "/v1/messages": {"type": "message", "content": [], "usage": MESSAGES},
    "/v1/responses": {"object": "response", "output": [], "usage": RESPONSES},
    "/v1/embeddings": {"data": [], "usage": OPENAI},
    "/v1/rerank": {"results": [], "usage": OPENAI},
}


def lied_to(path: str) -> ExchangeRecord:
    """What is noted of a short request whose server counts 10^15 tokens of each kind."""
    talk = asked(snapshot_of(VERSION, METER), path, RequestBody(dumps(BODIES[path])))
    talk.hears(response_headers())
    talk.hears(ResponseBody(dumps({"model": "tiny", **LIES[path]}), True))
    return talk.record


@pytest.mark.parametrize("path", BODIES)
def test_what_no_request_can_lead_to_is_not_billed(path: str) -> None:
    """attack 10: an upstream's 10^15 prompt tokens were billed."""
    record = lied_to(path)
    assert record.usage is not None
    assert (record.usage.estimated, record.usage_capped) == (True, True)
    assert record.usage.cached <= record.usage.prompt < 66_000
    assert record.usage.completion == (20 + 1_024 if ENDPOINTS[path].generates else TOKENS_MAX)
    assert record.cost_micro_usd < 10**9


def test_a_stream_is_not_believed_either() -> None:
    """Neither its last word, nor a running count where the end is missing."""
    for finished in (True, False):
        talk = asked(snapshot_of(VERSION, METER), body=request_body(stream=True, max_tokens=10))
        talk.hears(response_headers(SSE))
        talk.hears(ResponseBody(chat_chunk("Hi", usage=OPENAI), False))
        if finished:
            talk.hears(ResponseBody(sse({"choices": [], "usage": OPENAI}) + b"data: [DONE]\n\n", True))
        else:
            talk.hears(StreamClosed())
        assert talk.record.usage is not None
        assert talk.record.usage.completion == 10 + 1_024
        assert (talk.record.usage.estimated, talk.record.usage_capped) == (True, True)


def bounds(path: str, body: bytes) -> UsageBounds:
    """Those of a request."""
    request = ENDPOINTS[path].read_request(body, snapshot_of(METER, requests={"media": "pass"}).requests)
    return usage_bounds(request, len(body), TOKENS_MAX)


def test_bounds_follow_what_is_asked_for() -> None:
    """The longer of two lengths, for each choice; none where none is named, or where it is no number."""
    chat = BODIES["/v1/chat/completions"]

    def completion(**more: Any) -> int:
        return bounds("/v1/chat/completions", dumps(chat | more)).completion - 1_024

    assert completion() == 20
    assert completion(max_completion_tokens=50) == 100
    assert completion(max_tokens=None, max_completion_tokens=5) == 10
    for odd in (None, -1, "10", 10.0, True):
        assert completion(max_tokens=odd) == TOKENS_MAX - 1_024
    assert completion(max_tokens=HUGE) == TOKENS_MAX - 1_024


@pytest.mark.parametrize(
    "more",
    [
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a/b"}}]}]},
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "mcp"}]},
    ],
)
def test_what_brings_tokens_that_no_byte_shows_has_the_general_bound_alone(more: dict[str, Any]) -> None:
    """Images by their address, and tools that the server runs by itself, turn after turn."""
    body = dumps(BODIES["/v1/chat/completions"] | more)
    assert bounds("/v1/chat/completions", body) == UsageBounds(TOKENS_MAX, TOKENS_MAX)


def recorded() -> list[tuple[str, str]]:
    """Recordings of real servers with their paths."""
    found = []
    for file in sorted(RECORDINGS.glob("*.request.http")):
        line, _, _ = file.read_text().partition("\n")
        path = line.removeprefix("POST ").removesuffix(" HTTP/1.1")
        if path in ENDPOINTS:
            found.append((file.name.removesuffix(".request.http"), path))
    assert len(found) > 20
    return found


@pytest.mark.parametrize(("name", "path"), recorded())
def test_an_honest_server_is_believed(name: str, path: str) -> None:
    """What a real vLLM counted, in every place where it says it."""
    body = (RECORDINGS / f"{name}.request.http").read_bytes().partition(b"\r\n\r\n")[2]
    limits = usage_bounds(
        ENDPOINTS[path].read_request(
            body, snapshot_of(METER, requests={"media": "pass", "token_ids": "pass"}).requests
        ),
        len(body),
        TOKENS_MAX,
    )
    answer = (RECORDINGS / f"{name}.response.http").read_text(errors="replace")
    for said in re.finditer(r'"usage":\s*(\{(?:[^{}]|\{[^{}]*\})*\})', answer):
        tree = json.loads(said[1])
        usage = anthropic_usage_of(tree) if path == "/v1/messages" else usage_of(tree)
        assert usage is None or limits.within(usage) is usage
