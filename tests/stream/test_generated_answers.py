"""The same answer, streamed in random fragments and whole: the same channels with the same texts.

The streams are built as vLLM builds them; only the texts and the places where they are broken are random.
"""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.text import Kind, TextSource
from extproc.payload.dialect import Dialect
from extproc.payload.endpoints import ENDPOINTS
from extproc.payload.sse import write_event
from tests.stream.recorded import frames_of, texts_of_answer, texts_of_stream

CHAT, COMPLETIONS = ENDPOINTS["/v1/chat/completions"], ENDPOINTS["/v1/completions"]
RESPONSES, MESSAGES = ENDPOINTS["/v1/responses"], ENDPOINTS["/v1/messages"]
TEXTS = st.text(max_size=12)
ARGUMENTS = st.dictionaries(st.text(max_size=4), st.text(max_size=6) | st.integers(0, 10**12), min_size=1, max_size=3)
CALLS = st.lists(st.tuples(st.text("ab_", min_size=1, max_size=4), ARGUMENTS), max_size=3)


def fragments(draw: st.DrawFn, text: str) -> list[str]:
    """A text in pieces, some of them empty."""
    ends = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[begin:end] for begin, end in zip([0, *ends], [*ends, len(text)], strict=True)]


def interleaved(draw: st.DrawFn, sequences: list[list[Any]]) -> list[Any]:
    """Several sequences in one, each in its order."""
    turns = [number for number, sequence in enumerate(sequences) for _ in sequence]
    rest = [iter(sequence) for sequence in sequences]
    return [next(rest[number]) for number in draw(st.permutations(turns))]


def stream_of(trees: list[dict[str, Any]], named: bool) -> bytes:
    """Events of JSON objects."""
    return b"".join(write_event(orjson.dumps(tree), tree["type"] if named else "") for tree in trees)


def texts_whole(dialect: Dialect, tree: dict[str, Any]) -> dict[TextSource, str]:
    """The texts of the unstreamed answer."""
    return texts_of_answer(dialect.read_response(orjson.loads(orjson.dumps(tree))))


@st.composite
def chats(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """A chat answer of one to three choices, whole and streamed."""
    choices, streams = [], []
    for index in range(draw(st.integers(1, 3))):
        texts = {key: draw(TEXTS) for key in draw(st.sets(st.sampled_from(["reasoning", "content", "refusal"])))}
        calls = draw(CALLS)
        tool_calls: list[dict[str, Any]] = [
            {
                "id": f"c{number}",
                "type": "function",
                "function": {"name": name, "arguments": orjson.dumps(given).decode()},
            }
            for number, (name, given) in enumerate(calls)
        ]
        message = {"role": "assistant", "content": None, **texts, "tool_calls": tool_calls}
        choices.append({"index": index, "message": message, "finish_reason": "stop"})
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        for key in ("reasoning", "content", "refusal"):
            deltas += [{key: piece} for piece in fragments(draw, texts.get(key, ""))]
        for number, call in enumerate(tool_calls):
            function = {"name": call["function"]["name"], "arguments": ""}
            deltas.append({"tool_calls": [{**call, "index": number, "function": function}]})
            deltas += [
                {"content": None, "tool_calls": [{"index": number, "function": {"arguments": piece}}]}
                for piece in fragments(draw, call["function"]["arguments"])
            ]
        chunks: list[dict[str, Any]] = [
            {"choices": [{"index": index, "delta": delta, "finish_reason": None}]} for delta in deltas
        ]
        chunks[-1]["choices"][0]["finish_reason"] = "stop"
        streams.append(chunks)
    trees = interleaved(draw, streams)
    return {"choices": choices}, stream_of(trees, named=False) + b"data: [DONE]\n\n"


@given(chats())
def test_chat(answer: tuple[dict[str, Any], bytes]) -> None:
    """Reasoning, content, refusal, names and arguments of every choice, interleaved."""
    tree, stream = answer
    assert texts_of_stream(CHAT, stream) == texts_whole(CHAT, tree)


@given(chats())
def test_a_tool_call_is_closed_when_the_next_begins(answer: tuple[dict[str, Any], bytes]) -> None:
    """So that nothing of it is held back when a client takes it for complete; the last one is closed by the end."""
    open_part: dict[int, int] = {}
    for frame in frames_of(CHAT.stream({}), answer[1]):
        for slot in frame.slots:
            if slot.source.kind is Kind.JSON and slot.text:
                before = open_part.get(slot.source.choice, slot.source.part)
                open_part[slot.source.choice] = slot.source.part
                assert before == slot.source.part
        for choice, part in [*frame.closes, *frame.pauses]:
            if part is None:
                open_part.pop(choice, None)
            elif open_part.get(choice) == part:
                del open_part[choice]
    assert open_part == {}


@st.composite
def completions(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """A completion of one to three choices, whole and streamed."""
    texts = draw(st.lists(TEXTS, min_size=1, max_size=3))
    streams = []
    for index, text in enumerate(texts):
        chunks: list[dict[str, Any]] = [
            {"choices": [{"index": index, "text": piece, "finish_reason": None}]} for piece in fragments(draw, text)
        ]
        chunks[-1]["choices"][0]["finish_reason"] = "stop"
        streams.append(chunks)
    whole = {"choices": [{"index": index, "text": text, "finish_reason": "stop"} for index, text in enumerate(texts)]}
    return whole, stream_of(interleaved(draw, streams), named=False)


@given(completions())
def test_completions(answer: tuple[dict[str, Any], bytes]) -> None:
    """The text of every choice."""
    tree, stream = answer
    assert texts_of_stream(COMPLETIONS, stream) == texts_whole(COMPLETIONS, tree)


@st.composite
def messages(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """A message of some blocks, whole and streamed."""
    blocks: list[dict[str, Any]] = []
    trees: list[dict[str, Any]] = [{"type": "message_start", "message": {"content": [], "usage": {"output_tokens": 0}}}]
    for index in range(draw(st.integers(0, 4))):
        block: dict[str, Any]
        kind = draw(st.sampled_from(["text", "thinking", "tool_use"]))
        if kind == "tool_use":
            block = {"type": kind, "id": f"t{index}", "name": draw(TEXTS), "input": draw(ARGUMENTS)}
            begun, delta_type, key, text = {**block, "input": {}}, "input_json_delta", "partial_json", block["input"]
            text = orjson.dumps(text).decode()
        else:
            block = {"type": kind, kind: draw(TEXTS)}
            begun, delta_type, key, text = {**block, kind: ""}, f"{kind}_delta", kind, block[kind]
        blocks.append(block)
        trees.append({"type": "content_block_start", "index": index, "content_block": begun})
        trees += [
            {"type": "content_block_delta", "index": index, "delta": {"type": delta_type, key: piece}}
            for piece in fragments(draw, text)
        ]
        trees.append({"type": "content_block_stop", "index": index})
    trees.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}})
    trees.append({"type": "message_stop"})
    return {"content": blocks}, stream_of(trees, named=True)


