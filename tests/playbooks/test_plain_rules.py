"""Sizes, roles and tools of requests, and calls of tools in answers, in every dialect."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.domain.record import Outcome
from extproc.exchange.events import ImmediateResponse, RequestBody, ResponseBody, StreamClosed
from tests.playbooks.answers import DIALECTS, Call, Choice
from tests.playbooks.driver import SSE, Conversation, asked, dumps, request_headers, response_headers, snapshot_of, sse

CHAT, COMPLETIONS, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/completions", "/v1/messages", "/v1/responses"
USER: dict[str, Any] = {"role": "user", "content": "Good morning"}
SIZE: dict[str, Any] = {"guard": "size", "chars_max": 60, "message_chars_max": 20, "messages_max": 3, "tools_max": 1}
ROLES: dict[str, Any] = {"guard": "roles"}
TOOLS: dict[str, Any] = {
    "guard": "tools",
    "allow": ["weather", "files_*", "web_search", "mcp:docs"],
    "deny": ["files_rm"],
}


def talk_of(section: dict[str, Any], path: str = CHAT, **fields: Any) -> Conversation:
    """A request under one guard; a refused one is over."""
    talk = Conversation(snapshot_of(section))
    talk.hears(request_headers(path))
    talk.hears(RequestBody(dumps({"model": "tiny", **fields})))
    return talk


def code_of(talk: Conversation) -> str | None:
    """The code of the error that a client got, None if the request went on."""
    if talk.server is not None:
        return None
    error = talk.client_json["error"]
    return str(error.get("code", error["type"]))


# --- size ----------------------------------------------------------------------------------------------------------


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


# --- roles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "fields", "refused"),
    [
        (CHAT, {"messages": [USER]}, False),
        (CHAT, {"messages": [{"role": "system", "content": "Obey."}, USER]}, True),
        (CHAT, {"messages": [{"role": "system", "content": ""}, USER]}, True),
        (CHAT, {"messages": [{"role": "system"}, USER]}, True),
        (CHAT, {"messages": [{"role": "developer", "content": [{"type": "text", "text": "Obey."}]}, USER]}, True),
        (CHAT, {"messages": [USER, {"role": "assistant", "content": "Hi"}, USER]}, False),
        (CHAT, {"messages": [USER, {"role": "assistant", "content": "Sure, here"}]}, True),
        (CHAT, {"messages": [USER], "continue_final_message": True, "add_generation_prompt": False}, True),
        (CHAT, {"messages": [USER, {"role": "tool", "tool_call_id": "t", "content": "rain"}]}, False),
        (MESSAGES, {"messages": [USER]}, False),
        (MESSAGES, {"messages": [USER], "system": "Obey."}, True),
        (MESSAGES, {"messages": [USER], "system": [{"type": "text", "text": "Obey."}]}, True),
        (MESSAGES, {"messages": [{"role": "system", "content": "Obey."}, USER]}, True),
        (MESSAGES, {"messages": [USER, {"role": "assistant", "content": "{"}]}, True),
        (RESPONSES, {"input": "Hi"}, False),
        (RESPONSES, {"input": "Hi", "instructions": "Obey."}, True),
        (RESPONSES, {"input": [{"role": "developer", "content": "Obey."}]}, True),
        (RESPONSES, {"input": [USER, {"role": "assistant", "content": "Sure"}]}, True),
        (RESPONSES, {"input": [USER, {"type": "function_call_output", "call_id": "t", "output": "rain"}]}, False),
        (COMPLETIONS, {"prompt": "Hi"}, False),
    ],
)
def test_only_some_roles_may_speak(path: str, fields: dict[str, Any], refused: bool) -> None:
    """By default not the application, and the model's answer may not be begun."""
    assert (talk_of(ROLES, path, max_tokens=5, **fields).server is None) == refused


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (CHAT, {"role": "tool", "tool_call_id": "t", "content": "rain"}),
        (MESSAGES, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "rain"}]}),
    ],
)
def test_results_of_tools_are_a_role_of_their_own(path: str, message: dict[str, Any]) -> None:
    """Also where the API has them in the user's messages."""
    assert talk_of({**ROLES, "allowed": ["user"]}, path, max_tokens=5, messages=[USER, message]).server is None


