"""What each dialect states of a request, in the words of its own API."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.domain.text import Speaker
from tests.unit.payload.requests import minimal, read

SCHEMA = {"type": "json_schema"}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("chat", {"response_format": SCHEMA}),
        ("completions", {"response_format": SCHEMA}),
        ("responses", {"text": {"format": SCHEMA}}),
        ("messages", {"output_format": SCHEMA}),
        ("messages", {"output_config": {"format": SCHEMA}}),
        ("count_tokens", {"output_config": {"format": SCHEMA}}),
        ("chat", {"structured_outputs": {"json": {}}}),
    ],
)
def test_json_is_wanted_in_the_words_of_each_api(name: str, fields: dict[str, Any]) -> None:
    """And not in a request without them."""
    assert read(name, minimal(name, **fields)).wants_json
    assert not read(name, minimal(name)).wants_json


@pytest.mark.parametrize(
    ("name", "fields", "lengths"),
    [
        ("chat", {"max_tokens": 7, "max_completion_tokens": 5}, [5, 7]),
        ("completions", {"max_tokens": 7}, [7]),
        ("responses", {"max_output_tokens": 7}, [7]),
        ("messages", {"max_tokens": 7}, [7]),
        ("chat", {"max_tokens": True}, []),
        ("chat", {"max_output_tokens": 1}, []),
        ("responses", {"max_tokens": 1}, []),
        ("embeddings", {"max_tokens": 1}, []),
        ("rerank", {"max_tokens": 1, "top_n": 1, "max_tokens_per_doc": 1}, []),
    ],
)
def test_a_length_is_a_field_of_the_own_api(name: str, fields: dict[str, Any], lengths: list[int]) -> None:
    """A server ignores the fields of other APIs, so none of them bounds what its answer may cost."""
    assert read(name, minimal(name, **fields)).response_lengths == lengths


@pytest.mark.parametrize(("name", "role"), [("chat", "developer"), ("messages", "system"), ("responses", "developer")])
def test_a_message_without_text_has_a_speaker(name: str, role: str) -> None:
    """So that a role which may not speak is seen."""
    key = "input" if name == "responses" else "messages"
    view = read(name, minimal(name, **{key: [{"role": role, "content": ""}, {"role": "user", "content": "a"}]}))
    assert view.speakers == {Speaker.SYSTEM, Speaker.USER}
    assert view.message_count == 2


def test_a_system_prompt_of_blocks_is_one_message() -> None:
    """Anthropic's; a system message within the conversation is another."""
    blocks = [{"type": "text", "text": text} for text in "ab"]
    view = read("messages", minimal("messages", system=blocks, messages=[{"role": "system", "content": "c"}]))
    assert [field.message for field in view.texts] == [("system",), ("system",), ("messages", 0)]


def test_only_the_last_message_is_gone_on_with() -> None:
    """The assistant's; other states are of items alone."""
    last = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert read("chat", minimal("chat", messages=last)).is_prefilled
    assert read("chat", minimal("chat", continue_final_message=True)).is_prefilled
    assert not read("chat", minimal("chat", messages=last[::-1])).is_prefilled


@pytest.mark.parametrize(
    ("name", "fields", "spoken"),
    [
        ("completions", {"suffix": "b"}, ["Hi"]),
        ("embeddings", {"documents": ["b"]}, ["Hi"]),
        ("rerank", {"documents": ["b"], "instruction": "c"}, ["c", "Hi"]),
        ("responses", {"instructions": "b"}, ["b", "Hi"]),
        ("messages", {"system": "b"}, ["b", "Hi"]),
    ],
)
def test_spoken_texts_are_messages_and_prompts(name: str, fields: dict[str, Any], spoken: list[str]) -> None:
    """Not what shapes the answer, nor documents."""
    assert [field.text for field in read(name, minimal(name, **fields)).spoken_texts] == spoken


def test_tools_and_where_they_run() -> None:
    """In the request and in its messages; a tool that is no function runs at the server."""
    tools = [{"type": "function", "function": {"name": "f"}}]
    view = read("chat", minimal("chat", tools=tools, tool_choice={"type": "function", "function": {"name": "g"}}))
    assert [tool.names for tool in view.named_tools] == [("f",), ("g",)]
    assert (view.tool_count, view.runs_tools) == (1, False)
    assert read("responses", minimal("responses", tools=[{"type": "web_search"}])).runs_tools
