"""Answers that begin as refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.refusal_kinds import RefusalKind
from extproc.domain.text import Kind
from tests.playbooks.driver import REFUSAL
from tests.unit.filters.cutting import cut
from tests.unit.filters.through import judged

REFUSING = "I'm sorry, but I can't help with that."
OTHERS = {
    "I don't have access to your files, so please paste the text here.": RefusalKind.LACKS_ACCESS,
    "I can't give medical advice. However, I can give you a general overview of the drug.": RefusalKind.PARTIAL,
    "Your question is based on a false premise: the two never met.": RefusalKind.REJECTS_PREMISE,
    "Please consult a lawyer about this contract.": RefusalKind.REDIRECTS,
}


@given(cut(st.sampled_from([REFUSING, REFUSING + " " * 300, "Sure. " + "x" * 300 + REFUSING, "Hello", ""])))
def test_a_refusal_is_judged_by_the_beginning(pieces: list[str]) -> None:
    """Once, whatever the pieces; what comes later in a text is no refusal of it."""
    text, exchange = judged(pieces, Kind.CONTENT, REFUSAL)
    assert text == "".join(pieces)
    assert exchange.record.refusals == int(text.startswith(REFUSING))


@given(st.sampled_from(sorted(OTHERS)).flatmap(lambda text: cut(st.just(text))))
def test_each_kind_is_counted_apart_however_it_is_cut(pieces: list[str]) -> None:
    """And never as what declines."""
    text, exchange = judged(pieces, Kind.CONTENT, REFUSAL)
    assert exchange.record.other_refusals == {OTHERS[text]: 1}
    assert (exchange.record.refusals, exchange.record.refusals_judged) == (0, 1)
    assert exchange.record.findings == {("refusal", "response", OTHERS[text].finding): 1}


@given(
    cut(
        st.just(
            "I can't give medical advice. " + "It has its reasons. " * 20 + "However, I can give you a general idea."
        )
    )
)
def test_what_follows_the_beginning_does_not_change_the_kind(pieces: list[str]) -> None:
    """The same characters are judged, wherever the pieces end."""
    _, exchange = judged(pieces, Kind.CONTENT, REFUSAL)
    assert (exchange.record.refusals, exchange.record.other_refusals) == (1, {})


def test_the_field_for_refusals_holds_one_in_any_words() -> None:
    """The API says so itself."""
    _, exchange = judged(["Nope."], Kind.REFUSAL, REFUSAL)
    assert (exchange.record.refusals, exchange.record.other_refusals) == (1, {})
    assert judged(["Nope."], Kind.CONTENT, REFUSAL)[1].record.refusals == 0


@pytest.mark.parametrize(
    ("kind", "refusals"), [(Kind.CONTENT, 1), (Kind.REFUSAL, 1), (Kind.REASONING, 0), (Kind.JSON, 0)]
)
def test_a_refusal_is_said_to_the_user(kind: Kind, refusals: int) -> None:
    """What a model thinks to itself or tells a tool is none."""
    _, exchange = judged([REFUSING], kind, REFUSAL)
    assert exchange.record.refusals == refusals
