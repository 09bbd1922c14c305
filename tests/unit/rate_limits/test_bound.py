"""What processors admit at saturation, by the clock of a real store: no window has more than limit + burst.

`make limits-check` looks at the same through Envoys and workers, for minutes.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from extproc.exchange.claims import ClaimStatus
from extproc.rate_limits.shared import key_of
from tests.tools.store_monitor import StoreMonitor, beyond_reservations, monitored, most_in, used_between
from tests.tools.valkey import valkey
from tests.unit.exchange.limits import TOKENS
from tests.unit.rate_limits.sharing import Processor, limits_of, processors
from tests.unit.server.loops import in_loop

SECOND_US = 1_000_000
LIMIT, BURST = 500, 200
SECONDS = 1.5
KEY = key_of("tokens")


async def use(one: Processor, monitor: StoreMonitor, ends_us: int, largest: int, seed: int) -> int:
    """Ask all the time, and use at most as much as was reserved. Returns: how much of what was admitted."""
    sizes, used = random.Random(seed), 0
    while monitor.now_us < ends_us:
        reserved = sizes.randint(1, largest)
        claim = await one.asks(reserved)
        if claim.status is ClaimStatus.HELD:
            own = sizes.randint(1, reserved)
            one.ends(claim, own)
            used += own
        await asyncio.sleep(0)
    return used


@pytest.mark.parametrize("largest", [1, 20, BURST])
@in_loop
async def test_no_window_admits_more_than_the_limit_and_a_burst(tmp_path: Path, largest: int) -> None:
    """From idle on, wherever it begins; what processors have admitted is what the store has counted."""
    limit = {**TOKENS, "limit": LIMIT, "burst": BURST, "window": "second"}
    with valkey(tmp_path) as server, monitored(server, tmp_path / "monitor.txt") as monitor:
        async with processors(4, limits_of(server, limit, store_wait_ms_max=1_000)) as asking:
            ends_us = monitor.now_us + int(SECONDS * SECOND_US)
            used = await asyncio.gather(
                *(use(one, monitor, ends_us, largest, seed) for seed, one in enumerate(asking * 3))
            )
            assert not any(one.meter.alone for one in asking)
    seen = monitor.admissions()[KEY]
    assert used_between(seen, 0, 2**63) == sum(used)
    assert beyond_reservations(seen) == 0
    assert BURST <= most_in(SECOND_US, seen) <= LIMIT + BURST