@given(messages())
def test_messages(answer: tuple[dict[str, Any], bytes]) -> None:
    """Every block is a channel; a tool's input means the same as text and as JSON."""
    tree, stream = answer
    assert texts_of_stream(MESSAGES, stream) == texts_whole(MESSAGES, tree)


def _response_item(draw: st.DrawFn, number: int) -> tuple[dict[str, Any], list[tuple[str, dict[str, int], str]]]:
    """An output item, and its texts as (event type, place, text)."""
    item: dict[str, Any]
    kind = draw(st.sampled_from(["message", "reasoning", "function_call"]))
    if kind == "function_call":
        arguments = orjson.dumps(draw(ARGUMENTS)).decode()
        item = {"type": kind, "id": f"i{number}", "call_id": "c", "name": draw(TEXTS), "arguments": arguments}
        return item, [("response.function_call_arguments", {}, arguments)]
    texts = draw(st.lists(TEXTS, min_size=1, max_size=3))
    if kind == "message":
        parts = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
        item = {"type": kind, "id": f"i{number}", "role": "assistant", "content": parts}
        return item, [("response.output_text", {"content_index": index}, text) for index, text in enumerate(texts)]
    summary = draw(st.lists(TEXTS, max_size=2))
    item = {
        "type": kind,
        "id": f"i{number}",
        "summary": [{"type": "summary_text", "text": text} for text in summary],
        "content": [{"type": "reasoning_text", "text": text} for text in texts],
    }
    events = [("response.reasoning_summary_text", {"summary_index": index}, text) for index, text in enumerate(summary)]
    return item, events + [
        ("response.reasoning_text", {"content_index": index}, text) for index, text in enumerate(texts)
    ]


@st.composite
def responses(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """A response of some items, whole and streamed: as deltas, and whole again in four places."""
    output: list[dict[str, Any]] = []
    trees: list[dict[str, Any]] = [{"type": "response.created", "response": {"output": []}}]
    for number in range(draw(st.integers(0, 3))):
        item, texts = _response_item(draw, number)
        output.append(item)
        place = {"output_index": number, "item_id": item["id"]}
        empty: dict[str, Any] = {key: [] for key in ("content", "summary") if key in item}
        begun = {**item, **empty}
        if "arguments" in item:
            begun["arguments"] = ""
        trees.append({"type": "response.output_item.added", **place, "item": begun})
        for kind, index, text in texts:
            where = {**place, **index}
            trees += [{"type": f"{kind}.delta", **where, "delta": piece} for piece in fragments(draw, text)]
            key = "arguments" if "arguments" in kind else "text"
            trees.append({"type": f"{kind}.done", **where, key: text})
            if "output_text" in kind:
                part = {"type": "output_text", "text": text}
                trees.append({"type": "response.content_part.done", **where, "part": part})
        trees.append({"type": "response.output_item.done", **place, "item": item})
    whole = {"status": "completed", "output": output}
    return whole, stream_of([*trees, {"type": "response.completed", "response": whole}], named=True)


@given(responses())
def test_responses(answer: tuple[dict[str, Any], bytes]) -> None:
    """Every part of every item is a channel (a name comes only with its whole item)."""
    tree, stream = answer
    whole = texts_whole(RESPONSES, tree)
    assert texts_of_stream(RESPONSES, stream) == {
        source: text for source, text in whole.items() if source.kind is not Kind.NAME
    }


@given(responses())
def test_what_a_response_repeats_is_what_it_said(answer: tuple[dict[str, Any], bytes]) -> None:
    """Each repetition has the channel of its deltas and their text, so that it is judged alike."""
    tree, stream = answer
    whole = texts_whole(RESPONSES, tree)
    frames = frames_of(RESPONSES.stream({}), stream)
    for frame in frames[:-1]:
        for slot in frame.wholes:
            assert slot.text in ("", whole.get(slot.source, ""))
    assert {slot.source: slot.text for slot in frames[-1].wholes if slot.text} == whole
