"""Which choices of a stream are over, and whose last text was cut off."""

from __future__ import annotations

import pytest

from extproc.domain.text import Direction, Kind, Speaker, TextSource
from extproc.exchange.choices import StreamChoices
from extproc.payload.endpoints import CHAT
from extproc.payload.ends import End
from extproc.payload.sse import SseEvent
from extproc.payload.view import response_source
from tests.playbooks.driver import dumps

CONTENT = response_source(Kind.CONTENT, 0)
ARGUMENTS = response_source(Kind.JSON, 0, 1)
ASIDE = TextSource(Direction.RESPONSE, Speaker.ASSISTANT, Kind.ASIDE)


def choices() -> StreamChoices:
    """Of a stream in which only the model's own end is one."""
    return StreamChoices((End.OWN,))


def test_a_choice_that_is_over_counts_once() -> None:
    """However often it is said, and whoever ended it."""
    stream = choices()
    stream.finish(0)
    stream.finish(0)
    stream.cut_at(0)
    stream.cut_at(2)
    assert (stream.ended, set(stream.over)) == (2, {0, 2})


def test_the_end_of_a_part_is_none_of_the_choice() -> None:
    """Another part may go on; errors and other asides belong to no choice."""
    stream = choices()
    stream.end_part(0, 1)
    assert stream.has_ended(ARGUMENTS)
    assert not stream.has_ended(CONTENT)
    assert (stream.ended, set(stream.over)) == (0, {0})
    stream.finish(0)
    assert stream.has_ended(CONTENT)
    assert not stream.has_ended(ASIDE)


@pytest.mark.parametrize(
    ("ending", "last", "end", "cut_off"),
    [
        ((0,), CONTENT, End.CUT, True),
        ((0,), CONTENT, None, True),
        ((0,), CONTENT, End.OWN, False),
        ((0,), response_source(Kind.REASONING, 0), End.CUT, False),
        ((), CONTENT, End.CUT, False),
        ((1,), CONTENT, End.CUT, False),
    ],
)
def test_only_the_last_text_of_a_choice_that_ends_is_cut_off(
    ending: tuple[int, ...], last: TextSource, end: End | None, cut_off: bool
) -> None:
    """Unless the model ended it itself; JSON knows from its own text."""
    stream = choices()
    stream.ending, stream.last[0] = ending, last
    if end is not None:
        stream.ends[0] = end
    assert stream.is_cut_off(CONTENT) == cut_off
    assert stream.is_cut_off(ARGUMENTS)


def test_what_a_filter_has_ended_is_taken_out_of_an_event() -> None:
    """An event of nothing else does not go out."""
    reader, stream = CHAT.stream({}), choices()
    said = [{"index": index, "delta": {"content": "Hi"}, "finish_reason": "stop"} for index in (0, 1)]
    frame = reader.read(SseEvent(b"", "", dumps({"choices": said})))
    assert stream.take_cut_from(frame, reader)
    assert not frame.changed
    stream.cut_at(1)
    assert stream.take_cut_from(frame, reader)
    assert {slot.source.choice for slot in frame.slots if slot.source.kind is not Kind.ASIDE} == {0}
    assert (frame.changed, list(frame.finished)) == (True, [0])
    stream.cut_at(0)
    assert not stream.take_cut_from(frame, reader)
