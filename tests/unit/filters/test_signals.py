"""The stage that hears an answer: what it keeps, and how little of a long one."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.answers.loops import TAIL_CHARS_MAX
from extproc.domain.text import Direction, Kind, Speaker, TextSource
from extproc.filters.signals import JSON_CHARS_MAX, _Choice, _HearingStage

CONTENT = TextSource(Direction.RESPONSE, Speaker.ASSISTANT, Kind.CONTENT)


def heard(text: str, places: list[int]) -> _Choice:
    """What is kept of a text that arrives in pieces."""
    choice = _Choice()
    stage = _HearingStage(choice, CONTENT)
    ends = [0, *sorted({place for place in places if place < len(text)}), len(text)]
    assert "".join(stage.feed(text[start:end]) for start, end in pairwise(ends)) + stage.close() == text
    return choice


@given(st.text(min_size=1, max_size=50), st.lists(st.integers(1, 60), max_size=5))
def test_a_short_text_is_kept_whole(text: str, places: list[int]) -> None:
    """However it is cut."""
    choice = heard(text, places)
    assert (choice.content, choice.head, choice.whole) == ([text], text, True)


@given(st.integers(0, 3 * TAIL_CHARS_MAX), st.lists(st.integers(1, JSON_CHARS_MAX), max_size=8))
def test_of_a_long_text_the_beginning_and_the_end_are_kept(more: int, places: list[int]) -> None:
    """However it is cut."""
    text = "".join(map(str, range(JSON_CHARS_MAX)))[: JSON_CHARS_MAX + 1 + more]
    choice = heard(text, places)
    (tail,) = choice.content
    assert not choice.whole
    assert text.startswith(choice.head)
    assert len(choice.head) >= 500
    assert text.endswith(tail[-TAIL_CHARS_MAX:])
    assert len(tail) >= TAIL_CHARS_MAX


def test_a_stream_without_end_takes_no_more_room() -> None:
    """A model that does not stop."""
    stage = _HearingStage(_Choice(), CONTENT)
    most = 0
    for _ in range(20_000):
        stage.feed("word ")
        most = max(most, sum(map(len, stage._pieces)))
    assert most <= JSON_CHARS_MAX + 5


def test_a_fork_tells_nothing() -> None:
    """It is asked what would become of a text."""
    choice = _Choice()
    stage = _HearingStage(choice, CONTENT)
    stage.feed("It")
    fork = stage.fork()
    fork.feed(" opens")
    fork.close()
    assert choice.content == []
    stage.close()
    assert choice.content == ["It"]
