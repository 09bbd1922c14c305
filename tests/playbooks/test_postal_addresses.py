"""Postal addresses, which a guard looks for if it is told to: asked and answered, whole and piece by piece."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.detectors.pii.kinds import DEFAULT_ENTITIES
from extproc.exchange.events import ImmediateResponse, ResponseBody
from tests.playbooks.driver import (
    DONE,
    METER,
    PII,
    Conversation,
    answered,
    asked,
    chat_answer,
    chat_chunk,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
    text_of,
)

ADDRESS = "12 Oak Street\nBoston, MA 02110"
OTHER = "Hauptstra\xdfe 12, 10115 Berlin"
SAID = f"Ship it to\n{ADDRESS}\nor to {OTHER}, and write to bob@example.org."
MASKED = "Ship it to\n<POSTAL_ADDRESS>\nor to <POSTAL_ADDRESS>, and write to <EMAIL>."
GUARD: dict[str, Any] = {**PII, "entities": ["POSTAL_ADDRESS", "EMAIL"]}


def user(text: str) -> list[dict[str, str]]:
    """The messages of a request."""
    return [{"role": "user", "content": text}]


def test_by_default_no_address_is_masked() -> None:
    """Answers often have those of shops and offices."""
    assert "POSTAL_ADDRESS" not in DEFAULT_ENTITIES
    talk = answered(snapshot_of(PII, METER), chat_answer(SAID), messages=user(SAID))
    assert ADDRESS in talk.server_json["messages"][0]["content"]
    assert OTHER in talk.client_json["choices"][0]["message"]["content"]


def test_a_request_and_a_whole_answer_are_masked() -> None:
    """Both directions, and both are counted."""
    talk = answered(snapshot_of(GUARD, METER), chat_answer(SAID), messages=user(SAID))
    assert talk.server_json["messages"][0]["content"] == MASKED
    assert talk.client_json["choices"][0]["message"]["content"] == MASKED
    for direction in ("request", "response"):
        assert talk.record.findings["pii", direction, "POSTAL_ADDRESS"] == 2


@pytest.mark.parametrize("chars", [1, 7, 50, 1000])
def test_a_streamed_answer_is_masked_the_same(chars: int) -> None:
    """Whatever the pieces: no part of an address leaves."""
    said = b"".join(chat_chunk(SAID[at : at + chars]) for at in range(0, len(SAID), chars))
    answer = said + chat_chunk(finish="stop") + DONE
    talk = answered(snapshot_of(GUARD, METER), answer, range(97, len(answer), 97), stream=True)
    assert text_of(talk.client_events) == MASKED


def test_an_answer_that_is_cut_off_in_an_address_shows_no_house_number() -> None:
    """From there on it is masked."""
    answer = chat_chunk("I live at 12 Oak Street, Bos") + chat_chunk(finish="length") + DONE
    talk = answered(snapshot_of(GUARD, METER), answer, stream=True)
    assert text_of(talk.client_events) == "I live at <POSTAL_ADDRESS>"


def test_a_client_gets_its_addresses_back() -> None:
    """Each has a number, and its line end."""
    guard = {**GUARD, "masking": {"type": "reversible"}}
    talk = asked(snapshot_of(guard), body=request_body(messages=user(f"{ADDRESS}; {OTHER}; {ADDRESS}")))
    assert talk.server_json["messages"][0]["content"] == "<POSTAL_ADDRESS_1>; <POSTAL_ADDRESS_2>; <POSTAL_ADDRESS_1>"
    talk.hears(response_headers())
    talk.hears(ResponseBody(chat_answer("To <POSTAL_ADDRESS_1>."), True))
    assert talk.client_json["choices"][0]["message"]["content"] == f"To {ADDRESS}."


def test_arguments_of_tools_are_masked_by_their_keys_too() -> None:
    """Behind a key that says what it is, a number and names are enough."""
    arguments = json.dumps({"address": "5 Baker Lodge", "note": f"at {OTHER}", "goods": "5 Baker Lodge"})
    calls = [{"id": "c", "type": "function", "function": {"name": "ship", "arguments": arguments}}]
    messages = [*user("Ship it."), {"role": "assistant", "content": "", "tool_calls": calls}]
    talk = asked(snapshot_of(GUARD), body=request_body(messages=messages))
    sent = talk.server_json["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(sent) == {"address": "<POSTAL_ADDRESS>", "note": "at <POSTAL_ADDRESS>", "goods": "5 Baker Lodge"}


def test_blocking_refuses_the_request() -> None:
    """Nothing reaches the model server."""
    talk = Conversation(snapshot_of({**GUARD, "action": "block"}))
    talk.hears(request_headers())
    (action,) = talk.hears(request_body(messages=user(f"I live at {ADDRESS}.")))
    assert isinstance(action, ImmediateResponse)
    assert talk.server is None
