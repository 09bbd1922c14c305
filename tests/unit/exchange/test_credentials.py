"""What a request brings to say who asks."""

from __future__ import annotations

import pytest

from extproc.config.identity import MayClaim
from extproc.domain.identity import CallerIdentity
from extproc.exchange.credentials import Caller, bearer_of, caller_of, is_jwt
from tests.playbooks.callers import SEARCH, TOKEN


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_word_bearer_has_any_case(word: str) -> None:
    """RFC 7235; and blanks around the token do not count."""
    assert bearer_of({"authorization": f"{word} abc"}) == "abc"
    assert bearer_of({"authorization": f"{word}   abc "}) == "abc"


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic abc", "abc", "Bearerabc"])
def test_what_is_no_bearer_token_is_empty(value: str) -> None:
    """It was sent, so it is a credential, and a wrong one."""
    assert bearer_of({"authorization": value}) == ""
    assert bearer_of({}) is None


def test_a_token_is_told_from_a_key() -> None:
    """By its dots."""
    assert is_jwt(TOKEN)
    assert not is_jwt(SEARCH)
    assert not is_jwt("a.b")
    assert not is_jwt("a.b.c.d")


def test_a_caller_may_claim_what_its_section_lists() -> None:
    """Projects and budget codes only; ``*`` is any name, and no text that is none."""
    identity = CallerIdentity("search")
    some = caller_of(identity, MayClaim(projects=("index",), budget_codes=("*",)))
    assert some.may("project", "index")
    assert not some.may("project", "maps")
    assert some.may("budget_code", "b-9")
    assert not some.may("budget_code", "=1+1")
    assert not some.may("team", "index")
    assert not Caller(identity).may("project", "index")
