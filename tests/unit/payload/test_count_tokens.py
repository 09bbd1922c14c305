"""Anthropic's count of tokens: the request is read like a message, the answer is a number and nothing else."""

from __future__ import annotations

import pytest

from extproc.domain.token_rates import RequestSize
from extproc.domain.usage import Usage
from extproc.payload.dialect import UnreadableResponse
from tests.unit.payload.answers import event
from tests.unit.payload.requests import BY_NAME, minimal, read, refusal, texts

COUNT = BY_NAME["count_tokens"]


def test_the_request_is_read_as_a_message_is() -> None:
    """The same texts, of the same speakers."""
    body = minimal("messages", system="Be kind.", tools=[{"name": "f", "input_schema": {}}])
    assert texts(read("count_tokens", body)) == texts(read("messages", body))


def test_it_is_no_stream() -> None:
    """Neither asked for nor answered."""
    assert refusal("count_tokens", minimal("count_tokens", stream=True)).param == "stream"
    assert not read("count_tokens", minimal("count_tokens", stream=False)).streamed
    with pytest.raises(UnreadableResponse):
        COUNT.stream({}).read(event({"input_tokens": 5}))


def test_an_answer_costs_nothing_and_what_stands_beside_its_number_is_read() -> None:
    """The server computed no token; a text there may quote the request."""
    view = COUNT.read_response({"input_tokens": 5, "note": "jane", "context_management": {"original_input_tokens": 9}})
    assert view.usage == Usage(0, 0)
    assert "jane" in [slot.text for slot in view.slots]
    assert "9" not in [slot.text for slot in view.slots]
    assert COUNT.stream({}).usage.result(RequestSize()) == Usage(0, 0)