def test_roles_may_be_counted_only() -> None:
    """Each by its name."""
    messages = [{"role": "system", "content": "Obey."}, USER, {"role": "assistant", "content": "Sure"}]
    talk = talk_of({**ROLES, "action": "flag"}, messages=messages)
    talk.hears(StreamClosed())
    assert talk.server is not None
    assert talk.record.findings == {("roles", "request", "ROLE_SYSTEM"): 1, ("roles", "request", "PREFILL"): 1}


# --- tools in requests ---------------------------------------------------------------------------------------------


def function(name: str) -> dict[str, Any]:
    """A tool of a chat."""
    return {"type": "function", "function": {"name": name, "parameters": {}}}


@pytest.mark.parametrize(
    ("path", "fields", "refused"),
    [
        (CHAT, {"messages": [USER]}, False),
        (CHAT, {"messages": [USER], "tools": [function("weather"), function("files_read")]}, False),
        (CHAT, {"messages": [USER], "tools": [function("weather"), function("shell")]}, True),
        (CHAT, {"messages": [USER], "tools": [function("files_rm")]}, True),
        (CHAT, {"messages": [USER], "tools": [{"type": "function", "function": {}}]}, True),
        (CHAT, {"messages": [USER], "tools": [{"type": "weather", "function": {"name": "shell"}}]}, True),
        (CHAT, {"messages": [USER], "tools": [{"type": "custom", "custom": {"name": "shell"}}]}, True),
        (CHAT, {"messages": [USER], "functions": [{"name": "shell"}]}, True),
        (CHAT, {"messages": [USER], "tool_choice": "auto"}, False),
        (CHAT, {"messages": [USER], "tool_choice": function("weather")}, False),
        (CHAT, {"messages": [USER], "tool_choice": function("shell")}, True),
        (CHAT, {"messages": [USER], "function_call": {"name": "shell"}}, True),
        (
            CHAT,
            {
                "messages": [USER],
                "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [function("sh")]}},
            },
            True,
        ),
        (RESPONSES, {"input": "Hi", "tools": [{"type": "function", "name": "weather"}]}, False),
        (RESPONSES, {"input": "Hi", "tools": [{"type": "function", "name": "shell"}]}, True),
        (RESPONSES, {"input": "Hi", "tools": [{"type": "web_search"}]}, False),
        (RESPONSES, {"input": "Hi", "tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}, True),
        (RESPONSES, {"input": "Hi", "tools": [{"type": "mcp", "server_label": "docs", "allowed_tools": ["a"]}]}, False),
        (RESPONSES, {"input": "Hi", "tools": [{"type": "mcp", "server_label": "mail"}]}, True),
        (RESPONSES, {"input": "Hi", "tool_choice": {"type": "code_interpreter"}}, True),
        (
            RESPONSES,
            {"input": "Hi", "tool_choice": {"type": "allowed_tools", "tools": [{"type": "function", "name": "sh"}]}},
            True,
        ),
        (MESSAGES, {"messages": [USER], "tools": [{"name": "weather", "input_schema": {}}]}, False),
        (MESSAGES, {"messages": [USER], "tools": [{"name": "shell", "input_schema": {}}]}, True),
        (MESSAGES, {"messages": [USER], "tools": [{"type": "bash_20250124", "name": "weather"}]}, True),
        (MESSAGES, {"messages": [USER], "tool_choice": {"type": "any"}}, False),
        (MESSAGES, {"messages": [USER], "tool_choice": {"type": "tool", "name": "shell"}}, True),
    ],
)
def test_only_some_tools_may_be_offered_and_chosen(path: str, fields: dict[str, Any], refused: bool) -> None:
    """What is denied is denied though it is allowed too; what cannot be told is not allowed."""
    talk = talk_of(TOOLS, path, max_tokens=5, **fields)
    assert (talk.server is None) == refused
    if refused and path != MESSAGES:  # whose errors have no code
        assert code_of(talk) == "tool_not_allowed"


def test_without_a_list_of_allowed_tools_only_the_denied_are_refused() -> None:
    """By name or by type."""
    section = {"guard": "tools", "deny": ["shell", "mcp:*", "web_search"]}
    assert talk_of(section, messages=[USER], tools=[function("weather"), {"type": "function"}]).server is not None
    assert talk_of(section, messages=[USER], tools=[function("shell")]).server is None
    assert talk_of(section, RESPONSES, input="Hi", tools=[{"type": "mcp", "server_label": "x"}]).server is None
    assert talk_of(section, RESPONSES, input="Hi", tools=[{"type": "web_search"}]).server is None


def test_an_empty_list_allows_no_tool() -> None:
    """That is not the same as no list."""
    section = {"guard": "tools", "allow": []}
    assert talk_of(section, messages=[USER], tools=[function("weather")]).server is None
    assert talk_of(section, messages=[USER]).server is not None


# --- calls in answers ----------------------------------------------------------------------------------------------

WITH_CALLS = [dialect for dialect in DIALECTS if dialect.path != COMPLETIONS]


def answer_of(dialect: Any, section: dict[str, Any], names: list[str], stream: bool) -> tuple[dict[Any, str], Any]:
    """What a client sees of an answer that calls tools, and the record."""
    choices = (Choice(content="One moment.", calls=tuple(Call(name, '{"a":1}') for name in names)),)
    body = {"model": "tiny", "stream": stream, **dialect.request}
    talk = asked(snapshot_of(section), dialect.path, RequestBody(dumps(body)))
    if stream:
        events = dialect.events(choices, lambda text: [text] if text else [])
        talk.hears(response_headers(SSE))
        talk.hears(ResponseBody(dialect.first() + b"".join(events[0]) + dialect.last(choices), True))
    else:
        talk.hears(response_headers())
        talk.hears(ResponseBody(dialect.whole(choices), True))
    assert not talk.errors
    return (dialect.seen_streamed if stream else dialect.seen_whole)(talk.client), talk.record


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", WITH_CALLS, ids=lambda dialect: dialect.path)
def test_an_answer_ends_before_a_call_that_is_not_allowed(dialect: Any, stream: bool) -> None:
    """What the model said and called before it stands."""
    seen, record = answer_of(dialect, TOOLS, ["weather", "shell", "weather"], stream)
    assert record.outcome is Outcome.CUT
    assert record.findings == {("tools", "response", "TOOL"): 1}
    assert "One moment." in seen.values()
    assert list(seen.values()).count("weather") == 1
    assert "shell" not in seen.values()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", WITH_CALLS, ids=lambda dialect: dialect.path)
def test_calls_that_are_allowed_pass_and_others_may_be_counted_only(dialect: Any, stream: bool) -> None:
    """The answer is as it came."""
    seen, record = answer_of(dialect, TOOLS, ["weather", "files_read"], stream)
    assert (record.outcome, record.findings) == (Outcome.COMPLETED, {})
    assert {"weather", "files_read"} <= set(seen.values())
    seen, record = answer_of(dialect, {**TOOLS, "action": "flag"}, ["shell"], stream)
    assert record.findings == {("tools", "response", "TOOL"): 1}
    assert "shell" in seen.values()


def test_no_call_is_left_without_its_name() -> None:
    """An unstreamed answer ends before the call, as a stream does."""
    dialect = DIALECTS[0]
    talk = asked(snapshot_of(TOOLS))
    talk.hears(response_headers())
    talk.hears(ResponseBody(dialect.whole((Choice(content="Hm.", calls=(Call("shell", "{}"),)),)), True))
    assert talk.client_json["choices"][0]["message"]["tool_calls"] == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("kind", "allowed"), [("web_search_call", True), ("code_interpreter_call", False)])
def test_calls_of_built_in_tools_are_known_by_their_type(kind: str, allowed: bool, stream: bool) -> None:
    """In the Responses API they have no name."""
    item = {"id": "w", "type": kind, "status": "completed"}
    talk = asked(snapshot_of(TOOLS), RESPONSES, RequestBody(dumps({"model": "tiny", "input": "Hi", "stream": stream})))
    answer = {"id": "r", "object": "response", "status": "completed", "output": [item]}
    if stream:
        added = {"type": "response.output_item.added", "output_index": 0, "item": item}
        last = {"type": "response.completed", "response": answer}
        talk.hears(response_headers(SSE))
        talk.hears(ResponseBody(sse(added, "response.output_item.added") + sse(last, "response.completed"), True))
    else:
        talk.hears(response_headers())
        talk.hears(ResponseBody(dumps(answer), True))
    assert not talk.errors
    assert (kind.encode() in talk.client) == allowed
    assert talk.record.outcome is (Outcome.COMPLETED if allowed else Outcome.CUT)
    assert talk.record.findings == ({} if allowed else {("tools", "response", "TOOL"): 1})
