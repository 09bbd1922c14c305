"""An event that a template reads is what it is when it is parsed whole, and no other event is taken for one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.domain.text import Kind
from extproc.payload.chat import ChatStream
from extproc.payload.completions import CompletionsStream
from extproc.payload.openai_response import ChoiceStream
from extproc.payload.plain_chunk import PlainChunks
from extproc.payload.sse import SseEvent, write_event

TEXTS = st.text(min_size=1, max_size=12)


def chunk(text: Any, **choice: Any) -> dict[str, Any]:
    """A chunk of a chat as vLLM writes it."""
    whole = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None, **choice}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "tiny", "choices": [whole]}


def event(tree: Mapping[str, Any]) -> SseEvent:
    """The event of a tree."""
    data = orjson.dumps(tree)
    return SseEvent(write_event(data), "", data)


def template_of(tree: Mapping[str, Any], stream: ChoiceStream | None = None) -> PlainChunks:
    """What a stream knows after one event."""
    stream = stream or ChatStream({})
    stream.read(event(tree))
    return stream.plain


@given(TEXTS, TEXTS, st.booleans())
@example('"', "\\", True)
def test_the_text_of_a_like_event_is_read(first: str, second: str, escaped: bool) -> None:
    """However its characters are spelled."""
    plain = template_of(chunk(first))
    data = json.dumps(chunk(second), separators=(",", ":"), ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    assert plain.text_of(data) == second
    assert plain.source.kind is Kind.CONTENT
    assert plain.passes


INSERTS = st.sampled_from([
    b'","content":"b', b'"},"more":{"x":"y', b'","finish_reason":"stop', b'"}}],"usage":{"a":"b',
    b"\\", b'"', b"\x00", b" ", b"null", b"\xff",
])  # fmt: skip


@given(
    TEXTS,
    TEXTS,
    st.lists(st.tuples(st.integers(0, 10**4), st.integers(0, 6), INSERTS | st.binary(max_size=6)), max_size=3),
)
def test_what_a_template_reads_says_nothing_but_its_text(
    first: str, second: str, edits: list[tuple[int, int, bytes]]
) -> None:
    """Bytes taken out and put in anywhere: the event differs from the template in its text alone, or is not plain."""
    data = orjson.dumps(chunk(second))
    for place, taken, put in edits:
        place %= len(data) + 1
        data = data[:place] + put + data[place + taken :]
    text = template_of(chunk(first)).text_of(data)
    if text is not None:
        assert orjson.loads(data) == chunk(text)
        assert json.loads(data, object_pairs_hook=once) == chunk(text), "no key stands twice"


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys differ."""
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@given(TEXTS, TEXTS, st.sampled_from([{}, {"model": "asked-for"}, {"model": "tiny"}]))
def test_an_event_is_written_as_the_stream_writes_it(first: str, second: str, shown: dict[str, Any]) -> None:
    """With what the client sees otherwise; it may go on as it came only where that changes nothing."""
    plain = template_of(chunk(first), ChatStream(shown))
    assert plain.write(second) == write_event(orjson.dumps({**chunk(second), **shown}))
    assert plain.passes is (shown.get("model", "tiny") == "tiny")


@pytest.mark.parametrize(
    "tree",
    [
        chunk("a", finish_reason="stop"),
        chunk("a", logprobs={"content": []}),
        chunk("a", delta={"role": "assistant", "content": "a"}),
        chunk("a", delta={"content": "a", "reasoning": "b"}),
        chunk("a", delta={"tool_calls": [{"index": 0, "function": {"arguments": "a"}}]}),
        {**chunk("a"), "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
        {**chunk("a"), "choices": [*chunk("a")["choices"], *chunk("b", index=1)["choices"]]},
        {**chunk("a"), "unknown": "text"},
        chunk("a", unknown="text"),
    ],
)
def test_an_event_with_anything_else_in_it_is_no_template(tree: dict[str, Any]) -> None:
    """What ends, counts, copies, or brings another text is read each time."""
    assert template_of(tree).text_of(orjson.dumps(tree)) is None


def test_an_event_that_is_written_otherwise_is_no_template() -> None:
    """With blanks, say: then where the text stands is not known from the tree."""
    data = json.dumps(chunk("a")).encode()
    stream = ChatStream({})
    stream.read(SseEvent(write_event(data), "", data))
    assert stream.plain.text_of(data) is None


def test_completions_have_templates_too() -> None:
    """Their text stands beside the index."""
    tree: dict[str, Any] = {"id": "cmpl-1", "choices": [{"index": 0, "text": "a", "finish_reason": None}]}
    plain = template_of(tree, CompletionsStream({}))
    assert plain.text_of(orjson.dumps({**tree, "choices": [{**tree["choices"][0], "text": "b c"}]})) == "b c"


def test_a_text_that_looks_like_the_probe_makes_no_template() -> None:
    """It would not be known which of the two is the text."""
    assert template_of({**chunk("a"), "id": "\x01llm-extproc\x01"}).text_of(orjson.dumps(chunk("a"))) is None


def test_a_stream_whose_events_take_turns_is_not_searched_for_ever() -> None:
    """After some templates the last one stays."""
    stream = ChatStream({})
    for number in range(100):
        stream.read(event({**chunk("a"), "created": number}))
    known = [number for number in range(100) if stream.plain.text_of(orjson.dumps({**chunk("b"), "created": number}))]
    assert known == [7]
