"""The recordings are whole, small, cut without loss, and say what their requests dictated."""

import itertools
import json
import shutil
from pathlib import Path

import extproc_demo
import pytest

from extproc.demo.catalog import Catalog, Cut, Recording, shipped

SHIPPED = Path(extproc_demo.__file__).with_name("recordings")
NAMES = sorted(shipped().names)
DICTATED = [name for name in NAMES if any(stem in name for stem in ("hello", "refusal", "greeting_pii"))]


def body_of(recording: Recording) -> bytes:
    """The response's body without its chunked framing, read by the chunk sizes."""
    body = recording.response[recording.head_bytes :]
    if not recording.chunk_ends:
        return body
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        whole, body = whole + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return whole


def answered_text(body: bytes) -> str:
    """The text of an answer in any of the APIs, streamed or not."""
    events = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: {")]
    if not events:
        answer = json.loads(body)
        if "choices" in answer:
            return str(answer["choices"][0]["message"]["content"])
        return str((answer.get("output") or [answer])[0]["content"][0]["text"])
    text = ""
    for event in events:
        if "choices" in event:
            text += "".join(choice["delta"].get("content") or "" for choice in event["choices"])
        elif event["type"] == "response.output_text.delta":
            text += event["delta"]
        elif event["type"] == "content_block_delta":
            text += event["delta"]["text"]
    return text


def test_the_shipped_recordings_stay_small() -> None:
    """They travel in the package: all of them together stay below 1.5 MB."""
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 1_500_000


@pytest.mark.parametrize("name", NAMES)
def test_the_writes_of_any_cut_join_to_the_recorded_bytes(name: str) -> None:
    """However a response is cut, nothing is lost, added or moved, and no write is empty."""
    recording = shipped()[name]
    cuts: tuple[Cut, ...] = ("recorded", "event", 1, 7, 4096, len(recording.response), 10**6)
    for cut in cuts:
        writes = [write.data for write in recording.writes(cut, speed=1.0)]
        assert b"".join(writes) == recording.response
        assert all(writes)


@pytest.mark.parametrize("name", [name for name in NAMES if shipped()[name].chunk_ends])
def test_cut_by_event_each_write_after_the_head_is_one_http_chunk(name: str) -> None:
    """vLLM sends one SSE event as one chunk, so the cut by event gives one event a write; the count follows."""
    recording = shipped()[name]
    head, *events = recording.writes("event", speed=1.0)
    assert head.data.endswith(b"\r\n\r\n")
    assert head.events == 0
    assert [write.events for write in events[: len(recording.chunk_ends)]] == [*range(1, len(recording.chunk_ends) + 1)]
    for write in events[: len(recording.chunk_ends)]:
        assert write.data.endswith(b"\n\n\r\n")
        assert write.data.count(b"\n\n\r\n") == 1


@pytest.mark.parametrize("cut", ["recorded", "event", 100])
def test_writes_are_due_in_order_at_the_recorded_pace_divided_by_the_speed(cut: Cut) -> None:
    """No write is due before the one before it; the last is due when the last byte came; speed 0 never waits."""
    recording = shipped()["hello_stream"]
    due = [write.due_s for write in recording.writes(cut, speed=1.0)]
    assert due == sorted(due)
    assert due[-1] == recording.timing[-1][1]
    assert [write.due_s for write in recording.writes(cut, speed=2.0)] == [due_s / 2 for due_s in due]
    assert {write.due_s for write in recording.writes(cut, speed=0)} == {0.0}


def test_no_byte_is_due_before_it_had_come() -> None:
    """A write is due when the last of its bytes had come, whatever the cut."""
    recording = shipped()["keepalive_stream"]
    cuts: tuple[Cut, ...] = ("event", 64)
    for cut in cuts:
        writes = list(recording.writes(cut, speed=1.0))
        for end, write in zip(itertools.accumulate(len(write.data) for write in writes), writes, strict=True):
            assert max(n for n, t in recording.timing if t <= write.due_s) >= end


@pytest.mark.parametrize("name", DICTATED)
def test_a_dictated_answer_says_exactly_what_its_request_asked_for(name: str) -> None:
    """The request file shows how the text was dictated: a choice of one, or a schema of one constant."""
    recording = shipped()[name]
    asked = json.loads(recording.request.partition(b"\r\n\r\n")[2])
    said = answered_text(body_of(recording))
    if "structured_outputs" in asked:
        assert [said] == asked["structured_outputs"]["choice"]
    else:
        assert json.loads(said) == asked["output_config"]["format"]["schema"]["const"]


def test_a_server_that_closed_the_connection_is_recorded_so() -> None:
    """Without the last chunk when the engine died in a responses stream; with `connection: close` after noise."""
    assert [name for name in NAMES if shipped()[name].closes] == ["crash_responses_stream", "err_http"]


def test_files_that_disagree_are_refused(tmp_path: Path) -> None:
    """A timing that does not reach the end of the response would leave bytes unsent."""
    for file in SHIPPED.glob("chat.*"):
        shutil.copy(file, tmp_path)
    (tmp_path / "chat.timing.json").write_text("[[10, 0.1]]")
    with pytest.raises(ValueError, match=r"recording chat .* timing must rise to"):
        Catalog.read(tmp_path)


def test_an_unknown_name_is_told_what_there_is() -> None:
    """The error of a mistyped name lists the names."""
    with pytest.raises(KeyError, match=r"no recording is called 'chatt'.*chat_stream"):
        shipped()["chatt"]
