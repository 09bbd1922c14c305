"""The accounts of a limit: one for each key under which something is owed, and not more of them than a limit bears."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from extproc.exchange.tier_shares import TierShares

KEYS_MAX: Final = 100_000
"""Of one limit, about 200 bytes each. Further ones share a count until others are paid off."""
_LOOKED_AT_MAX: Final = 2
"""Keys that are looked at for each new one, to forget those that are paid off."""
_OTHERS: Final = ""


class Account:
    """What is owed under one key.

    Attributes:
        arrival: when all is paid off. [ticks]
        total: all that was ever reserved. [ticks]
        shares: of its tiers; None if they do not share it.
        is_open: whether it still counts; otherwise it was paid off and forgotten, and is to be looked up again.
    """

    __slots__ = ("arrival", "is_open", "shares", "total")

    def __init__(self, total: int) -> None:
        self.arrival = 0
        self.total = total
        self.shares: TierShares | None = None
        self.is_open = True


class Accounts:
    """Of one limit."""

    __slots__ = ("_by_key", "_total_max")

    def __init__(self) -> None:
        self._by_key: OrderedDict[str, Account] = OrderedDict()
        self._total_max = 0  # of any account that was forgotten

    def __len__(self) -> int:
        """How many keys have one."""
        return len(self._by_key)

    def find(self, key: str) -> Account | None:
        """An account; None if nothing is owed under this key."""
        found = self._by_key.get(key)
        return found if found is not None or len(self._by_key) < KEYS_MAX else self._by_key.get(_OTHERS)

    def open(self, key: str, now: int) -> Account:
        """An account to be changed."""
        found = self._by_key.get(key)
        if found is None:
            self._forget(now)
            key = key if len(self._by_key) < KEYS_MAX else _OTHERS
            found = self._by_key.get(key)
            if found is None:
                found = self._by_key[key] = Account(self._total_max)
        return found

    def _forget(self, now: int) -> None:
        """An account that is paid off says nothing. One that still owes is looked at again after all others."""
        for _ in range(min(_LOOKED_AT_MAX, len(self._by_key))):
            key, first = next(iter(self._by_key.items()))
            if first.arrival > now:
                self._by_key.move_to_end(key)
                continue
            self._total_max = max(self._total_max, first.total)
            first.is_open = False
            del self._by_key[key]
