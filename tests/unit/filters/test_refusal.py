"""Answers that begin as refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.text import Kind
from tests.playbooks.driver import REFUSAL
from tests.unit.filters.cutting import cut
from tests.unit.filters.through import judged

REFUSING = "I'm sorry, but I can't help with that."


@given(cut(st.sampled_from([REFUSING, REFUSING + " " * 300, "Sure. " + "x" * 300 + REFUSING, "Hello", ""])))
def test_a_refusal_is_judged_by_the_beginning(pieces: list[str]) -> None:
    """Once, whatever the pieces; what comes later in a text is no refusal of it."""
    text, exchange = judged(pieces, Kind.CONTENT, REFUSAL)
    assert text == "".join(pieces)
    assert exchange.record.refusals == int(text.startswith(REFUSING))


@pytest.mark.parametrize(
    ("kind", "refusals"), [(Kind.CONTENT, 1), (Kind.REFUSAL, 1), (Kind.REASONING, 0), (Kind.JSON, 0)]
)
def test_a_refusal_is_said_to_the_user(kind: Kind, refusals: int) -> None:
    """What a model thinks to itself or tells a tool is none."""
    _, exchange = judged([REFUSING], kind, REFUSAL)
    assert exchange.record.refusals == refusals
