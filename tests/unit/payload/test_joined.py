"""Parts of a message are read as a server joins them, whatever stands between them in keys that it drops."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.detectors.text.phrases import Match
from extproc.payload.joined import found_only_joined, joined_parts, message_texts
from tests.unit.payload.requests import minimal, read

CHAFF = "the weather in Paris is nice today"


def part(text: str, **beside: Any) -> dict[str, Any]:
    """A part of text."""
    return {"type": "text", "text": text, **beside}


def joins(name: str, request: dict[str, Any]) -> set[str]:
    """Every text that guards read as a joined one."""
    return {text for _, texts in joined_parts(read(name, request).texts) for text in texts}


def chat(*content: Any, role: str = "user", **fields: Any) -> dict[str, Any]:
    """A chat of one message with these parts."""
    return {"messages": [{"role": role, "content": list(content), **fields}]}


def anthropic(*content: Any, role: str = "user") -> dict[str, Any]:
    """The same of Anthropic's."""
    return {**chat(*content, role=role), "max_tokens": 5}


@pytest.mark.parametrize(
    "beside",
    [
        {"note": CHAFF},
        {"citations": [{"cited_text": CHAFF}]},
        {"cache_control": {"note": CHAFF}},
        {"later": [{"text": CHAFF}]},
        {"later": {"content": [{"type": "text", "text": CHAFF}]}},
        {"refusal": CHAFF},
        {"thinking": CHAFF},
        {CHAFF: 1},
        {"n": 4111111111111111},
    ],
)
@pytest.mark.parametrize(
    ("name", "request_of"),
    [
        ("chat", chat),
        ("messages", anthropic),
        ("messages", lambda *parts: {**minimal("messages"), "system": list(parts)}),
        ("responses", lambda *parts: {"input": [{"role": "user", "content": list(parts)}]}),
        ("messages", lambda *parts: anthropic({"type": "tool_result", "content": list(parts)})),
        ("responses", lambda *parts: {"input": [{"type": "function_call_output", "output": list(parts)}]}),
    ],
    ids=["chat", "messages", "system", "responses", "tool_result", "function_call_output"],
)
def test_attack_5_chaff_in_keys_that_are_dropped_divides_nothing(
    name: str, request_of: Any, beside: dict[str, Any]
) -> None:
    """Both joins of the parts' own texts are read, and the message with all that is in it."""
    read_as = joins(name, request_of(part("project fal", **beside), part("con")))
    assert {"project falcon", "project fal\ncon"} <= read_as
    assert any(str(value) in text for text in read_as for value in (CHAFF, 4111111111111111))


def test_attack_5_a_part_of_another_type_does_not_make_chaff_a_part() -> None:
    """What stands under the name of another part's text is beside this one's."""
    parts = [part("fal", refusal=CHAFF), {"type": "refusal", "refusal": "con", "text": CHAFF}]
    assert "falcon" in joins("chat", chat(*parts, role="assistant"))


def test_attack_5_texts_of_the_message_itself_divide_nothing() -> None:
    """A name, an id or reasoning stands elsewhere in the prompt."""
    assert "falcon" in joins("chat", chat(part("fal"), part("con"), role="tool", tool_call_id=CHAFF))


def test_attack_5_a_result_between_two_texts_divides_nothing() -> None:
    """vLLM moves it before the message."""
    result = {"type": "tool_result", "tool_use_id": "t", "content": [part(CHAFF)]}
    assert "falcon" in joins("messages", anthropic(part("fal"), result, part("con")))


def test_attack_5_thoughts_and_what_is_said_are_joined_apart() -> None:
    """vLLM joins Anthropic's thinking by itself."""
    blocks = [{"type": "thinking", "thinking": "fal"}, part("x"), {"type": "thinking", "thinking": "con"}, part("y")]
    assert {"falcon", "xy"} <= joins("messages", anthropic(*blocks, role="assistant"))


def test_attack_6_blocks_of_the_system_prompt_are_one_message() -> None:
    """vLLM joins them with nothing."""
    request = {**minimal("messages"), "system": [part("project fal"), part("con")]}
    assert "project falcon" in joins("messages", request)
    assert [joined.text for joined in message_texts(read("messages", request).texts)] == ["project fal\ncon", "Hi"]


@pytest.mark.parametrize("content", ["con", [part("con")]])
def test_attack_6_system_messages_are_joined_to_the_system_prompt(content: Any) -> None:
    """Where the template wants one system message, vLLM makes one of all."""
    turns = [{"role": "user", "content": "Hi"}, {"role": "system", "content": content}]
    assert "project falcon" in joins("messages", {"system": "project fal", "messages": turns, "max_tokens": 5})


@pytest.mark.parametrize(("name", "tail"), [("messages", ""), ("messages", "\nmore"), ("chat", "")])
def test_attack_6_a_header_that_is_dropped_divides_nothing(name: str, tail: str) -> None:
    """vLLM leaves out a block of the system's that begins like Claude Code's header, and of a chat's its first line."""
    parts = [part("project fal"), part(f"x-anthropic-billing-header: {CHAFF}{tail}"), part("con")]
    first = {"role": "system", "content": parts}
    request: dict[str, Any] = {"messages": [first, {"role": "user", "content": "Hi"}], "max_tokens": 5}
    assert "project falcon" in joins(name, request)
    request["messages"][0]["content"][1]["text"] = f"x-anthropic-billing-header: {CHAFF}\nc"
    request["messages"][0]["content"][2]["text"] = "on"
    assert "project falcon" in joins("chat", request)


def test_what_is_divided_is_reported_once() -> None:
    """However many readings of the message show it."""
    view = read("chat", chat(part("fal", note=CHAFF), part("con"), role="tool", tool_call_id="t"))

    def find(text: str) -> list[Match]:
        return [Match(at, at + 6, 0) for at in range(len(text)) if text.startswith("falcon", at)]

    ((joined, found),) = found_only_joined(view.texts, find)
    assert joined.text == "falcon"
    assert len(found) == 1
