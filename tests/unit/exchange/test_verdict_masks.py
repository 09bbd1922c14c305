"""Values that a verdict names are masked wherever they stand as words, in any script; nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.exchange.verdict_masks import Masker

P = "<PERSON>"
NAMES = dict.fromkeys(("Ann", "Ann Smith", "J\u00f6rg", "\u738b\u4f1f", "O'Neil (x)", "a.b*"), P)
masker = Masker(NAMES)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Ann Smith, Ann", f"{P}, {P}"),
        ("Anna, Susann, ann", "Anna, Susann, ann"),
        ("Ann\u00e9 and J\u00f6rgen met J\u00f6rg.", f"Ann\u00e9 and J\u00f6rgen met {P}."),
        ("\u6211\u53eb\u738b\u4f1f\u7684", f"\u6211\u53eb{P}\u7684"),
        ("(O'Neil (x))", f"({P})"),
        ("aXbb a.b*", f"aXbb {P}"),
        ("\ud800 Ann", f"\ud800 {P}"),
        ("", ""),
    ],
)
def test_a_value_is_masked_where_it_is_a_word(text: str, told: str) -> None:
    """Of two at one place the longer; letters of a word that goes on keep it."""
    assert masker.masked(text) == told


@given(st.text(max_size=30), st.sampled_from(sorted(NAMES)), st.text(max_size=30))
def test_a_value_between_blanks_is_always_masked(before: str, name: str, behind: str) -> None:
    """Whatever else there is."""
    assert f" {P} " in masker.masked(f"{before} ; {name} ; {behind}").replace(f"; {P} ;", f" {P} ")


@given(st.text(st.characters(exclude_characters="AJ\u738bOa")))
def test_other_texts_stay(text: str) -> None:
    """The same text comes back."""
    assert masker.masked(text) == text
