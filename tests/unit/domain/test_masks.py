"""Masks that depend on nothing but the value: what each shows of it, and what it never shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.masks import canonical, hash_mask, partial_mask, type_mask

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("EMAIL", "bob.smith@mail.example.org", "b***@mail.example.org"),
        ("EMAIL", "b@example.org", "***@example.org"),
        ("CREDIT_CARD", "4111 1111 1111 1234", "****1234"),
        ("CREDIT_CARD", "4111111111111234", "****1234"),
        ("PHONE", "+49 30 901820", "****1820"),
        ("PHONE", "555-2671", "****71"),
        ("US_SSN", "078-05-1120", "****1120"),
        ("IBAN", "gb29 NWBK 6016 1331 9268 19", "GB****6819"),
        ("IP_ADDRESS", "192.0.2.44", "192.0.*.*"),
        ("IP_ADDRESS", "2001:db8::1", "2001:db8:*"),
        ("IP_ADDRESS", "::ffff:0:1", "ffff:0:*"),
        ("SECRET", "ghp_1234567890abcdefghij1234567890abcdefgh", "<SECRET>"),
        ("ANYTHING_ELSE", "abc", "<ANYTHING_ELSE>"),
    ],
)
def test_what_a_partial_mask_shows(kind: str, value: str, expected: str) -> None:
    """As ``docs/guards/pii.md`` says, and of kinds that are not in it nothing."""
    assert partial_mask(kind, value) == expected


@given(st.sampled_from(["CREDIT_CARD", "PHONE", "US_SSN", "IBAN"]), st.text("0123456789 -", min_size=7, max_size=24))
def test_a_partial_number_never_shows_more_than_half(kind: str, value: str) -> None:
    """Four digits, of short numbers two."""
    digits = [one for one in value if one.isdigit()]
    shown = [one for one in partial_mask(kind, value) if one.isdigit()]
    assert len(shown) <= max(2, len(digits) // 2) + (2 if kind == "IBAN" else 0)


def test_a_hash_is_one_for_a_value_and_a_key() -> None:
    """Eight hexadecimal digits; another key, kind or value makes another mask."""
    mask = hash_mask("EMAIL", "bob@example.org", KEY)
    assert mask == hash_mask("EMAIL", "Bob@Example.org", KEY)
    assert mask.startswith("<EMAIL_")
    assert len(mask) == len("<EMAIL_>") + 8
    others = {
        hash_mask("EMAIL", "bob@example.com", KEY),
        hash_mask("EMAIL", "bob@example.org", b"K" * 32),
        hash_mask("PHONE", "bob@example.org", KEY),
    }
    assert mask not in others
    assert len(others) == 3


@given(st.text())
def test_a_hash_takes_any_text(value: str) -> None:
    """Halves of surrogate pairs too: JSON may bring them."""
    assert hash_mask("EMAIL", value + "\ud83d", KEY).startswith("<EMAIL_")


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("CREDIT_CARD", "4111 1111 1111 1111", "4111-1111-1111-1111"),
        ("IBAN", "GB29 NWBK 6016 1331 9268 19", "gb29nwbk60161331926819"),
        ("EMAIL", "Bob@example.org", "bob@EXAMPLE.org"),
    ],
)
def test_ways_of_writing_a_value_are_the_same_value(kind: str, one: str, other: str) -> None:
    """Separators and capitals do not count; in a secret they do."""
    assert canonical(kind, one) == canonical(kind, other)
    assert canonical("SECRET", "aB") != canonical("SECRET", "ab")


def test_the_mask_of_a_type_is_its_name() -> None:
    """Nothing else."""
    assert type_mask("EMAIL") == "<EMAIL>"
