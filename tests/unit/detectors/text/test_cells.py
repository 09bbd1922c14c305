"""Cells are a property of the text: however it is cut, the same cells are closed, judged and released."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.detectors.text.cells import (
    CELL_BLANKS,
    ROOM_CHARS,
    WORD_CHARS_MAX,
    CellBuffer,
    Part,
    cell_end,
    cells,
    has_long_word,
    next_part,
    section_end,
)
from extproc.detectors.text.folding import ESCAPE_CHARS_MAX, folded

# Rich in what decides about joining: digits, capitals, signs, blanks, glue, scripts without spaces, what vanishes.
ALPHABET = "0123AZaz+(-.@: \u00a0\u2009\n,\"'\\{[é中\U0001f600\u2011\uff11\u0663\u00ad\u200bu;%&"
ESCAPES = (
    "\\.",
    "\\\\-",
    "\\u2011",
    "\\u202f",
    "%40",
    "%2b",
    "&#64;",
    "&#x2D;",
    "&nbsp;",
    "&shy;",
    "&commat;",
    "&#65;",
    "&#39;",
)
TEXTS = st.lists(st.sampled_from([*ALPHABET, *ESCAPES]), max_size=60).map("".join)
# Long runs of one kind, beyond what a cell may have.
RUNS = st.builds(
    lambda unit, chars: (unit * chars)[:chars],
    st.sampled_from(["a", "7", "x1 ", "4111 ", "A1\u00a0", "Zz", "+", "ab", "1" + "q" * 40 + " "]),
    st.sampled_from([1, 30, 1_023, 1_025, 2_046, 2_047, 2_048, 2_049, 2_050, 3_000, 4_200]),
)
LONG_TEXTS = st.lists(TEXTS | RUNS, max_size=5).map("".join)


@st.composite
def cut_texts(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> tuple[str, list[str]]:
    """A text, and its pieces by some cutting."""
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return text, [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]


def cell_texts(text: str) -> list[str]:
    """The cells of a text, as they are written."""
    return [text[start:end] for start, end in cells(folded(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words are alone", ["plain", "words", "are", "alone"]),
        ("card 4111 1111 1111 1111 is", ["card", "4111 1111 1111 1111", "is"]),
        ("call +49 30 901820 now", ["call", "+49 30 901820", "now"]),
        ("IBAN GB29 NWBK 6016", ["IBAN GB29 NWBK 6016"]),
        ("two  blanks 1  2", ["two", "blanks", "1", "2"]),
        ("4111\u00a01111", ["4111\u00a01111"]),
        ("1,2;3", ["1", "2", "3"]),
        ("1. Go on 2) Wait", ["1.", "Go", "on", "2)", "Wait"]),
        ("born 15. Mai 1990", ["born", "15. Mai", "1990"]),
        ("100. Go, 1.5. Go, 1. 2", ["100. Go", "1.5. Go", "1. 2"]),
        ('{"mail":"a@b.org"}', ["mail", ":", "a@b.org"]),
        ("电话13800138000号", ["13800138000"]),
        ("4111\u20091111 4111\u2011", ["4111\u20091111 4111\u2011"]),
        ("a\u200bb c\u00ad D \uff11\uff0d2", ["a\u200bb", "c\u00ad", "D \uff11\uff0d2"]),
        ("jane\\.doe&#64;a%2Eb;c\\d&#39;e", ["jane\\.doe&#64;a%2Eb", "c", "d&#39", "e"]),
        ("4111&nbsp;1111, ok&nbsp;ok", ["4111&nbsp;1111", "ok&nbsp", "ok"]),
        ("", []),
        ("  ,", []),
    ],
)
def test_cells_of_texts(text: str, expected: list[str]) -> None:
    """Words are alone unless one blank stands between them and both may be parts of one number."""
    assert cell_texts(text) == expected


@given(cut_texts(LONG_TEXTS))
@example(("1 2", ["1", " ", "2"]))
@example(("1. Go 2. May 3. 4", ["1.", " ", "Go 2.", " M", "ay 3. ", "4"]))
def test_a_buffer_closes_the_cells_of_the_whole_text(case: tuple[str, list[str]]) -> None:
    """What is closed, and what stays open at the end, are together the text, and its cells are the text's."""
    text, pieces = case
    buffer = CellBuffer()
    closed = [buffer.push(piece) for piece in pieces]
    assert "".join(closed) + buffer.open == text
    found = [cell for part in [*closed, buffer.open] for cell in cell_texts(part)]
    assert found == cell_texts(text)


