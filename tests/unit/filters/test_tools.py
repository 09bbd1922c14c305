"""Tools that requests offer and choose, and calls of tools in answers, in every dialect."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.domain.finding import Finding
from extproc.domain.record import Outcome
from extproc.exchange.events import RequestBody, ResponseBody
from extproc.filters.tools import NAME_CHARS_MAX, NameStage
from tests.playbooks.answers import DIALECTS, Call, Choice
from tests.playbooks.driver import SSE, asked, dumps, response_headers, snapshot_of, sse
from tests.unit.filters.fakes import Heard
from tests.unit.filters.one_guard import CHAT, COMPLETIONS, MESSAGES, RESPONSES, USER, code_of, talk_of

TOOLS: dict[str, Any] = {
    "guard": "tools",
    "allow": ["weather", "files_*", "web_search", "mcp:docs"],
    "deny": ["files_rm"],
}


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


def test_a_name_of_a_call_that_never_ends_is_none_that_was_allowed() -> None:
    """Over ``NAME_CHARS_MAX`` it is not kept."""
    told: list[Finding] = []
    stage = NameStage(lambda _: True, Heard(told.append))
    assert stage.feed("x" * NAME_CHARS_MAX) == ""
    assert stage.held() == "x" * NAME_CHARS_MAX
    assert not stage.rejected
    assert stage.feed("x") == ""
    assert stage.rejected
    assert len(told) == 1
