"""Private keys and recognizers of one's own, asked and answered, whole and piece by piece."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.exchange.events import ImmediateResponse
from tests.playbooks.driver import (
    DONE,
    METER,
    PII,
    PII_BLOCK,
    Conversation,
    answered,
    chat_answer,
    chat_chunk,
    request_body,
    request_headers,
    snapshot_of,
    text_of,
)

KEY = (
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\nMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3S\n"
    "-----END PRIVATE KEY-----"
)
SAID = f"Key of EMP-123456:\n{KEY}\nKeep it."
MASKED = "Key of <EMPLOYEE>:\n<PRIVATE_KEY>\nKeep it."
GUARD: dict[str, Any] = {**PII, "recognizers": [{"name": "EMPLOYEE", "pattern": r"\bEMP-\d{6}\b"}]}


def test_a_request_and_a_whole_answer_are_masked() -> None:
    """Both directions, and both are counted by their kind."""
    talk = answered(snapshot_of(GUARD, METER), chat_answer(SAID), messages=[{"role": "user", "content": SAID}])
    assert talk.server_json["messages"][0]["content"] == MASKED
    assert talk.client_json["choices"][0]["message"]["content"] == MASKED
    for direction in ("request", "response"):
        found = {kind for name, where, kind in talk.record.findings if (name, where) == ("pii", direction)}
        assert found == {"EMPLOYEE", "PRIVATE_KEY"}


@pytest.mark.parametrize("chars", [1, 7, 50, 1000])
def test_a_streamed_answer_is_masked_the_same(chars: int) -> None:
    """Whatever the pieces: no part of the key leaves."""
    said = b"".join(chat_chunk(SAID[at : at + chars]) for at in range(0, len(SAID), chars))
    answer = said + chat_chunk(finish="stop") + DONE
    talk = answered(snapshot_of(GUARD, METER), answer, range(97, len(answer), 97), stream=True)
    assert text_of(talk.client_events) == MASKED


def test_blocking_refuses_the_request() -> None:
    """Nothing reaches the model server."""
    talk = Conversation(snapshot_of(PII_BLOCK))
    talk.hears(request_headers())
    (action,) = talk.hears(request_body(messages=[{"role": "user", "content": KEY}]))
    assert isinstance(action, ImmediateResponse)
    assert talk.server is None