@given(cut_texts(LONG_TEXTS))
@example(("0\\u202f&commat;", ["0\\u202f&comma", "t;"]))  # a long hunt found it
def test_at_most_one_cell_is_held(case: tuple[str, list[str]]) -> None:
    """What is open is one cell, and perhaps a blank after it, which may be an escape, or the beginning of one."""
    _, pieces = case
    buffer = CellBuffer()
    for piece in pieces:
        buffer.push(piece)
        assert len(cell_texts(buffer.certain)) <= 1
        assert len(buffer.open) - len(buffer.open.rstrip(CELL_BLANKS)) <= 1
        assert len(buffer.open) - len(buffer.certain) <= 2 * ESCAPE_CHARS_MAX


def parts(text: str, word_chars_max: int) -> list[Part]:
    """All parts of a text, one after the other."""
    found: list[Part] = []
    position = 0
    shape = folded(text)
    while (part := next_part(shape, position, word_chars_max)) is not None:
        found.append(part)
        position = part.settled
    return found


@given(LONG_TEXTS, st.sampled_from([80, 700, WORD_CHARS_MAX]))
def test_parts_cover_the_cells(text: str, word_chars_max: int) -> None:
    """What parts settle is, put together, the cells; none needs more than may be held."""
    found = parts(text, word_chars_max)
    settled = "".join(text[part.first : part.settled] for part in found)
    assert settled == "".join(cell_texts(text))
    for part in found:
        assert part.last - part.first <= word_chars_max + ROOM_CHARS + 1
        assert part.settled == part.last or part.overlong or part.last - part.settled == ROOM_CHARS


@given(LONG_TEXTS, st.sampled_from([80, WORD_CHARS_MAX]), st.data())
def test_a_part_is_known_before_its_cell_has_ended(text: str, word_chars_max: int, data: st.DataObject) -> None:
    """What comes after a part, and the character behind it, changes nothing about the part."""
    for part in parts(text, word_chars_max):
        if part.settled < part.last:
            more = data.draw(st.sampled_from(["", "x", " ", " A", "Ab", ",", "7 1"]))
            assert next_part(folded(text)[: part.last + 1] + more, part.first, word_chars_max) == part


@given(LONG_TEXTS, st.sampled_from([30, 80, WORD_CHARS_MAX]))
def test_long_words_are_seen(text: str, word_chars_max: int) -> None:
    """Wherever they stand."""
    shape = folded(text)
    words = [word for first, last in cells(shape) for word in shape[first:last].replace("\u00a0", " ").split(" ")]
    longest = max(map(len, words), default=0)
    assert has_long_word(text, word_chars_max) == (longest > word_chars_max)


@given(RUNS, st.integers(0, 4_200))
def test_the_rest_of_a_cell_ends_where_the_cell_ends(text: str, position: int) -> None:
    """A cell entered in its middle, inside a word too, ends where it ends for those who saw its beginning."""
    for start, end in cells(text):
        if start < position <= end:
            assert cell_end(text, position) == end


def test_a_row_of_numbers_is_settled_as_it_comes() -> None:
    """Nothing that begins early in it can reach so far."""
    row = "12 " * 60
    first = parts(row, WORD_CHARS_MAX)[0]
    assert first.settled == 63
    assert first.last == 63 + ROOM_CHARS


def test_prose_is_released_up_to_its_last_word() -> None:
    """A word is given out as soon as the next begins, so that a stream is not slowed down."""
    buffer = CellBuffer()
    assert buffer.push("The answer is") == "The answer "
    assert buffer.open == "is"
    assert buffer.push(" quite") == "is "
    assert buffer.push(".\n") == "quite.\n"
    assert buffer.open == ""


def test_what_is_taken_from_an_open_cell_still_decides_about_its_joins() -> None:
    """The digit that joins two words may already have been given out with the beginning of the first."""
    buffer = CellBuffer()
    buffer.push("order7abc")
    assert buffer.take(6) == "order7"
    assert buffer.push(" 41") == ""
    assert buffer.open == "abc 41"


@given(st.text("aB1 \n-+,é", max_size=2_000), st.integers(0, 300))
def test_a_section_ends_between_two_cells(text: str, position: int) -> None:
    """However long the text is, it can be divided into sections, and none divides a cell."""
    end = section_end(text, position)
    assert min(position, len(text)) <= end <= len(text)
    assert not any(first < end < last for first, last in cells(text))
