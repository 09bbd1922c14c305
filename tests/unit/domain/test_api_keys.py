"""API keys: what a key looks like, and what is kept of it."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.api_keys import SECRET_BYTES, digest_of, hash_of, is_mistyped, key_of

SECRETS = st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES)


@given(SECRETS)
def test_a_key_has_one_form(secret: bytes) -> None:
    """By which scanners of secrets find it; no dot, by which a token is told from it."""
    key = key_of(secret)
    assert re.fullmatch(r"lx-[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}", key)
    assert not is_mistyped(key)


@given(SECRETS, st.integers(3, 51), st.sampled_from("abcXYZ019"))
def test_another_letter_is_noticed(secret: bytes, place: int, letter: str) -> None:
    """Whichever it is."""
    key = key_of(secret)
    changed = f"{key[:place]}{letter}{key[place + 1 :]}"
    assert is_mistyped(changed) is (changed != key)


def test_a_key_that_was_cut_off_is_mistyped() -> None:
    """However short; a key of somebody else's making is not ours to judge."""
    key = key_of(bytes(SECRET_BYTES))
    assert all(is_mistyped(key[:length]) for length in range(3, len(key)))
    assert not is_mistyped("sk-1234")
    assert not is_mistyped("")


def test_the_hash_is_that_of_sha256sum() -> None:
    """So that a hash can be made without us: ``printf %s KEY | sha256sum``."""
    assert hash_of("abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_of("abc").hex() == hash_of("abc").removeprefix("sha256:")
