"""What vLLM really sent: every recording is read, completely, in order, with the usage that it states."""

from __future__ import annotations

import orjson
import pytest

from extproc.domain.text import Kind
from extproc.domain.usage import Usage
from extproc.payload.endpoints import ENDPOINTS
from extproc.payload.sse import write_event
from extproc.payload.usage import anthropic_usage_of, usage_of
from extproc.payload.view import CopyRules
from tests.stream.recorded import (
    Recorded,
    data_of,
    frames_of,
    recorded,
    recordings,
    texts_of_answer,
    texts_of_stream,
    usage_of_stream,
)

UNSTREAMED, STREAMED = recordings(streamed=False), recordings(streamed=True)
BROKEN_OFF = {"crash_stream", "crash_responses_stream"}
# What a reader sees, in the bodies of each API: told here once more, plainly, and for recordings only.
TEXT_KEYS = {"content", "reasoning", "text", "thinking", "arguments", "partial_json", "delta"}


def named(item: Recorded) -> str:
    """A test's id."""
    return item.name


def recording(name: str) -> Recorded:
    """One recording, which must be of an API that we read."""
    item = recorded(name)
    assert item is not None
    return item


def test_there_are_recordings_of_every_api() -> None:
    """None of the tests below is empty."""
    assert {item.dialect.name for item in UNSTREAMED} == {dialect.name for dialect in ENDPOINTS.values()}
    assert {item.dialect.name for item in STREAMED} == {"chat", "completions", "responses", "messages"}


@pytest.mark.parametrize("item", UNSTREAMED, ids=named)
def test_unstreamed(item: Recorded) -> None:
    """Texts are there, and written again unchanged the body means the same."""
    tree = orjson.loads(item.answer)
    view = item.dialect.read_response(tree)
    assert view.usage is not None
    counts = item.dialect.name == "count_tokens"
    assert bool(view.usage.prompt) is not counts
    assert bool(view.usage.completion) is item.dialect.generates
    assert bool(texts_of_answer(view)) is (item.dialect.reads_responses and not counts)
    assert view.write() == orjson.dumps(orjson.loads(item.answer))


@pytest.mark.parametrize("item", STREAMED, ids=named)
def test_streamed(item: Recorded) -> None:
    """Every event is read; a stream that came to its end has said so for each choice."""
    frames = frames_of(item.dialect.stream({}), item.answer)
    finished = [choice for frame in frames for choice in frame.finished]
    assert any(frame.slots for frame in frames)
    assert any(frame.failed for frame in frames) is (item.name == "crash_stream")
    if item.name in BROKEN_OFF:
        assert finished == []
    else:
        assert sorted(finished) == list(range(orjson.loads(item.request).get("n", 1)))
        assert frames[-1].last


def _all_text(item: Recorded) -> int:
    """Characters of all texts of the deltas of a stream."""
    total = 0
    for tree in data_of(item.answer):
        for choice in tree.get("choices", []):
            delta = choice.get("delta", choice)
            total += sum(len(delta[key]) for key in TEXT_KEYS & delta.keys() if isinstance(delta[key], str))
            for call in delta.get("tool_calls") or []:
                total += len(call["function"].get("name") or "") + len(call["function"].get("arguments") or "")
        if tree.get("type") == "content_block_delta":
            total += sum(len(tree["delta"][key]) for key in TEXT_KEYS & tree["delta"].keys())
        elif tree.get("type") == "content_block_start":
            total += len(tree["content_block"].get("name") or "")
        elif str(tree.get("type")).endswith(".delta"):
            total += len(tree["delta"])
    return total


@pytest.mark.parametrize("item", STREAMED, ids=named)
def test_no_text_is_left_out(item: Recorded) -> None:
    """All that a client would join is in the slots."""
    texts = texts_of_stream(item.dialect, item.answer)
    total = sum(len(text) for source, text in texts.items() if source.kind is not Kind.ASIDE)
    assert total == _all_text(item) > 0


