"""The stream of the responses API: its events are numbered, and each text is done once."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.domain.errors import ApiError
from extproc.domain.token_rates import RequestSize
from extproc.domain.usage import Usage
from extproc.payload.dialect import StreamReader, UnreadableResponse
from tests.unit.payload.answers import event, reader_of, said

AT = {"item_id": "m", "output_index": 0, "content_index": 0}
PART = {"type": "output_text", "text": "Hi"}


def delta(text: str, **fields: Any) -> dict[str, Any]:
    """A piece of the text."""
    return {"type": "response.output_text.delta", **AT, "delta": text, **fields}


def written(data: bytes) -> dict[str, Any]:
    """What an event becomes."""
    tree: dict[str, Any] = orjson.loads(data.partition(b"data: ")[2])
    return tree


def ended(reader: StreamReader, status: str = "completed") -> Any:
    """The last event."""
    output = [{"type": "message", "content": [PART]}]
    usage = {"input_tokens": 9, "output_tokens": 2}
    response = {"id": "r", "status": status, "output": output, "usage": usage, "output_text": "Hi"}
    return reader.read(event({"type": f"response.{status}", "response": response}))


def test_events_are_numbered_as_they_go_out() -> None:
    """One that is left out leaves no gap, and one of ours has its number among them."""
    reader = reader_of("responses")
    first, _, third = (reader.read(event(delta(text, sequence_number=number))) for number, text in enumerate("abc"))
    numbers = [
        written(reader.write(first)),
        written(reader.carry(first.slots[0].source, "held")),
        written(reader.write(third)),
    ]
    assert [tree["sequence_number"] for tree in numbers] == [0, 1, 2]
    assert numbers[1]["delta"] == "held"
    assert {key: numbers[1][key] for key in AT} == AT


def test_a_text_is_a_delta_then_whole() -> None:
    """The whole repeats what was judged, and closes the channel; a second end would be a second text."""
    reader = reader_of("responses")
    (slot,) = reader.read(event(delta("Hi"))).slots
    done = {"type": "response.output_text.done", **AT, "text": "Hi"}
    frame = reader.read(event(done))
    assert [(whole.source, whole.text) for whole in frame.wholes] == [(slot.source, "Hi")]
    assert frame.closes == [(0, slot.source.part)]
    with pytest.raises(UnreadableResponse, match="two done events"):
        reader.read(event(done))


@pytest.mark.parametrize("status", ["completed", "incomplete", "failed"])
def test_the_last_event_ends_the_choice_and_brings_the_usage(status: str) -> None:
    """However it ended."""
    reader = reader_of("responses")
    frame = ended(reader, status)
    assert (frame.last, frame.finished, frame.failed) == (True, [0], status == "failed")
    assert reader.usage.result(RequestSize()) == Usage(9, 2)


def test_a_response_that_is_cut_repeats_nothing_of_what_was_cut() -> None:
    """Its last event says why, and has no output."""
    reader = reader_of("responses")
    ended(reader, "failed")
    last = written(reader.cut(0))
    assert last["type"] == "response.incomplete"
    assert (last["response"]["output"], last["response"]["usage"]) == ([], None)
    assert "output_text" not in last["response"]
    assert last["response"]["incomplete_details"] == {"reason": "content_filter"}
    assert reader.end() == b""


def test_the_model_is_shown_as_it_was_asked_for() -> None:
    """In each event that has the whole response."""
    reader = reader_of("responses", model="asked")
    frame = reader.read(event({"type": "response.created", "response": {"model": "served", "output": []}}))
    assert written(reader.write(frame))["response"]["model"] == "asked"


def test_an_error_of_ours_is_an_event_of_this_api() -> None:
    """It is numbered too."""
    reader = reader_of("responses")
    tree = written(reader.failure(ApiError(502, "server_error", "unreadable_answer", "No.")))
    assert (tree["type"], tree["code"], tree["sequence_number"]) == ("error", "unreadable_answer", 0)


def test_an_event_that_is_not_known_is_read() -> None:
    """Its words go out only once they are judged."""
    frame = reader_of("responses").read(event({"type": "response.later.delta", "output_index": 0, "note": "jane"}))
    assert ("aside", "jane") in said(frame.slots) or ("content", "jane") in said(frame.slots)
