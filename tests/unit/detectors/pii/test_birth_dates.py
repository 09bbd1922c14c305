"""A date is somebody's only behind a word for birth."""

from __future__ import annotations

import pytest

from extproc.detectors.pii.detector import PiiDetector

detector = PiiDetector(["DATE_OF_BIRTH"])


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("I was born on 12/05/1990.", ["12/05/1990"]),
        ("DOB: 1990-05-12", ["1990-05-12"]),
        ("geboren am 12.05.1990", ["12.05.1990"]),
        ("Date of birth: 30 June 1923", ["30 June", "1923"]),
        ("born June 30, 1923, in Ulm", ["30", "1923"]),
        ("We met on 12/05/1990 and on 30 June 1923.", []),
        ("born 2 miles from 1990 houses", []),
        ("born on 45/77/1990", []),
        ("date of birth unknown; signed 12 pages", []),
    ],
)
def test_dates(text: str, dates: list[str]) -> None:
    """Written dates in parts, since a stream gives them in parts; a month before its day stays."""
    assert [text[one.start : one.end] for one in detector.find(text)] == dates
