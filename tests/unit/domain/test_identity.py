"""Who asks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.identity import CLAIMED, CallerIdentity, is_identity_value, user_hash

VALUES = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9 ._/@:+-]{0,99}\Z") | st.just("")


def test_an_identity_that_no_source_settled_is_claimed() -> None:
    """What it leaves open is empty."""
    caller = CallerIdentity("search")
    assert caller.source == CLAIMED
    assert (caller.project, caller.budget_code, caller.user, caller.tier, caller.key_id) == ("", "", "", "", "")


@given(st.tuples(*[VALUES] * 7))
def test_an_identity_is_read_as_it_was_written(values: tuple[str, ...]) -> None:
    """Between the two calls of an exchange."""
    identity = CallerIdentity(*values)
    assert CallerIdentity.of_text(identity.to_text()) == identity


@pytest.mark.parametrize("text", ["", "search", "a|b|c|d|e|f", "a|b|c|d|e|f|g|h"])
def test_another_text_is_no_identity(text: str) -> None:
    """Rather than one with a part missing."""
    assert CallerIdentity.of_text(text) is None


@pytest.mark.parametrize("value", ["search", "Team 7", "a/b-c_d.e:f@g+h", "4711", "x" * 100])
def test_names_are_values(value: str) -> None:
    """With the signs that names have."""
    assert is_identity_value(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x" * 101,
        "x" * 10_000,
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        " a",
        "a\n",
        "a\nb",
        "a\x00",
        "a|b",
        "a,b",
        "té",
        "a\t",
    ],
)
def test_what_could_be_more_than_a_name_is_none(value: str) -> None:
    """Too long, a formula of a spreadsheet, a control character, our own separator, two values joined."""
    assert not is_identity_value(value)


def test_a_user_is_a_keyed_hash() -> None:
    """Equal for equal names and keys only, and of any text."""
    one = user_hash("ann@example.org", b"a key of some bytes")
    assert one == user_hash("ann@example.org", b"a key of some bytes")
    assert len({one, user_hash("bob@example.org", b"a key of some bytes"), user_hash("ann@example.org", b"b key")}) == 3
    assert len(one) == 16
    assert user_hash("\ud800", b"key")
