"""Phone numbers as people in many countries write them, and numbers that are none."""

from __future__ import annotations

import pytest

from extproc.detectors.pii.detector import PiiDetector

detector = PiiDetector(["PHONE"])


@pytest.mark.parametrize(
    "number",
    [
        "+49 (0)30 1234567",
        "+1-202-555-3456",
        "001-712-484-3088x6091",
        "+90(323)266-9031x262",
        "(415) 555-2671",
        "415 555 2671",
        "06 12 34 56 78",
        "02 7986 4542",
        "02-7614-2396",
        "042-13 91 30",
        "(11) 98765-4321",
    ],
)
def test_a_number_is_known_by_its_grouping(number: str) -> None:
    """No word needs to stand before it."""
    text = f"Hello, {number} is what I gave them"
    assert [text[one.start : one.end] for one in detector.find(text)] == [number]


@pytest.mark.parametrize("cue", ["phone:", "Tel.", "call me at", "Contact:", "电话", "手机：", "телефон: ", "전화 "])
def test_a_word_for_it_makes_a_number_one(cue: str) -> None:
    """In many languages; without it the same digits could be anything."""
    text = f"{cue} 13800138000"
    assert [text[one.start : one.end] for one in detector.find(text)] == ["13800138000"]
    assert detector.find("ref 13800138000") == []


@pytest.mark.parametrize(
    "text",
    [
        "pages 3000-2000 of 12 345 678",
        "the years 1999-2003 and 10 2019 2020",
        "on 01-02-2024 and 01-02 03, at 08-15",
        "invoice 100 200 3000",
        "f(10) 2019 of them",
        "电话号码 2 个, 订单 13800138000",
    ],
)
def test_what_is_no_number_of_a_phone(text: str) -> None:
    """Years, pages, dates, amounts."""
    assert detector.find(text) == []
