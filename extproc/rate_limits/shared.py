"""Rate limits that all processors share, in a store; and what is done while it does not answer.

The store is asked once for all limits of an exchange, while the request waits for verdicts too, and never in a step.
What it has last said of a key is kept for a moment, so that a full limit refuses further requests before their guards
run. A settlement is sent later, with others. If it is lost, the reservation ends by itself, as time pays it off.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections import OrderedDict
from functools import lru_cache, partial
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol

from extproc.config.compiled_rate_limits import CompiledLimit, CompiledRateLimits, LimitStore
from extproc.domain.extras import how_to_install
from extproc.domain.rate_limits import TICKS_PER_NS, WINDOWS_NS, Quantity
from extproc.domain.usage import Usage
from extproc.exchange.claims import Claim, ClaimedLimit, ClaimStatus, Refusal, refusal_of
from extproc.exchange.limit_memory import LimitMemory
from extproc.rate_limits import EXTRA
from extproc.rate_limits.scripts import KEY_PREFIX, RENEW, SETTLE

if TYPE_CHECKING:
    from extproc.rate_limits.store import StoreConnection

LEASE_S: Final = 60
"""After a process has died, its exchanges count for so long."""
RENEW_S: Final = LEASE_S / 3
KNOWN_MAX: Final = 100_000
"""Keys of which the last answer is kept."""
KNOWN_NS_MAX: Final = 1_000_000_000
"""How long an answer is believed: other processors give back too."""
_NS_PER_US: Final = 1_000
_DEADLINE: Final = "deadline"


class StoreMeter(Protocol):
    """Counts what the store does."""

    def rate_limit_store_took(self, seconds: float) -> None:
        """Record the time of a round trip."""
        ...

    def rate_limit_store_error(self, reason: str) -> None:
        """Count a call that failed, or the loss of the store."""
        ...

    def rate_limit_decided_alone(self, policy: str) -> None:
        """Count an exchange that was decided without the store."""
        ...


class SharedLimits:
    """The limits of one process. With a store, ``configure`` needs a running loop."""

    def __init__(self, meter: StoreMeter, logger: Any) -> None:
        self._memory = LimitMemory(Lock())
        self.lengths = self._memory.lengths
        self._meter = meter
        self._logger = logger
        self._settings: LimitStore | None = None
        self._store: StoreConnection | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None
        self._known: OrderedDict[str, tuple[int, int]] = OrderedDict()  # by key: arrival time, and when that was said
        self._leases: dict[str, tuple[str, ...]] = {}
        self._lease_prefix = secrets.token_hex(6)
        self._lease_number = itertools.count(1)

    # --- life ------------------------------------------------------------------------------------------------------

    def configure(self, limits: CompiledRateLimits | None) -> None:
        """Replace the limits, and the connection if there is another store."""
        self._memory.keep(() if limits is None else limits.limits, 1 if limits is None else limits.parts)
        settings = None if limits is None else limits.store
        if settings != self._settings:
            self._settings = settings
            self._known.clear()
            self._disconnect()
            if settings is not None:
                self._connect(settings)

    async def close(self, wait_s: float) -> None:
        """Send what is to be settled, for a while, and disconnect."""
        if self._renewing is not None:
            self._renewing.cancel()
        if self._store is not None:
            await self._store.close(wait_s)
        await asyncio.gather(*self._closing)

    def _connect(self, settings: LimitStore) -> None:
        try:
            from extproc.rate_limits.store import StoreConnection  # redis-py is optional
        except ImportError:  # a reload has added the store; at a start it is required
            self._logger.error("rate limit store not used", hint=how_to_install(EXTRA))
            return
        self._store = StoreConnection(settings.url, settings.wait_ms / 1_000, self)
        if self._renewing is None:
            self._renewing = asyncio.get_running_loop().create_task(self._renew())

    def _disconnect(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            task = asyncio.get_running_loop().create_task(store.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    # --- what the connection tells ---------------------------------------------------------------------------------

    def store_lost(self, reason: str) -> None:
        """Log it once, until it is found again."""
        self._meter.rate_limit_store_error("lost")
        settings = self._settings
        policy = "" if settings is None else settings.on_loss
        self._logger.warning("rate limit store lost", store=self._place(), reason=reason, on_store_loss=policy)

    def store_found(self) -> None:
        """Log it."""
        self._logger.info("rate limit store found", store=self._place())

    def store_took(self, seconds: float) -> None:
        """Measure it."""
        self._meter.rate_limit_store_took(seconds)

    def store_error(self, reason: str) -> None:
        """Count it."""
        self._meter.rate_limit_store_error(reason)

    def _place(self) -> str:
        from extproc.rate_limits.store import place_of

        return "" if self._settings is None else place_of(self._settings.url)

    # --- before the guards -----------------------------------------------------------------------------------------

    def is_full(self, claim: Claim, now_ns: int) -> bool:
        """Whether it is known that a limit has no room for any request."""
        store = self._store
        if store is None:
            return self._memory.is_full(claim, now_ns)
        if not store.is_there:
            return self._policy == "local_share" and self._memory.is_full(claim, now_ns)
        return any(one.limit.is_enforced and self._known_wait(one, 1, now_ns) > 0 for one in claim.limits)

    def judge(self, claim: Claim, now_ns: int) -> None:
        """Refuse a claim if it is known that a limit has no room for it."""
        store = self._store
        if store is None or not store.is_there:
            self._memory.judge(claim, now_ns)
            return
        claim.at_ns = now_ns
        waits = [(one, self._known_wait(one, one.amount, now_ns)) for one in claim.limits]
        full = [refusal_of(one, wait) for one, wait in waits if wait > 0 and one.amount and one.limit.is_enforced]
        claim.refuse(full, [])

    def _known_wait(self, one: ClaimedLimit, amount: int, now_ns: int) -> int:
        """Until there is room, by the last answer; 0 or less: there may be. [ticks]"""
        known = None if one.limit.is_at_a_time else self._known.get(one.key)
        if known is None or now_ns - known[1] > KNOWN_NS_MAX:
            return 0
        one.ahead = max(known[0] - now_ns * TICKS_PER_NS, 0)
        return one.ahead + amount * one.limit.rate.interval - one.limit.rate.burst

    def _know(self, one: ClaimedLimit, now_ns: int) -> None:
        self._known[one.key] = now_ns * TICKS_PER_NS + one.ahead, now_ns
        self._known.move_to_end(one.key)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)

    # --- behind them -----------------------------------------------------------------------------------------------

    def reserve(self, claim: Claim, now_ns: int) -> bool:
        """Decide at once without a store, or if it does not answer. Returns: False if it must be asked."""
        store = self._store
        if store is None:
            return self._memory.reserve(claim, now_ns)
        if not store.is_there:
            self._decide_alone(claim, now_ns)
            return True
        claim.status = ClaimStatus.ASKED
        return False

    async def ask(self, claim: Claim) -> None:
        """Let the store decide a claim; or the configuration, if it does not in time."""
        store = self._store
        if store is None or not store.is_there:
            self._decide_alone(claim, time.monotonic_ns())
            return
        lease = f"{self._lease_prefix}-{next(self._lease_number):x}"
        keys = [key_of(one.key) for one in claim.limits]
        answer = store.ask(keys, [lease, LEASE_S * 1_000, *(each for one in claim.limits for each in _asked(one))])
        undo = partial(self._undo, store, lease, keys, [(one.limit, one.amount) for one in claim.limits])
        try:
            async with asyncio.timeout(store.late_s):
                told = await asyncio.shield(answer)
        except TimeoutError:
            answer.add_done_callback(undo)
            self._meter.rate_limit_store_error(_DEADLINE)
            self._decide_alone(claim, time.monotonic_ns())
        except asyncio.CancelledError:
            answer.add_done_callback(undo)
            raise
        except Exception:  # counted by who failed
            self._decide_alone(claim, time.monotonic_ns())
        else:
            self._take(claim, lease, keys, told)

    def _take(self, claim: Claim, lease: str, keys: list[str], told: list[Any]) -> None:
        now_ns = claim.at_ns = time.monotonic_ns()
        refusals: list[tuple[int, Refusal]] = []
        shadow_refused: list[str] = []
        for number, one in enumerate(claim.limits):
            held, level, mark, wait_us = told[1 + 4 * number : 5 + 4 * number]
            limit, units = one.limit, float(level)
            one.is_held, one.mark = bool(held), mark.decode()
            one.ahead = round(units) if limit.is_at_a_time else round(units * limit.rate.interval)
            if not limit.is_at_a_time:
                self._know(one, now_ns)
            if one.is_held:
                continue
            wait = int(wait_us) * _NS_PER_US * TICKS_PER_NS
            if limit.is_enforced and not told[0]:
                refusals.append((wait, refusal_of(one, max(wait, 1))))
            elif wait > 0:
                shadow_refused.append(limit.name)
        if told[0]:
            claim.refuse([], shadow_refused)
            claim.status, claim.lease = ClaimStatus.HELD, lease
            leases = tuple(key for key, one in zip(keys, claim.limits, strict=True) if _is_leased(one))
            if leases:
                self._leases[lease] = leases
            return
        longest = max(wait for wait, _ in refusals)
        claim.refuse([refusal for wait, refusal in refusals if wait > 0 or wait == longest], shadow_refused)

    def _undo(
        self,
        store: StoreConnection,
        lease: str,
        keys: list[str],
        limits: list[tuple[CompiledLimit, int]],
        answer: asyncio.Future[list[Any]],
    ) -> None:
        """The answer came too late, and nobody waits for it: give back what it has reserved."""
        if answer.cancelled() or answer.exception() is not None:
            return
        told = answer.result()
        back_keys, arguments = [], list[str | int]()
        for number, (key, (limit, amount)) in enumerate(zip(keys, limits, strict=True)):
            held, _, mark, _ = told[1 + 4 * number : 5 + 4 * number]
            if held:
                back_keys.append(key)
                arguments += _settled(limit, -amount, lease if limit.is_at_a_time else mark.decode())
        self._tell(store, SETTLE, back_keys, arguments)

    # --- without the store -----------------------------------------------------------------------------------------

    @property
    def _policy(self) -> str:
        return "" if self._settings is None else self._settings.on_loss

    def _decide_alone(self, claim: Claim, now_ns: int) -> None:
        policy = self._policy
        self._meter.rate_limit_decided_alone(policy)
        if policy == "closed":
            claim.refuse_unavailable()
        elif policy == "open":
            claim.status = ClaimStatus.UNCOUNTED
        else:
            self._memory.reserve(claim, now_ns)

    def extend(self, claim: Claim, estimate: Usage, now_ns: int) -> bool:
        """Reserve what a stream needs beyond its claim, if there is room as far as is known here."""
        store = self._store
        if store is None or not claim.lease:
            return self._memory.extend(claim, estimate, now_ns)
        more = claim.more(estimate)
        if any(self._known_wait(one, amount, now_ns) > 0 for one, amount in more):
            return False
        arguments = list[str | int]()
        for one, amount in more:
            arguments += _settled(one.limit, amount, one.mark)
            one.amount += amount
            self._move(one, amount)
        self._tell(store, SETTLE, [key_of(one.key) for one, _ in more], arguments)
        claim.estimate = estimate
        return True

    # --- at the end ------------------------------------------------------------------------------------------------

    def settle(self, claim: Claim, now_ns: int) -> None:
        """Send the difference of what was used, or settle it here if it was reserved here."""
        store = self._store
        if not claim.lease:
            if store is not None and store.is_connected:
                self._tell_used(store, claim)
            self._memory.settle(claim, now_ns)
            return
        self._leases.pop(claim.lease, None)
        keys, arguments = [], list[str | int]()
        for one in claim.held():
            one.is_held = False
            if one.limit.is_at_a_time:
                keys.append(key_of(one.key))
                arguments += _settled(one.limit, 0, claim.lease)
            elif one.used != one.amount:
                keys.append(key_of(one.key))
                arguments += _settled(one.limit, one.used - one.amount, one.mark)
                self._move(one, one.used - one.amount)
        if store is not None:
            self._tell(store, SETTLE, keys, arguments)

    def _tell_used(self, store: StoreConnection, claim: Claim) -> None:
        """Count in the store what was admitted without it while it was late: else a limit would be exceeded by that."""
        used = [one for one in claim.held() if one.used and not one.limit.is_at_a_time]
        arguments = [each for one in used for each in _settled(one.limit, one.used, "")]
        self._tell(store, SETTLE, [key_of(one.key) for one in used], arguments)

    def _move(self, one: ClaimedLimit, change: int) -> None:
        """What is known of a key, as the store will have it."""
        known = self._known.get(one.key)
        if known is not None:
            self._known[one.key] = known[0] + change * one.limit.rate.interval, known[1]

    def charge(self, claim: Claim, now_ns: int) -> None:
        """Count one request, whether there is room or not."""
        store = self._store
        if store is None:
            self._memory.charge(claim, now_ns)
            return
        charged = [one for one in claim.limits if one.limit.of is Quantity.REQUESTS]
        arguments = [each for one in charged for each in _settled(one.limit, 1, "")]
        self._tell(store, SETTLE, [key_of(one.key) for one in charged], arguments)

    def _tell(self, store: StoreConnection, script: str, keys: list[str], arguments: list[str | int]) -> None:
        if keys and not store.tell(script, keys, arguments):
            self._meter.rate_limit_store_error("dropped")

    async def _renew(self) -> None:
        """Keep the leases of exchanges that run."""
        while True:
            await asyncio.sleep(RENEW_S)
            store = self._store
            if store is not None:
                for lease, keys in list(self._leases.items()):
                    self._tell(store, RENEW, list(keys), [lease, LEASE_S * 1_000])


def _is_leased(one: ClaimedLimit) -> bool:
    return one.is_held and one.limit.is_at_a_time


def _window_us(limit: CompiledLimit) -> int:
    return 0 if limit.is_at_a_time else WINDOWS_NS[limit.window] // _NS_PER_US


def _asked(one: ClaimedLimit) -> tuple[int | str, ...]:
    """The arguments of the script for one limit."""
    limit = one.limit
    tier = [*limit.tiers].index(one.tier) + 1 if one.tier in limit.tiers else 0
    weights = ",".join(map(str, limit.tiers.values()))
    return one.amount, limit.limit, _window_us(limit), limit.burst, int(limit.is_enforced), tier, weights


def _settled(limit: CompiledLimit, change: int, mark: str) -> tuple[int | str, ...]:
    return change, limit.limit, _window_us(limit), limit.rate.debt // limit.rate.interval, mark


@lru_cache(65_536)
def key_of(key: str) -> str:
    """The name of a key in the store: a hash, so that no team or user can be read there."""
    return KEY_PREFIX + blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
