"""Who asks, through the real Envoy: keys of the official clients, and what clients claim beyond them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from extproc.domain.api_keys import hash_of, key_of
from tests.e2e.harness import Stack, require_envoy, wait_until
from tests.e2e.official import anthropic_of, openai_of

SEARCH, ATLAS, EXPIRED, LATE = (key_of(bytes([number]) * 32) for number in range(4))
KEYS = f"""\
keys:
  - id: search-1
    hash: {hash_of(SEARCH)}
    team: search
    may_claim: {{ projects: [index] }}
  - id: atlas-1
    hash: {hash_of(ATLAS)}
    team: atlas
    project: maps
    budget_code: b-7
    tier: gold
  - id: old-1
    hash: {hash_of(EXPIRED)}
    team: search
    expires: "2020-01-01T00:00:00Z"
"""
ASK: dict[str, Any] = {"model": "tiny-chat", "messages": [{"role": "user", "content": "Good morning"}]}
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The demo, where each request needs an API key."""
    require_envoy()
    directory = tmp_path_factory.mktemp("identity")
    (directory / "keys.yaml").write_text(KEYS)

    def change(data: dict[str, Any]) -> None:
        data["identity"] = {"sources": [{"source": "api_key", "file": str(directory / "keys.yaml")}]}
        data["server"]["reload_interval_ms"] = 50

    with Stack(directory, change=change) as running:
        yield running


def said(stack: Stack) -> list[dict[str, Any]]:
    """The lines of exchanges in the processor's log."""
    lines = (stack.directory / "processor.log").read_text().splitlines()
    parsed = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in parsed if line.get("event") == "exchange"]


def last_said(stack: Stack, exchange: str) -> dict[str, Any]:
    """The line of one exchange."""
    return wait_until(lambda: next((one for one in said(stack) if one["exchange"] == exchange), None), "its line") or {}


def test_the_official_clients_are_known_by_their_keys(gateway: Stack) -> None:
    """In the header of each API; the model server gets no key."""
    chat = openai_of(gateway.base_url).with_options(api_key=ATLAS).chat.completions.with_raw_response.create(**ASK)
    line = last_said(gateway, chat.headers["x-llm-exchange-id"])
    assert (line["team"], line["project"], line["budget_code"], line["tier"]) == ("atlas", "maps", "b-7", "gold")
    assert (line["key_id"], line["identity_source"]) == ("atlas-1", "api_key")
    claude = anthropic_of(gateway.base_url).with_options(api_key=SEARCH)
    message = claude.messages.with_raw_response.create(**ASK, max_tokens=64)
    line = last_said(gateway, message.headers["x-llm-exchange-id"])
    assert (line["team"], line["project"], line["key_id"]) == ("search", "unknown", "search-1")
    for model in gateway.models.values():
        for seen in model.seen:
            assert not {"authorization", "x-api-key"} & {name for name, _ in seen.headers}


def test_a_wrong_key_is_an_error_that_both_clients_know(gateway: Stack) -> None:
    """401, in the shape of the API; also for a key that has expired."""
    for key in (LATE, EXPIRED, "sk-none", SEARCH[:-1] + "x"):
        with pytest.raises(openai.AuthenticationError) as refused:
            openai_of(gateway.base_url).with_options(api_key=key).chat.completions.create(**ASK)
        assert refused.value.code == "invalid_api_key"
        with pytest.raises(anthropic.AuthenticationError) as told:
            anthropic_of(gateway.base_url).with_options(api_key=key).messages.create(**ASK, max_tokens=64)
        assert told.value.body["error"]["type"] == "authentication_error"  # type: ignore[index]
