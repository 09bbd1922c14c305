"""Names of callers, from headers and tokens, as stores can have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.storable_names import NAME_BYTES_MAX, storable_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("search", "search"),
        ("Zoë & 検索", "Zoë & 検索"),
        ("=cmd()", "=cmd()"),
        ("a\r\nb\0c\x1b[31m", "a\ufffd\ufffdb\ufffdc\ufffd[31m"),
        ("\ud800", "\ufffd"),
        ("a\u202eb", "a\ufffdb"),
        ("x" * 10_000, "x" * NAME_BYTES_MAX),
    ],
)
def test_a_name_is_made_storable(text: str, expected: str) -> None:
    """What cannot be stored or shown is replaced; a formula is no danger to a database."""
    assert storable_name(text) == expected


@given(st.text(st.characters(codec=None), max_size=NAME_BYTES_MAX * 2))
def test_any_name_is_bounded_and_printable(text: str) -> None:
    """In UTF-8, so that an entry has a largest size."""
    name = storable_name(text)
    assert len(name.encode()) <= NAME_BYTES_MAX
    assert name.isprintable()
    assert storable_name(name) == name
