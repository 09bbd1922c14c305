"""Rate limits through a real Envoy: the official clients back off by what they are told; workers count in one store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from extproc.demo.installation import Change
from tests.e2e.apis import MODEL
from tests.e2e.asking import CHAT
from tests.e2e.conftest import MakeStack
from tests.e2e.harness import Stack, wait_until
from tests.e2e.measured import Measured
from tests.tools.valkey import Valkey, valkey

RETRIES = 3
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
LIMITS: list[dict[str, Any]] = [
    {"name": "requests", "of": "requests", "limit": 1, "window": "second", "burst": 2, "per": ["project"]},
    {"name": "tokens", "of": "tokens", "limit": 60_000, "window": "minute", "burst": 20_000, "per": ["project"]},
    {
        "name": "short",
        "of": "tokens",
        "limit": 10,
        "window": "minute",
        "burst": 80,
        "mid_stream": "cut",
        "per": ["project"],
        "match": {"projects": ["cut-openai", "cut-anthropic"]},
    },
    {
        "name": "input",
        "of": "prompt_tokens",
        "limit": 60_000,
        "window": "minute",
        "per": ["project"],
        "match": {"endpoints": ["messages"]},
    },
]


@pytest.fixture(scope="module")
def change() -> Change:
    """The demo with limits for each project."""

    def limited(data: dict[str, Any]) -> None:
        data["rate_limits"] = {"limits": LIMITS}

    return limited


def openai_of(stack: Stack, project: str, retries: int = RETRIES) -> openai.OpenAI:
    """The client as it is, which tries again."""
    return openai.OpenAI(
        base_url=f"{stack.base_url}/v1", api_key="none", max_retries=retries, default_headers={"x-project": project}
    )


def anthropic_of(stack: Stack, project: str) -> anthropic.Anthropic:
    """Likewise."""
    return anthropic.Anthropic(
        base_url=stack.base_url, api_key="none", max_retries=RETRIES, default_headers={"x-project": project}
    )


# --- official clients ----------------------------------------------------------------------------------------------


def test_openai_waits_and_succeeds(shared: Stack) -> None:
    """Two at once, then one a second: each client waits as long as it is told, and no request fails."""
    measured, client = Measured(shared), openai_of(shared, "patient")
    started_s = time.monotonic()
    for _ in range(4):
        client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=10)
    took_s = time.monotonic() - started_s
    assert took_s >= 2.0
    assert measured.rise("llm_extproc_rate_limit_refused_total") == 2  # one for each that waited: the time was true


def test_anthropic_waits_and_succeeds(shared: Stack) -> None:
    """The same with its errors and headers."""
    measured, client = Measured(shared), anthropic_of(shared, "calm")
    started_s = time.monotonic()
    for _ in range(3):
        client.messages.create(model=MODEL, messages=HELLO, max_tokens=10)
    assert time.monotonic() - started_s >= 1.0
    assert measured.rise("llm_extproc_rate_limit_refused_total") == 1


def test_openai_reads_what_is_left(shared: Stack) -> None:
    """On a success and on a refusal."""
    client = openai_of(shared, "reader", retries=0)
    answer = client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO, max_tokens=10)
    assert answer.headers["x-ratelimit-limit-requests"] == "1"
    assert int(answer.headers["x-ratelimit-remaining-tokens"]) > 19_000
    client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=10)
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=10)
    assert (refused.value.code, refused.value.type) == ("rate_limit_exceeded", "requests")
    assert refused.value.response.headers["retry-after"] == "1"
    assert 0 < int(refused.value.response.headers["retry-after-ms"]) <= 1_000


def test_anthropic_reads_what_is_left(shared: Stack) -> None:
    """Input tokens apart."""
    answer = anthropic_of(shared, "counter").messages.with_raw_response.create(
        model=MODEL, messages=HELLO, max_tokens=10
    )
    assert answer.headers["anthropic-ratelimit-input-tokens-limit"] == "60000"
    assert answer.headers["anthropic-ratelimit-requests-reset"].endswith("Z")


def test_a_request_that_never_fits_is_not_tried_again(shared: Stack) -> None:
    """The clients would try it in vain."""
    measured = Measured(shared)
    long: list[Any] = [{"role": "user", "content": "word " * 40_000}]
    with pytest.raises(openai.RateLimitError, match="Request too large"):
        openai_of(shared, "large").chat.completions.create(model=MODEL, messages=long)
    with pytest.raises(anthropic.RateLimitError, match="Request too large"):
        anthropic_of(shared, "larger").messages.create(model=MODEL, messages=long, max_tokens=10)
    assert measured.rise("llm_extproc_rate_limit_refused_total") == 2


def test_a_stream_that_needs_too_much_ends_as_at_its_token_limit(shared: Stack) -> None:
    """The clients know that end, and keep the text. The model of the demo says more than it is asked to."""
    chunks = openai_of(shared, "cut-openai").chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=5, stream=True
    )
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert choices[-1].finish_reason == "length"
    assert len("".join(choice.delta.content or "" for choice in choices)) > 3
    with anthropic_of(shared, "cut-anthropic").messages.stream(model=MODEL, messages=HELLO, max_tokens=5) as stream:
        message = stream.get_final_message()
    assert message.stop_reason == "max_tokens"
    assert message.content


# --- a store -------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Valkey]:
    """A real one."""
    with valkey(tmp_path) as found:
        yield found


def admitted(stack: Stack, requests: int = 16) -> int:
    """How many of these requests are answered."""
    body = {"model": MODEL, "messages": HELLO, "max_tokens": 10}

    def ask(_: int) -> int:
        return stack.curl(CHAT, body=body).status

    with ThreadPoolExecutor(8) as clients:
        statuses = list(clients.map(ask, range(requests)))
    assert set(statuses) <= {200, 429, 503}
    return statuses.count(200)


def test_workers_count_in_the_store(make_stack: MakeStack, store: Valkey) -> None:
    """Together what the limit says; without it each its part; with it again after it was killed."""

    def change(data: dict[str, Any]) -> None:
        daily = {"name": "daily", "of": "requests", "limit": 1, "window": "day", "burst": 10}
        section = {"store": store.url, "store_wait_ms_max": 200, "limits": [daily]}
        data["rate_limits"] = section
        data["server"]["workers"] = 2

    stack = make_stack(change=change)
    log = stack.processor.log
    wait_until(lambda: log.read_text().count("rate limit store found") == 2, "both workers have the store")
    assert admitted(stack) == 10
    store.kill()
    wait_until(lambda: log.read_text().count("rate limit store lost") == 2, "both have lost it")
    assert 5 <= admitted(stack) <= 10  # a part of five for each worker that was asked
    store.start()
    wait_until(lambda: log.read_text().count("rate limit store found") == 4, "both have it again")
    assert admitted(stack) == 10
