"""What is too large to be asked, in every dialect."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.exchange.events import ImmediateResponse, RequestBody, StreamClosed
from tests.playbooks.driver import Conversation, dumps, request_headers, snapshot_of
from tests.unit.filters.one_guard import CHAT, COMPLETIONS, MESSAGES, RESPONSES, USER, code_of, talk_of

SIZE: dict[str, Any] = {"guard": "size", "chars_max": 60, "message_chars_max": 20, "messages_max": 3, "tools_max": 1}


@pytest.mark.parametrize(
    ("path", "fields", "code"),
    [
        (CHAT, {"messages": [USER]}, None),
        (CHAT, {"messages": [{"role": "user", "content": "x" * 20}]}, None),
        (CHAT, {"messages": [{"role": "user", "content": "x" * 21}]}, "message_too_long"),
        (CHAT, {"messages": [{**USER, "content": [{"type": "text", "text": "x" * 11}] * 2}]}, "message_too_long"),
        (CHAT, {"messages": [{"role": "user", "content": "x" * 20}] * 3, "stop": ["x"]}, "input_too_long"),
        (CHAT, {"messages": [{"role": "user", "content": "x"}] * 4}, "too_many_messages"),
        (CHAT, {"messages": [USER], "tools": [{"type": "function", "function": {"name": "a"}}] * 2}, "too_many_tools"),
        (CHAT, {"messages": [USER], "functions": [{"name": "a"}, {"name": "b"}]}, "too_many_tools"),
        (COMPLETIONS, {"prompt": "x" * 21}, "message_too_long"),
        (COMPLETIONS, {"prompt": ["x" * 20, "x" * 20]}, None),
        (RESPONSES, {"input": [{"role": "user", "content": "x"}] * 4}, "too_many_messages"),
        (RESPONSES, {"input": "x", "instructions": "x" * 21}, "message_too_long"),
    ],
)
def test_a_request_that_is_too_large_is_refused(path: str, fields: dict[str, Any], code: str | None) -> None:
    """What is at its limit passes. Parts of a message are one message; texts of a list of prompts are several."""
    assert code_of(talk_of(SIZE, path, **fields)) == code


def test_what_is_too_long_is_a_413_that_says_the_limit() -> None:
    """The client can mend it."""
    talk = Conversation(snapshot_of({"guard": "size", "chars_max": 5}))
    talk.hears(request_headers())
    [answer] = talk.hears(RequestBody(dumps({"model": "tiny", "messages": [USER]})))
    assert isinstance(answer, ImmediateResponse)
    assert answer.status == 413
    assert talk.client_json["error"]["message"] == "The input has more than 5 characters."


def test_in_anthropics_api_parts_of_a_tool_result_count_too() -> None:
    """Whatever the depth at which a text stands."""
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x" * 21}]}
    talk = talk_of(SIZE, MESSAGES, max_tokens=5, messages=[{"role": "user", "content": [result]}])
    assert talk.server is None


@pytest.mark.parametrize("action", ["flag", "shadow"])
def test_a_size_that_is_only_looked_at_passes(action: str) -> None:
    """Each limit that is exceeded is counted."""
    talk = talk_of({**SIZE, "action": action}, messages=[{"role": "user", "content": "x" * 61}])
    talk.hears(StreamClosed())
    assert talk.server is not None
    assert talk.record.findings == {("size", "request", "CHARS"): 1, ("size", "request", "MESSAGE_CHARS"): 1}
