"""Segments: what is written is read, a cut is a torn tail, and damage stays where it is."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.ledger.segments import (
    FieldNames,
    SegmentRecord,
    fields_of,
    first_sequence_of,
    head_line,
    line_of,
    lines_behind,
    records_in,
    segment_file,
    segments_of,
)
from tests.thorough import examples

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
JSONS = st.lists(TEXTS, min_size=1, max_size=3).map(lambda names: orjson.dumps([names, ["end"]]))


def written(jsons: list[bytes]) -> tuple[bytes, list[int]]:
    """A segment with these records, and the byte behind each line."""
    lines = [head_line(1, FieldNames()), *(line_of(number, json) for number, json in enumerate(jsons, start=1))]
    ends = [sum(map(len, lines[: number + 1])) for number in range(len(lines))]
    return b"".join(lines), ends


def read(content: bytes, *, is_whole: bool = False) -> list[tuple[int, bytes]]:
    """The records, without heads."""
    return [(one.sequence, one.json) for one in records_in(content, is_whole=is_whole) if one.sequence]


@given(st.lists(JSONS, max_size=6))
def test_what_is_written_is_read(jsons: list[bytes]) -> None:
    """With the place of each line."""
    content, ends = written(jsons)
    records = list(records_in(content))
    assert [one.json for one in records[1:]] == jsons
    assert [one.sequence for one in records] == list(range(len(jsons) + 1))
    assert [one.end for one in records] == ends


@settings(max_examples=examples(150))
@given(st.lists(JSONS, min_size=1, max_size=5), st.data())
def test_any_cut_leaves_all_complete_lines(jsons: list[bytes], data: st.DataObject) -> None:
    """Of a process that was killed while it wrote."""
    content, ends = written(jsons)
    cut = data.draw(st.integers(0, len(content)))
    complete = [json for json, end in zip(jsons, ends[1:], strict=True) if end <= cut]
    assert [json for _, json in read(content[:cut])] == complete
    whole = [json for json, end in zip(jsons, ends[1:], strict=True) if end - 1 <= cut]  # only its line end is missing
    assert [json for _, json in read(content[:cut], is_whole=True)] == whole


@settings(max_examples=examples(250))
@given(st.lists(JSONS, min_size=1, max_size=5), st.data())
def test_any_flipped_bit_costs_one_record_at_most(jsons: list[bytes], data: st.DataObject) -> None:
    """That of its line; what is read is what was written."""
    content, ends = written(jsons)
    at = data.draw(st.integers(0, len(content) - 1))
    flipped = bytearray(content)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    expected = list(enumerate(jsons, start=1))
    struck = next(number for number, end in enumerate(ends) if at < end)
    found = read(bytes(flipped), is_whole=True)
    assert [one for one in found if one not in expected] == []
    assert [one for one in expected if one not in found] in ([], [one for one in expected if one[0] == struck])


def test_every_flipped_line_end_costs_nothing() -> None:
    """The two records around it are found in one line."""
    jsons = [orjson.dumps([["a"], [number]]) for number in range(3)]
    content, ends = written(jsons)
    for end in ends:
        flipped = bytearray(content)
        flipped[end - 1] ^= 1
        assert [json for _, json in read(bytes(flipped), is_whole=True)] == jsons


def test_a_name_that_looks_like_a_record_is_none() -> None:
    """Names come from clients; in JSON their quotes are escaped."""
    inner = line_of(7, orjson.dumps([["stolen"], ["x"]])).decode().strip()
    content, _ = written([orjson.dumps([[inner], ["end"]]), orjson.dumps([["b"], ["c"]])])
    assert len(read(content)) == 2
    damaged = content.replace(b'["end"]', b'["eNd"]', 1)
    assert [sequence for sequence, _ in read(damaged)] == [2]


def test_the_head_names_the_fields() -> None:
    """Of the release that wrote it."""
    names = FieldNames(3, ("a", "b"), ("c",))
    (record,) = records_in(head_line(12, names))
    assert fields_of(record) == names
    assert first_sequence_of(record) == 12
    assert fields_of(SegmentRecord(1, b"[]", 9)) is None


@pytest.mark.parametrize(
    ("content", "start", "expected"),
    [(b"", 0, (0, 0)), (b"ab", 0, (0, 0)), (b"a\nb\nc", 0, (2, 4)), (b"a\nb", 2, (0, 2))],
)
def test_lines_behind_a_place(content: bytes, start: int, expected: tuple[int, int]) -> None:
    """How many there are, and where they end."""
    assert lines_behind(content, start) == expected


def test_segments_are_found_in_order(tmp_path: Path) -> None:
    """Among other files."""
    for number in (10, 2, 1):
        segment_file(tmp_path, number).touch()
    (tmp_path / "open").touch()
    (tmp_path / "1.seg").touch()
    assert segments_of(tmp_path) == [1, 2, 10]
