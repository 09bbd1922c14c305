"""Whatever JSON stands at a place that may hold any, all of it that a model could read is read, or refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.errors import PayloadRefused
from extproc.payload.joined import joined_parts
from tests.json_strings import strings_of
from tests.unit.payload.requests import read

# Names that APIs know too, where a reader might look away, and others.
KEYS = st.sampled_from(
    [
        "type",
        "role",
        "content",
        "text",
        "thinking",
        "refusal",
        "signature",
        "data",
        "cache_control",
        "source",
        "image_url",
        "uuid",
        "id",
        "name",
        "input",
        "output",
        "arguments",
        "function",
        "tool_calls",
        "title",
        "citations",
        "status",
        "summary",
        "is_error",
        "tool_use_id",
        "ttl",
        "zqa",
        "zqb",
        "zqc",
    ]
)
WORDS = st.integers(0, 99_999).map(lambda number: f"zq{number:05}w")
NUMBERS = st.integers(10**7, 10**25) | st.integers(10**7, 10**15).map(float)
JSON = st.recursive(
    WORDS | NUMBERS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, JSON, min_size=1, max_size=5)
USER = {"role": "user", "content": "x"}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def spelled(tree: Any) -> bytes:
    """As JSON, with integers of any size."""
    if isinstance(tree, dict):
        return b"{" + b",".join(orjson.dumps(key) + b":" + spelled(value) for key, value in tree.items()) + b"}"
    if isinstance(tree, list):
        return b"[" + b",".join(map(spelled, tree)) + b"]"
    return str(tree).encode() if isinstance(tree, int) and not isinstance(tree, bool) else orjson.dumps(tree)


def chat(**last: Any) -> dict[str, Any]:
    """A chat with more in its only message."""
    return {"messages": [{**USER, **last}]}


def anthropic(role: str, *blocks: Any) -> dict[str, Any]:
    """The same of Anthropic's."""
    return {"max_tokens": 5, "messages": [{"role": role, "content": list(blocks)}]}


PLACES: dict[str, tuple[str, Any]] = {
    "documents": ("chat", lambda value: {**chat(), "documents": [value]}),
    "message": ("chat", lambda value: chat(zqkey=value)),
    "part": ("chat", lambda value: chat(content=[{"type": "text", "text": "x", "zqkey": value}])),
    "call": ("chat", lambda value: chat(role="assistant", tool_calls=[{**CALL, "zqkey": value}])),
    "arguments": ("chat", lambda value: chat(role="assistant", tool_calls=[{"function": {"arguments": value}}])),
    "tool use": ("messages", lambda value: anthropic("assistant", {"type": "tool_use", "input": value})),
    "result": ("messages", lambda value: anthropic("assistant", {"type": "tool_result", "content": [value]})),
    "system result": ("messages", lambda value: anthropic("system", {"type": "tool_result", "content": [value]})),
    "block": ("messages", lambda value: anthropic("user", {"type": "text", "text": "x", "zqkey": value})),
    "item": ("responses", lambda value: {"input": [{"type": "zqtype", "zqkey": value}]}),
    "call output": ("responses", lambda value: {"input": [{"type": "mcp_call", "output": value}]}),
}


@pytest.mark.parametrize("place", PLACES)
@given(value=OBJECTS)
def test_any_json_is_read_whole(place: str, value: dict[str, Any]) -> None:
    """Under every name of a key, and at every depth."""
    name, request_of = PLACES[place]
    judged = "\n".join(field.text for field in read(name, spelled(request_of(value))).texts)
    assert [text for text in strings_of(value) if text not in judged] == []


@pytest.mark.parametrize("role", ["user", "assistant", "system"])
@given(
    block=OBJECTS,
    kind=st.sampled_from(
        ["text", "thinking", "redacted_thinking", "tool_use", "tool_result", "tool_reference", "tool_addition"]
    ),
)
def test_any_block_is_read_but_for_its_seal(role: str, block: dict[str, Any], kind: str) -> None:
    """Names that the API knows are said by no one; all else is read, or the request is refused."""
    block["type"] = kind
    try:
        view = read("messages", spelled(anthropic(role, block)))
    except PayloadRefused:
        return
    sealed = {"thinking": "signature", "redacted_thinking": "data"}.get(kind, "")
    shown = {key: value for key, value in block.items() if key != sealed or not isinstance(value, str)}
    judged = "\n".join(field.text for field in view.texts)
    assert [text for text in strings_of(list(shown.values())) if text[:2] == "zq" and text not in judged] == []


@given(first=OBJECTS, second=OBJECTS)
def test_nothing_beside_the_halves_divides_them(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Whatever stands in the other keys of two parts, their texts are read as one."""
    own = {"type": "text"}
    request = chat(content=[{**first, **own, "text": "fal"}, {**second, **own, "text": "con"}])
    request["messages"][0]["content"] = [
        {key: value for key, value in part.items() if key != "uuid"} for part in request["messages"][0]["content"]
    ]
    texts = {text for _, both in joined_parts(read("chat", spelled(request)).texts) for text in both}
    assert {"falcon", "fal\ncon"} <= texts
