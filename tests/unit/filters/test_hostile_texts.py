"""No guard's time grows faster than a text: hostile texts before each of the demo's guards, in requests and in answers.

``make hunt`` asks with a megabyte.
"""

from __future__ import annotations

import pytest

from tests.growth import grows_in_proportion
from tests.thorough import THOROUGH
from tests.unit.filters.judging import JUDGED, judge

LONG_CHARS = 1_000_000 if THOROUGH else 40_000

HOSTILE = {
    "words": "word ",
    "one word": "ab9",
    "digits": "1 ",
    "capitals": "AB12 ",
    "quotes": '"',
    "brackets": "[{(",
    "sentences": "Is it? No. ",
    "links": "http://a.b/",
    "schemes": "a://b:c@",
    "images": "![a](",
    "overrides": "ignore all the previous ",
    "misspelled": "sysetm pormpt ",
    "other scripts": "忽略之前的所有",
    "marks": "e\u0301\u200b",
    "escapes": "\\u0069&lt;%41",
    "phrases": "project ",
    "insults": "you are such a ",
    "one loop": "abc abd ",
    "names": "Anna Schmidt of Kiel, ",
    "parameters": "&password=Aa1",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("name", JUDGED)
def test_time_grows_with_the_text_and_no_faster(name: str, piece: str) -> None:
    """Whatever a text repeats."""
    assert grows_in_proportion(lambda text: judge(name, text), piece, LONG_CHARS)
