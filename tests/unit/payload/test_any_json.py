"""Whatever JSON comes, a dialect reads it or refuses it with its own error; it never fails otherwise."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.domain.errors import PayloadRefused
from extproc.domain.token_rates import RequestSize
from extproc.payload.dialect import UnreadableResponse
from extproc.payload.sse import SseEvent
from extproc.payload.view import CopyRules, RequestPolicy
from tests.stream.recorded import POLICY, Recorded, data_of, recordings
from tests.thorough import examples
from tests.unit.payload.requests import BY_NAME, read

WORDS = """
    type role content text name arguments function tool_calls index choices delta message usage input output item part
    response error summary logprobs finish_reason content_block stream n model user documents tools prompt system
    query instruction results relevance_score document
"""
KEYS = st.sampled_from(WORDS.split())
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.just(10**9) | st.sampled_from(["", "text", "tool_use", "user"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
REQUESTS: dict[str, dict[str, Any]] = {
    "chat": {
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "a"}]},
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [{"function": {"name": "f"}}],
        "chat_template_kwargs": {"enable_thinking": True},
    },
    "completions": {"prompt": ["a", "b"], "suffix": "c", "n": 2},
    "responses": {"input": [{"role": "user", "content": [{"type": "input_text", "text": "a"}]}], "instructions": "b"},
    "messages": {
        "system": [{"type": "text", "text": "a"}],
        "messages": [
            {"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {"a": "b"}}]},
            {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "a"}]}]},
        ],
        "metadata": {"user_id": "u"},
    },
    "embeddings": {"input": ["a", "b"], "user": "u"},
    "rerank": {
        "query": {"content": [{"type": "text", "text": "a"}]},
        "documents": ["b", {"text": "c"}, {"content": [{"type": "text", "text": "d"}]}],
        "instruction": "e",
    },
}


@st.composite
def damaged(draw: st.DrawFn, tree: Any) -> Any:
    """A JSON value with something else in one or two places."""
    tree = orjson.loads(orjson.dumps(tree))
    for _ in range(draw(st.integers(1, 2))):
        holder = tree
        while True:
            places = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not places:
                break
            place = draw(st.sampled_from(places))
            child = holder[place]
            if isinstance(child, dict | list) and child and draw(st.integers(0, 4)):
                holder = child
                continue
            holder[place] = draw(JUNK)
            break
    return tree


@pytest.mark.parametrize("name", REQUESTS)
@given(data=st.data())
def test_requests(name: str, data: st.DataObject) -> None:
    """Read or refused with a 400; what is read can be changed and read again."""
    policy = data.draw(st.sampled_from([POLICY, RequestPolicy(64, token_ids_pass=True, media_pass=True)]))
    body = orjson.dumps(data.draw(damaged(REQUESTS[name]) | st.dictionaries(KEYS, JUNK, max_size=4)))
    try:
        view = read(name, body, policy)
    except PayloadRefused as refused:
        if refused.error.status != 400:
            raise
        return
    for field in view.texts:
        if not field.keys:
            view.replace_text(field, "<X>")
    BY_NAME[name].insert_prompt(view, "Obey.", data.draw(st.booleans()))
    BY_NAME[name].ask_for_usage(view, True)
    read(name, view.body_after(), policy)


@pytest.mark.parametrize("item", recordings(streamed=False), ids=lambda item: item.name)
@settings(max_examples=examples(25))  # of each recording
@given(data=st.data())
def test_answers(item: Recorded, data: st.DataObject) -> None:
    """Read or unreadable; what is read can be cut and written."""
    tree = data.draw(damaged(orjson.loads(item.answer)))
    try:
        view = item.dialect.read_response(tree)
    except UnreadableResponse:
        return
    assert all(isinstance(slot.text, str) for slot in view.slots)
    for choice in {slot.source.choice for slot in view.slots}:
        item.dialect.cut_response(view, choice, [])
    view.write()


@cache
def trees_of(item: Recorded) -> list[Any]:
    """The JSON of each event of a recorded stream."""
    return data_of(item.answer)


@pytest.mark.parametrize("item", recordings(streamed=True), ids=lambda item: item.name)
@settings(max_examples=examples(25))
@given(data=st.data())
def test_streams(item: Recorded, data: st.DataObject) -> None:
    """Each event is read or unreadable; what is read can be written."""
    reader = item.dialect.stream({"model": "m"})
    trees = trees_of(item)
    for tree in [trees[0], data.draw(damaged(data.draw(st.sampled_from(trees))))]:
        try:
            frame = reader.read(SseEvent(b"", "", orjson.dumps(tree)))
        except UnreadableResponse:
            return
        assert all(isinstance(slot.text, str) for slot in frame.slots + frame.wholes)
        CopyRules(drops_all=True).drop_from(frame.copies)
        reader.write(frame)
        reader.without_choice(frame, 0)
    reader.usage.result(RequestSize())
