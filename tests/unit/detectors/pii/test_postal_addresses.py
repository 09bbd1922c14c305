"""Postal addresses of many countries are found whole, what only looks like one is not, and no place is overlooked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii.postal_addresses import (
    ADDRESS_CHARS_MAX,
    counts_as_begun,
    may_hold_address,
    postal_addresses,
    postal_bytes,
    scan,
)
from tests.thorough import share_of
from tests.unit.detectors.pii.address_examples import FOUND, NOT_FOUND, PIECES, unmarked

TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def found_in(text: str) -> list[str]:
    """The addresses of a text."""
    return [text[one.start : one.end] for one in postal_addresses(text)]


@pytest.mark.parametrize("marked", FOUND)
def test_an_address_is_found_whole(marked: str) -> None:
    """From the number of its house or its street to its postcode and place."""
    text, address = unmarked(marked)
    assert found_in(text) == [address]
    assert may_hold_address(text)


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_looks_like_an_address_is_none(text: str) -> None:
    """A street alone, numbers before words, years, versions, prices."""
    assert found_in(text) == []


def test_a_street_and_a_number_need_a_word_for_an_address() -> None:
    """Otherwise they may be anything: a film, a bus stop, a table of a report."""
    assert found_in("We met near 12 Oak Street before noon.") == []
    assert found_in("She lives at 12 Oak Street now.") == ["12 Oak Street"]
    assert found_in("Deliver to: 12 Oak Street") == ["12 Oak Street"]


def test_letters_and_blanks_are_read_as_they_are_meant() -> None:
    """Letters with marks that Latin-1 lacks, a typographic apostrophe, narrow blanks and other hyphens."""
    assert found_in("ul.\u202fŁąkowa\u00a012, 90\u2011562 Łódź") == ["ul.\u202fŁąkowa\u00a012, 90\u2011562 Łódź"]
    assert found_in("12 Rue de l\u2019Église, 75015 Paris") == ["12 Rue de l\u2019Église, 75015 Paris"]


def test_an_address_has_a_limit() -> None:
    """Of a longer one its beginning is found, if that is one, whether its text ends or goes on."""
    longest = f"12 {'O' * (ADDRESS_CHARS_MAX - 29)} Street, Boston, MA 02110"
    assert len(longest) == ADDRESS_CHARS_MAX - 1
    longer = longest.replace("OO", "OOO", 1)
    for behind in ("", " and more " * 30):
        assert found_in(longest + behind) == [longest]
        assert found_in(longer + behind) == [longer.removesuffix(", MA 02110")]


@pytest.mark.parametrize("marked", FOUND)
def test_no_beginning_of_an_address_is_let_go(marked: str) -> None:
    """Wherever a text ends within one, it is held from its start on, or from before."""
    text, address = unmarked(marked)
    start = text.index(address)
    for end in share_of(range(start + 1, start + len(address) + 1), 3, len(address)):
        assert scan(postal_bytes(text[:end]), 0, complete=False).start <= start


@pytest.mark.parametrize("marked", FOUND)
def test_a_cut_off_address_counts_from_its_house_number_on_if_its_street_is_named_so(marked: str) -> None:
    """Not before it: a name and a number may be anything."""
    text, address = unmarked(marked)
    start = text.index(address)
    assert not counts_as_begun(postal_bytes(text[: start + 2]), start)


def test_what_counts_where_a_text_is_cut_off() -> None:
    """A typed street with its number, or another with the first digits of a postcode."""
    counting = ("12 Oak Street", "Lindenweg 7", "12 rue de la Paix", "ul. D\u0142uga 12", "Dlouh\u00e1 12, 110")
    for begun in counting:
        assert counts_as_begun(postal_bytes(begun), 0), begun
    for begun in ("12 Oak", "Lindenweg", "Dlouh\u00e1 12", "Chapter 12, The"):
        assert not counts_as_begun(postal_bytes(begun), 0), begun


@given(TEXTS)
def test_no_address_is_overlooked(text: str) -> None:
    """Whatever is found from some place on is found from the beginning too, or a part of what is."""
    found = postal_addresses(text)
    assert bool(found) <= may_hold_address(text)
    subject = postal_bytes(text)
    for at in range(len(text)):
        one = scan(subject, at, complete=True)
        assert one.start >= at
        assert one.end - one.start < ADDRESS_CHARS_MAX
        assert one.start == one.end or any(one.start < other.end and other.start < one.end for other in found)


@given(TEXTS, st.integers(0, 200))
def test_what_is_let_go_has_no_address_whatever_follows(text: str, end: int) -> None:
    """The law that a stage stands on: what a text decides, the longer text does not change."""
    subject = postal_bytes(text)
    begun = scan(subject[:end], 0, complete=False)
    whole = scan(subject, 0, complete=True)
    if begun.end > begun.start:
        assert whole == begun
    else:
        assert whole.start >= begun.start
