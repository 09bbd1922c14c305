"""Rate limits that are counted in this process.

What is given back is what is still to be paid off. A limit is a queue that time works off, first in, first out. A claim
that has left it was paid with time that nobody else could use, and giving it back would admit more than limit + burst
in a window. So each key keeps the total that was ever reserved: what came after a claim stands behind it, and stays.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext

from extproc.config.compiled_rate_limits import CompiledLimit
from extproc.domain.rate_limits import TICKS_PER_NS, Quantity, Rate
from extproc.domain.usage import Usage
from extproc.exchange.answer_lengths import AnswerLengths
from extproc.exchange.claims import Claim, ClaimedLimit, ClaimStatus, Refusal, refusal_of
from extproc.exchange.limit_accounts import Account, Accounts
from extproc.exchange.tier_shares import TierShares


class LimitMemory:
    """A ``Limiter`` of its own.

    Args:
        lock: held for each change: long messages are judged in threads.
        parts: how many processes count each a part of every limit.
    """

    def __init__(self, lock: AbstractContextManager[object] | None = None, parts: int = 1) -> None:
        self._lock: AbstractContextManager[object] = nullcontext() if lock is None else lock
        self.lengths = AnswerLengths()
        self._parts = parts
        self._accounts: dict[str, Accounts] = {}
        self._running: dict[str, int] = {}

    def keep(self, limits: Collection[CompiledLimit], parts: int) -> None:
        """Forget all limits but these. Args: parts: as above."""
        with self._lock:
            self._parts = parts
            names = {limit.name for limit in limits}
            for name in self._accounts.keys() - names:
                del self._accounts[name]

    def __len__(self) -> int:
        """How many keys have a count."""
        return sum([len(accounts) for accounts in self._accounts.values()]) + len(self._running)

    def is_full(self, claim: Claim, now_ns: int) -> bool:
        """Whether a limit has no room for any request."""
        now = now_ns * TICKS_PER_NS
        with self._lock:
            for one in claim.limits:
                if one.limit.is_enforced and self._wait(one, 1, now) > 0:
                    return True
        return False

    def judge(self, claim: Claim, now_ns: int) -> None:
        """Refuse a claim if a limit has no room for it."""
        with self._lock:
            self._decide(claim, now_ns, now_ns * TICKS_PER_NS)

    def reserve(self, claim: Claim, now_ns: int) -> bool:
        """Reserve all of a claim, or refuse it. Returns: True."""
        now = now_ns * TICKS_PER_NS
        with self._lock:
            self._decide(claim, now_ns, now)
            if claim.refusal is None:
                for one in claim.limits:
                    if one.limit.name not in claim.shadow_refused:
                        self._add(one, now)
                claim.status = ClaimStatus.HELD
        return True

    def extend(self, claim: Claim, estimate: Usage, now_ns: int) -> bool:
        """Reserve what a stream needs beyond its claim, if there is room."""
        now = now_ns * TICKS_PER_NS
        with self._lock:
            more = claim.more(estimate)
            if any(self._wait(one, amount, now) > 0 for one, amount in more):
                return False
            for one, amount in more:
                reserved, one.amount = one.amount, amount
                self._add(one, now)
                one.amount += reserved
        claim.estimate = estimate
        return True

    def settle(self, claim: Claim, now_ns: int) -> None:
        """Reserve what was used beyond a claim, or give back what is left of it."""
        now = now_ns * TICKS_PER_NS
        with self._lock:
            for one in claim.limits:
                if one.is_held:
                    one.is_held = False
                    if one.limit.is_at_a_time:
                        self._leave(one.key)
                    elif one.used != one.amount:
                        self._correct(one, now)

    def charge(self, claim: Claim, now_ns: int) -> None:
        """Count one request, whether there is room or not."""
        now = now_ns * TICKS_PER_NS
        with self._lock:
            for one in claim.limits:
                if one.limit.of is Quantity.REQUESTS:
                    self._add(one, now)
                    one.is_held = False

    # --- with the lock held ----------------------------------------------------------------------------------------

    def _decide(self, claim: Claim, now_ns: int, now: int) -> None:
        """Note which limits have no room, and how far ahead each is."""
        claim.at_ns = now_ns
        refusals: list[Refusal] = []
        shadow_refused: list[str] = []
        for one in claim.limits:
            limit = one.limit
            if limit.tiers:
                self._note_tier(one, now)
            wait = self._wait(one, one.amount, now)
            if wait > 0 and one.amount:
                if limit.is_enforced:
                    refusals.append(refusal_of(one, wait))
                else:
                    shadow_refused.append(limit.name)
        claim.refuse(refusals, shadow_refused)

    def _rate(self, limit: CompiledLimit) -> Rate:
        rate = limit.rate
        return rate if self._parts == 1 else Rate(rate.interval * self._parts, rate.burst, rate.debt)

    def _note_tier(self, one: ClaimedLimit, now: int) -> None:
        account = self._open(one, now)
        if account.shares is None:
            account.shares = TierShares(one.limit.tiers)
        account.shares.note(one.tier, now)

    def _wait(self, one: ClaimedLimit, amount: int, now: int) -> int:
        """Until there is room; 0 or less: there is. Notes how far ahead the limit is. [ticks]"""
        limit = one.limit
        if limit.is_at_a_time:
            one.ahead = self._running.get(one.key, 0)
            return one.ahead + 1 - max(1, limit.limit // self._parts)
        account = one.account
        if account is None or not account.is_open:
            account = self._find(one)
        ahead = 0 if account is None or account.arrival <= now else account.arrival - now
        one.ahead = ahead
        if account is not None and account.shares is not None:
            return account.shares.wait(one.tier, self._rate(limit), ahead, amount, now)
        if not ahead and amount <= limit.burst:
            return 0  # also where the burst of a part is too small for it
        rate = limit.rate
        return ahead + amount * rate.interval * self._parts - rate.burst

    def _add(self, one: ClaimedLimit, now: int) -> None:
        limit = one.limit
        one.is_held = True
        if limit.is_at_a_time:
            one.ahead = self._running[one.key] = self._running.get(one.key, 0) + 1
            return
        account = self._open(one, now)
        cost = one.amount * limit.rate.interval * self._parts
        one.ahead = cost if account.arrival <= now else account.arrival - now + cost
        account.arrival = now + one.ahead
        account.total = one.total = account.total + cost
        if account.shares is not None:
            one.own = account.shares.add(one.tier, self._rate(limit), one.amount, now)

    def _find(self, one: ClaimedLimit) -> Account | None:
        """The account under its key; None if nothing is owed."""
        accounts = self._accounts.get(one.limit.name)
        one.account = None if accounts is None else accounts.find(one.key)
        return one.account

    def _open(self, one: ClaimedLimit, now: int) -> Account:
        """Likewise, to be changed."""
        account = one.account
        if account is None or not account.is_open:
            accounts = self._accounts.get(one.limit.name)
            if accounts is None:
                accounts = self._accounts[one.limit.name] = Accounts()
            account = one.account = accounts.open(one.key, now)
        return account

    def _correct(self, one: ClaimedLimit, now: int) -> None:
        rate = one.limit.rate
        account = self._open(one, now)
        change = (one.used - one.amount) * rate.interval * self._parts
        ahead = max(account.arrival - now, 0)
        if change < 0:
            behind = account.total - one.total
            account.arrival -= min(-change, max(ahead - behind, 0)) if behind >= 0 else 0
        else:
            account.arrival = now + max(ahead, min(ahead + change, rate.debt))
            account.total += change
        if account.shares is not None and one.amount:
            account.shares.correct(one.tier, one.own * (one.used - one.amount) // one.amount, now)

    def _leave(self, key: str) -> None:
        left = self._running.get(key, 1) - 1
        if left:
            self._running[key] = left
        else:
            self._running.pop(key, None)
