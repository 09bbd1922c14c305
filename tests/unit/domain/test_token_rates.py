"""Estimates grow with what they are made from, and stay within what was asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.token_rates import NS_PER_S, START, UNKNOWN_SIZE, RequestSize, TokenRates

NUMBERS = st.integers(0, 10**6)
SIZES = st.builds(RequestSize, NUMBERS, st.integers(0, 100), NUMBERS, st.integers(1, 16), st.integers(0, 10**5))


@given(SIZES, NUMBERS)
def test_a_longer_request_has_no_fewer_tokens(size: RequestSize, more: int) -> None:
    """And each has one at least."""
    tokens = START.prompt_tokens(size)
    assert tokens >= 1
    longer = RequestSize(size.utf8_bytes + more, size.turns, size.tool_utf8_bytes + more, size.choices)
    assert START.prompt_tokens(longer) >= tokens


@given(NUMBERS, NUMBERS)
def test_each_piece_of_a_stream_is_a_token_until_something_is_learned(pieces: int, utf8_bytes: int) -> None:
    """Of no piece there is none, whatever was said of its bytes."""
    tokens = START.streamed_tokens(pieces, utf8_bytes)
    assert tokens >= pieces or not pieces
    assert START.streamed_tokens(0, utf8_bytes) == 0
    by_pieces = TokenRates(per_piece=2.0, by_pieces=True, learned=True)
    assert by_pieces.streamed_tokens(pieces, utf8_bytes) == 2 * pieces


@given(NUMBERS)
def test_a_whole_text_has_a_token_if_it_has_a_byte(utf8_bytes: int) -> None:
    """An empty one has none."""
    assert (START.whole_tokens(utf8_bytes) == 0) == (utf8_bytes == 0)


@given(SIZES, st.integers(0, 3_600 * NS_PER_S))
def test_an_answer_that_nobody_saw_is_no_longer_than_was_asked_for(size: RequestSize, elapsed_ns: int) -> None:
    """All its choices together; and before the first token can have come it has none."""
    tokens = START.unseen_tokens(size, elapsed_ns)
    assert tokens >= 0
    assert not size.answer_tokens_max or tokens <= size.answer_tokens_max * size.choices
    assert START.unseen_tokens(size, int(START.wait_s * NS_PER_S)) == 0


def test_a_request_that_was_not_parsed_still_has_a_token() -> None:
    """It was computed, so it costs something."""
    assert START.prompt_tokens(UNKNOWN_SIZE) == 1
