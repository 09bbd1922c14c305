"""What was judged before is remembered, so many texts of it, and nothing is remembered that was not judged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.classifiers.memory import Memory
from extproc.classifiers.pool import ClassifierDropReason

TEXTS = st.lists(st.text("ab\ud800", max_size=3), max_size=6)


def score(text: str) -> dict[str, float]:
    """A model that is sure of itself."""
    return {"length": len(text) / 10}


@given(st.lists(TEXTS, max_size=12), st.integers(0, 5))
def test_scores_are_the_same_as_without_a_memory(turns: list[list[str]], texts_max: int) -> None:
    """Of each text in its place, whatever is known already; and no more is kept than may be."""
    memory = Memory(texts_max)
    for texts in turns:
        told: list[Any] = []
        unknown, tell = memory.look_up(texts, told.append)
        assert len(unknown) == len(set(unknown))
        tell([score(text) for text in unknown])
        assert told == [[score(text) for text in texts]]
        assert len(memory._scores) <= texts_max


@given(TEXTS)
def test_what_is_remembered_need_not_be_judged(texts: list[str]) -> None:
    """A second time there is nothing to do."""
    memory = Memory(100)
    unknown, tell = memory.look_up(texts, lambda _: None)
    tell([score(text) for text in unknown])
    assert memory.look_up(texts, lambda _: None)[0] == []


@pytest.mark.parametrize("outcome", [ClassifierDropReason.QUEUE_FULL, [], [score("a")] * 3])
def test_what_was_not_judged_is_told_and_not_remembered(outcome: Any) -> None:
    """A drop, or an answer that is not whole."""
    told: list[object] = []
    memory = Memory(100)
    unknown, tell = memory.look_up(["a", "b"], told.append)
    tell(outcome)
    assert told == [outcome]
    assert memory.look_up(["a", "b"], told.append)[0] == unknown


def test_the_one_that_was_asked_for_last_stays() -> None:
    """A system prompt that every request has is not pushed out by what comes once."""
    memory = Memory(2)
    for texts in (["often"], ["once"], ["often"], ["new"]):
        unknown, tell = memory.look_up(texts, lambda _: None)
        tell([score(text) for text in unknown])
    assert memory.look_up(["often"], lambda _: None)[0] == []
    assert memory.look_up(["once"], lambda _: None)[0] == ["once"]


def test_no_text_is_kept() -> None:
    """Only digests, which differ from process to process."""
    memories = [Memory(10), Memory(10)]
    for memory in memories:
        memory.look_up(["secret"], lambda _: None)[1]([score("secret")])
    first, second = (list(memory._scores) for memory in memories)
    assert first != second
    assert all("secret" not in repr(memory._scores) for memory in memories)
