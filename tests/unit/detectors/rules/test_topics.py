"""Topics by their words: shares of weight, and that no cut changes where one is reached."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.detectors.rules.topics import TopicBook, TopicScan
from tests.unit.filters.cutting import cut

BOOK = TopicBook([
    ("investing", {"stock market": 2, "invest*": 1, "bonds": 1}),
    ("gambling", {"casino": 3, "Stock-Market": 1}),
])  # fmt: skip
TEXTS = st.lists(
    st.sampled_from(["stock", "market", "investor", "casino", "bonds", " ", "-", "\u200b", "x", "ⅽasino", ". "]),
    max_size=14,
).map("".join)


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ("Is it sunny?", {}),
        ("Investing, invested", {"investing": 0.25}),
        ("The STOCK market", {"investing": 0.5, "gambling": 0.25}),
        ("bonds, the stock market and investors", {"investing": 1.0, "gambling": 0.25}),
        ("cas\u200bino", {"gambling": 0.75}),
    ],
)
def test_a_score_is_the_share_of_a_topics_weight(text: str, scores: dict[str, float]) -> None:
    """Each phrase counts once, and for every topic that has it, however it is written there."""
    assert BOOK.score(text) == scores


@given(cut(TEXTS), st.sampled_from([0.2, 0.5, 1.0]))
@example(["bonds investor ", "stock market"], 0.2)
def test_no_cut_changes_where_a_topic_is_reached(pieces: list[str], threshold: float) -> None:
    """The same topics at the same places, each once."""
    scan, base, places = TopicScan(BOOK, threshold), 0, []
    for number, piece in enumerate([*pieces, ""]):
        reached = scan.push(piece, closing=number == len(pieces))
        places += [(topic, base + start, base + end) for topic, start, end in reached]
        base += len(piece)
    text = "".join(pieces)
    assert places == TopicScan(BOOK, threshold).push(text, closing=True)
    assert len(places) == len({topic for topic, _, _ in places})
    assert {topic for topic, _, _ in places} == {name for name, score in BOOK.score(text).items() if score >= threshold}


def test_texts_that_follow_each_other_do_not_add_up() -> None:
    """A scan that is closed begins anew."""
    scan = TopicScan(BOOK, 0.5)
    assert scan.push("bonds", closing=True) == []
    assert scan.push("investor", closing=True) == []
    assert [topic for topic, _, _ in scan.push("bonds investor", closing=True)] == ["investing"]
