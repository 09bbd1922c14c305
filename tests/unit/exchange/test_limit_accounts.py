"""The accounts of a limit: found, opened, and forgotten once they are paid off."""

from __future__ import annotations

import pytest

from extproc.exchange import limit_accounts
from extproc.exchange.limit_accounts import Account, Accounts


def opened(accounts: Accounts, key: str, arrival: int, now: int = 0) -> Account:
    """An account that owes until a time."""
    found = accounts.open(key, now)
    found.arrival = arrival
    return found


def test_an_account_is_found_under_its_key() -> None:
    """And none that was never opened."""
    accounts = Accounts()
    account = opened(accounts, "a", 10)
    assert accounts.find("a") is accounts.open("a", 0) is account
    assert accounts.find("b") is None
    assert len(accounts) == 1


def test_what_is_paid_off_is_forgotten_when_others_come() -> None:
    """Who still has it sees that it no longer counts; the next account goes on behind its total."""
    accounts = Accounts()
    account = opened(accounts, "a", 10)
    account.total = 7
    assert account.is_open
    assert opened(accounts, "b", 30, now=20).total == 7
    assert (account.is_open, accounts.find("a")) == (False, None)


def test_one_that_owes_for_long_keeps_no_other_from_being_forgotten() -> None:
    """It was opened first, and is looked at again after all others."""
    accounts = Accounts()
    account = opened(accounts, "debt", 10**9)
    for now in range(1_000):
        opened(accounts, f"key-{now}", now + 1, now)
    assert accounts.find("debt") is account
    assert len(accounts) < 5


def test_more_keys_than_are_kept_share_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until others are paid off."""
    monkeypatch.setattr(limit_accounts, "KEYS_MAX", 2)
    accounts = Accounts()
    first, second = opened(accounts, "a", 10), opened(accounts, "b", 10)
    third, fourth = opened(accounts, "c", 10), opened(accounts, "d", 10)
    assert len({id(one) for one in (first, second, third)}) == 3
    assert third is fourth is accounts.find("e")
    assert opened(accounts, "c", 30, now=20) is not third
