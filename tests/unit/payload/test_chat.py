"""Chats: roles, parts, calls of tools, and an answer that is cut."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.payload.endpoints import CHAT
from tests.unit.payload.requests import IMAGE, MEDIA, chat_with, read, refusal, texts


def test_chat_answer_cut() -> None:
    """The choice says why; calls that were not reached are gone; other choices stay."""
    calls = [{"function": {"name": name, "arguments": "{}"}} for name in "fg"]
    tree: dict[str, Any] = {"choices": [{"index": index, "message": {"tool_calls": list(calls)}} for index in (0, 1)]}
    view = CHAT.read_response(tree)
    CHAT.cut_response(view, 0, view.slots[:2])
    assert [len(choice["message"]["tool_calls"]) for choice in tree["choices"]] == [1, 2]
    assert [choice.get("finish_reason") for choice in tree["choices"]] == ["content_filter", None]


def test_chat_roles() -> None:
    """Whose words a message is."""
    roles = ["system", "developer", "user", "assistant", "tool", "function"]
    found = chat_with(*({"role": role, "content": role} for role in roles))
    assert [speaker for speaker, _, _ in found] == ["system", "system", "user", "assistant", "tool", "tool"]


@pytest.mark.parametrize("role", [None, "", "ctx", "System", ["user"], {"a": 1}, 5])
def test_a_role_that_is_not_known_is_refused(role: Any) -> None:
    """It would be read as nobody's words."""
    assert refusal("chat", {"messages": [{"role": role, "content": "x"}]}).code == "invalid_role"


@pytest.mark.parametrize("messages", [None, [], "text", {"role": "user"}, ["text"], [None], 5])
def test_messages_must_be_messages(messages: Any) -> None:
    """Also not one conversation in the place of one message, as the batch endpoint takes it."""
    assert refusal("chat", {"messages": messages}).code == "invalid_type"


@pytest.mark.parametrize("content", [5, {"type": "text", "text": "x"}, True])
def test_content_must_be_a_text_or_parts(content: Any) -> None:
    """Null is a message without content."""
    assert refusal("chat", {"messages": [{"role": "user", "content": content}]}).code == "invalid_type"
    assert chat_with({"role": "assistant", "content": None}) == []


def test_chat_parts() -> None:
    """Each part of text is a text; thinking is reasoning; cache marks are none."""
    parts = [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "input_text", "text": "b"},
        {"type": "thinking", "thinking": "c"},
        {"type": "refusal", "refusal": "d", "title": "e"},
    ]
    assert [text for _, _, text in chat_with({"role": "user", "content": parts})] == ["a", "b", "c", "d", "e"]
    assert ("user", "reasoning", "c") in chat_with({"role": "user", "content": parts})


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("bare text", "invalid_type"),
        ({"text": "no type"}, "invalid_type"),
        ({"text": "a", "image_url": "http://x"}, "invalid_type"),
        ({"type": ["text"], "text": "a"}, "invalid_type"),
        ({"type": "text"}, "invalid_type"),
        ({"type": "text", "text": ["a"]}, "invalid_type"),
        ({"type": "text", "text": "a", "uuid": "u", "image_url": "http://x"}, "part_not_allowed"),
        (IMAGE, "part_not_allowed"),
        ({"type": "input_audio", "input_audio": {"data": ""}}, "part_not_allowed"),
        ({"type": "later", "text": "a"}, "part_not_allowed"),
    ],
)
def test_a_part_that_is_not_plainly_text_is_refused(part: Any, code: str) -> None:
    """vLLM guesses at parts without a type, and looks for media in a text part that has a ``uuid``."""
    assert refusal("chat", {"messages": [{"role": "user", "content": [part]}]}).code == code


def test_media_may_pass_by_policy() -> None:
    """Then it is said to be unread; what stands beside it is read, its bytes are not."""
    view = read("chat", {"messages": [{"role": "user", "content": [{**IMAGE, "caption": "a"}]}]}, MEDIA)
    assert view.unread == ("media",)
    assert texts(view) == [("user", "content", "a")]


def test_chat_tool_calls() -> None:
    """Name, arguments and id; arguments that are no text are read all the same, with their numbers."""
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "f", "arguments": {"a": "b", "card": 4111111111111111}},
    }
    custom = {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}}
    message = {"role": "assistant", "tool_calls": [call, custom], "function_call": {"name": "h", "arguments": "{}"}}
    assert chat_with(message) == [
        ("assistant", "name", "c1"),
        ("assistant", "name", "f"),
        ("assistant", "content", "b"),
        ("assistant", "content", "4111111111111111"),
        ("assistant", "name", "c2"),
        ("assistant", "content", "g"),
        ("assistant", "content", "x"),
        ("assistant", "content", "h"),
        ("assistant", "content", "{}"),
    ]
    for bad in ("text", [5], [{"function": "text"}]):
        assert refusal("chat", {"messages": [{"role": "assistant", "tool_calls": bad}]}).code == "invalid_type"


def test_other_fields_of_a_message_are_read() -> None:
    """Names, ids, reasoning of both spellings, and what is not known."""
    message = {"role": "tool", "name": "a", "tool_call_id": "b", "reasoning": "c", "reasoning_content": "d", "x": ["e"]}
    assert [text for _, _, text in chat_with(message)] == ["a", "b", "c", "d", "e"]
