"""Usage: the last one seen counts, running totals are added up by choice, and text is never metered as zero."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.token_rates import RequestSize
from extproc.domain.usage import Usage
from extproc.payload.usage import UsageReader, anthropic_usage_of, usage_of


@pytest.mark.parametrize(
    ("tree", "usage"),
    [
        (None, None),
        ("12", None),
        ({}, None),
        ({"total_tokens": 3}, None),
        ({"prompt_tokens": 3}, Usage(3, 0)),
        ({"prompt_tokens": 3, "completion_tokens": None}, Usage(3, 0)),
        ({"prompt_tokens": 3, "completion_tokens": -1}, None),
        ({"prompt_tokens": True, "completion_tokens": 9}, None),
        ({"prompt_tokens": 3, "completion_tokens": "9"}, None),
        ({"input_tokens": 3.5, "output_tokens": 9}, None),
        ({"prompt_tokens": 3, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": -4}}, Usage(3, 9)),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            Usage(9, 5, 4, 2),
        ),
        (
            {
                "input_tokens": 9,
                "output_tokens": 5,
                "input_tokens_details": {"cached_tokens": 4},
                "output_tokens_details": {"reasoning_tokens": 2},
            },
            Usage(9, 5, 4, 2),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": None}, Usage(9, 5)),
    ],
)
def test_usage_objects(tree: Any, usage: Usage | None) -> None:
    """Absent counts are 0. Negative and ill-typed ones make no usage: it is estimated, and not free."""
    assert usage_of(tree) == usage


def test_cached_tokens_of_messages_are_added_to_the_prompt() -> None:
    """Anthropic's ``input_tokens`` leaves them out; ours holds them, as OpenAI's does."""
    tree = {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 2}
    assert anthropic_usage_of(tree) == Usage(37, 7, cached=30)
    assert anthropic_usage_of({"input_tokens": 5}) is None
    assert anthropic_usage_of({**tree, "input_tokens": -40}) is None
    assert anthropic_usage_of({**tree, "output_tokens": -1}) is None
    assert anthropic_usage_of({**tree, "cache_read_input_tokens": -30}) == Usage(7, 7)


def test_running_totals_are_added_over_choices_never_over_chunks() -> None:
    """Of each choice the last counts; the prompt counts once."""
    reader = UsageReader()
    for choice, completion in ((0, 1), (1, 1), (0, 2), (1, 4)):
        reader.next_event()
        reader.running(choice, Usage(21, completion))
        reader.piece(choice, "word")
    assert reader.result(RequestSize()) == Usage(21, 6, estimated=True)


def test_text_after_the_last_running_total_is_estimated() -> None:
    """The server's count is a floor; what came after it in events without usage is added."""
    reader = UsageReader()
    reader.next_event()
    reader.running(0, Usage(21, 5))
    reader.piece(0, "counted")
    reader.next_event()
    reader.piece(0, "not counted!")
    assert reader.result(RequestSize()) == Usage(21, 8, estimated=True)


def test_the_final_usage_wins() -> None:
    """Over running totals and estimates, and over an earlier final one."""
    reader = UsageReader()
    reader.running(0, Usage(1, 100))
    reader.piece(0, "text" * 1_000)
    reader.final(Usage(2, 3))
    reader.final(None)
    assert reader.result(RequestSize()) == Usage(2, 3)
    reader.final(Usage(2, 4))
    assert reader.result(RequestSize()) == Usage(2, 4)


@given(st.lists(st.tuples(st.integers(0, 2), st.text(max_size=9), st.booleans()), max_size=20))
def test_what_has_come_is_counted_whole_whatever_the_server_counts(pieces: list[tuple[int, str, bool]]) -> None:
    """Pieces and bytes are of the whole stream, so that rates can be learned from it."""
    reader = UsageReader()
    for choice, text, counted in pieces:
        reader.next_event()
        if counted:
            reader.running(choice, Usage(21, 5))
        reader.piece(choice, text)
    assert reader.pieces == sum(bool(text) for _, text, _ in pieces)
    assert reader.utf8_bytes == sum(len(text.encode()) for _, text, _ in pieces)


@given(st.lists(st.tuples(st.integers(0, 3), st.text(max_size=30)), max_size=20), st.integers(0, 10_000))
def test_an_estimate_is_never_zero_when_there_was_text(pieces: list[tuple[int, str]], utf8_bytes: int) -> None:
    """Before anything is learned: at least one token a piece, at least one for the prompt; no less for more text."""
    reader = UsageReader()
    for choice, text in pieces:
        reader.next_event()
        reader.piece(choice, text)
    usage = reader.result(RequestSize(utf8_bytes))
    assert usage.estimated
    assert usage.prompt >= max(1, utf8_bytes // 5)
    assert usage.completion >= sum(bool(text) for _, text in pieces) == reader.pieces
    assert usage.completion >= reader.utf8_bytes // 5
    assert reader.utf8_bytes == sum(len(text.encode()) for _, text in pieces)