@pytest.mark.parametrize("item", [item for item in STREAMED if item.name not in BROKEN_OFF], ids=named)
def test_usage_is_that_of_the_last_event_that_has_one(item: Recorded) -> None:
    """Where a recording states none, it is estimated from the text, and not zero."""
    stated: Usage | None = None
    for tree in data_of(item.answer):
        holder = tree.get("response") or tree
        usage = holder.get("usage")
        if usage and not tree.get("choices") and tree.get("type") != "message_start":
            stated = anthropic_usage_of(usage) if item.dialect.name == "messages" else usage_of(usage)
    usage = usage_of_stream(item.dialect, item.answer, 40)
    if stated is None:
        assert usage.estimated
        assert usage.prompt == round(40 / 4.4)
        assert usage.completion >= len([event for event in data_of(item.answer) if event.get("choices")]) - 2
    else:
        assert usage == stated


def test_running_usage_of_an_aborted_stream() -> None:
    """Cut off before its end, a stream with continuous usage is metered as the server counted so far."""
    item = recording("chat_stream_usage_continuous")
    events = item.answer.split(b"\n\n")
    for kept in (5, 20, 30):
        stream = b"\n\n".join(events[:kept]) + b"\n\n"
        last = data_of(stream)[-1]["usage"]
        assert usage_of_stream(item.dialect, stream) == Usage(
            last["prompt_tokens"], last["completion_tokens"], estimated=True
        )


def test_cached_tokens_of_messages() -> None:
    """The prompt holds them: streamed and unstreamed alike, and as in the first event."""
    unstreamed = recording("messages_tool")
    view = unstreamed.dialect.read_response(orjson.loads(unstreamed.answer))
    streamed = recording("messages_tool_stream")
    start = data_of(streamed.answer)[0]["message"]["usage"]
    assert view.usage is not None
    assert view.usage.cached > 0
    assert view.usage.prompt == start["input_tokens"]
    usage = usage_of_stream(streamed.dialect, streamed.answer)
    assert (usage.prompt, usage.cached) == (view.usage.prompt, view.usage.cached)


@pytest.mark.parametrize(
    ("unstreamed", "streamed"),
    [
        ("chat", "chat_stream"),
        ("chat", "chat_stream_usage"),
        ("chat", "chat_stream_usage_continuous"),
        ("chat_pii", "chat_pii_stream"),
        ("comp", "comp_stream"),
        ("greeting_pii", "greeting_pii_stream"),
        ("hello", "hello_stream"),
        ("reason", "reason_stream"),
        ("refusal", "refusal_stream"),
        ("responses", "responses_stream"),
        ("responses_greeting_pii", "responses_greeting_pii_stream"),
        ("responses_hello", "responses_hello_stream"),
        ("responses_refusal", "responses_refusal_stream"),
    ],
)
def test_a_stream_has_the_texts_of_its_unstreamed_twin(unstreamed: str, streamed: str) -> None:
    """The same channels, the same texts; but for what each response object says again of its request."""
    whole = recording(unstreamed)
    view = whole.dialect.read_response(orjson.loads(whole.answer))
    stream = recording(streamed)
    texts, texts_streamed = (
        {source: text for source, text in texts.items() if source.kind is not Kind.ASIDE}
        for texts in (texts_of_answer(view), texts_of_stream(stream.dialect, stream.answer))
    )
    assert texts == texts_streamed != {}


@pytest.mark.parametrize("item", UNSTREAMED + STREAMED, ids=named)
def test_nothing_stands_beside_the_texts_but_what_was_asked_for(item: Recorded) -> None:
    """All that vLLM says otherwise is inert, so that honest answers pay nothing for it.

    But for the words at which a client had it stop, its errors, and what responses and scores repeat of the request.
    """
    if item.streamed:
        frames = frames_of(item.dialect.stream({}), item.answer)
        slots = [slot for frame in frames if not frame.failed for slot in frame.slots]
    else:
        slots = item.dialect.read_response(orjson.loads(item.answer)).slots
    asides = {slot.text for slot in slots if slot.source.kind is Kind.ASIDE}
    if item.dialect.name in ("responses", "rerank"):
        asides = {text for text in asides if text.encode() not in item.request}
    assert asides <= set(orjson.loads(item.request).get("stop") or ())


@pytest.mark.parametrize("item", UNSTREAMED + STREAMED, ids=named)
def test_texts_come_as_a_model_says_them(item: Recorded) -> None:
    """Reasoning, then content, then tool calls by index."""
    order = [Kind.REASONING, Kind.CONTENT, Kind.REFUSAL, Kind.NAME, Kind.JSON]
    if item.streamed:
        sources = list(texts_of_stream(item.dialect, item.answer))
    else:
        sources = list(texts_of_answer(item.dialect.read_response(orjson.loads(item.answer))))
    sources = [source for source in sources if source.kind is not Kind.ASIDE]
    for choice in {source.choice for source in sources}:
        of_choice = [source for source in sources if source.choice == choice]
        assert of_choice == sorted(of_choice, key=lambda source: (source.part, order.index(source.kind)))


def test_two_choices_are_kept_apart() -> None:
    """Their chunks interleave; each text is that of its own choice, and the texts differ."""
    item = recording("chat_n2_stream")
    texts = {source.choice: text for source, text in texts_of_stream(item.dialect, item.answer).items()}
    joined = {0: "", 1: ""}
    for tree in data_of(item.answer):
        for choice in tree["choices"]:
            joined[choice["index"]] += choice["delta"].get("content") or ""
    assert texts == joined
    assert texts[0] != texts[1]


def test_two_tool_calls_are_kept_apart() -> None:
    """Fragments belong to the call of their index, and the arguments of each are JSON."""
    item = recording("chat_tool_auto_two_stream")
    texts = texts_of_stream(item.dialect, item.answer)
    names = {source.part: text for source, text in texts.items() if source.kind is Kind.NAME}
    arguments = {source.part: text for source, text in texts.items() if source.kind is Kind.JSON}
    assert list(names.values()) == ["get_weather", "get_time"]
    assert [orjson.loads(arguments[part]).keys() & {"city", "zone"} for part in names] == [{"city"}, {"zone"}]


@pytest.mark.parametrize(
    ("name", "keys"),
    [("chat_logprobs", {"logprobs"}), ("chat_pii_stream_logprobs", {"logprobs", "token_ids", "prompt_token_ids"})],
)
def test_copies_of_the_text_are_found(name: str, keys: set[str]) -> None:
    """Dropped, nothing of the text is left beside the slots."""
    item = recording(name)
    found: set[str] = set()
    if item.streamed:
        reader = item.dialect.stream({})
        for frame in frames_of(reader, item.answer):
            found |= {copy.key for copy in frame.copies}
            CopyRules(drops_all=True).drop_from(frame.copies)
            for slot in frame.slots:
                slot.put("")
            written = reader.write(frame) if frame.tree is not None else b""
            assert b'"token"' not in written
            assert b'"bytes"' not in written
    else:
        view = item.dialect.read_response(orjson.loads(item.answer))
        found = {copy.key for copy in view.copies}
        CopyRules(drops_all=True).drop_from(view.copies)
        assert b'"bytes"' not in view.write()
    assert found == keys


@pytest.mark.parametrize("name", ["messages_stream", "chat_stream_usage_continuous"])
def test_text_after_the_last_count_is_metered_too(name: str) -> None:
    """Usage in one event covers the text of that event and before it; what follows without usage is estimated."""
    item = recording(name)
    stream = b""
    for number, tree in enumerate(data_of(item.answer)[:12]):
        if number > 3:
            tree.pop("usage", None)
        stream += write_event(orjson.dumps(tree))
    counted = data_of(stream)[3].get("usage", {}).get("completion_tokens", 0)
    usage = usage_of_stream(item.dialect, stream)
    assert usage.estimated
    assert usage.completion >= counted + 8 - (name == "messages_stream")
