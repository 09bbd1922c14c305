"""What rate limits cost a request: CPU of three limits in memory, and the wait for a store on the same machine."""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from extproc.config.compiled_rate_limits import CompiledRateLimits, compile_rate_limits
from extproc.config.load import parse_document
from extproc.domain.record import ExchangeRecord, VersionFacts
from extproc.domain.text import Direction
from extproc.domain.usage import Prices, Usage
from extproc.exchange.claims import Claim
from extproc.exchange.events import ContinueHeaders
from extproc.exchange.limit_headers import limit_headers
from extproc.rate_limits.local import LocalLimits
from extproc.rate_limits.shared import SharedLimits
from extproc.wire.encode import encode
from tests.bench.figures import Figures
from tests.bench.subjects import Places
from tests.tools.valkey import Valkey, valkey

ROUNDS, REQUESTS = 50, 200
ASKED, PACE_S = 1_000, 0.005
"""200 a second, as the paced loads."""
USAGE, USED = Usage(40, 200), Usage(40, 60)
LIMITS = [
    {"name": "requests", "of": "requests", "limit": 10**9, "window": "minute", "per": ["team"]},
    {"name": "tokens", "of": "tokens", "limit": 10**11, "window": "minute", "per": ["team"]},
    {"name": "money", "of": "micro_usd", "limit": 10**11, "window": "day", "per": ["team", "model"]},
]


class _Unheard:
    """Takes what is counted and logged."""

    def rate_limit_store_took(self, seconds: float) -> None:
        """Ignored."""

    def rate_limit_store_error(self, reason: str) -> None:
        """Ignored."""

    def rate_limit_decided_alone(self, policy: str) -> None:
        """Ignored."""

    def info(self, *_: object, **__: object) -> None:
        """Ignored."""

    warning = error = info


def measure_rate_limits(_places: Places | None = None) -> Figures:
    """``limit_us`` [us]; with a store ``limit_store_us`` [us], ``limit_store_p50_ms``, ``limit_store_p99_ms`` [ms]."""
    figures = {"limit_us": _in_memory(compiled_limits())}
    if shutil.which("valkey-server") or shutil.which("redis-server"):
        with tempfile.TemporaryDirectory(prefix="llm-bench-") as folder, valkey(Path(folder)) as server:
            figures |= asyncio.run(_in_store(server))
    return figures


def compiled_limits(store: Valkey | None = None, limits: Sequence[Mapping[str, object]] = LIMITS) -> CompiledRateLimits:
    """Limits in force, in memory or in a store."""
    price = {"prompt_micro_usd_per_mtok": 150_000, "completion_micro_usd_per_mtok": 600_000}
    section: dict[str, object] = {"limits": list(limits)}
    if store is not None:
        section |= {"store": store.url, "store_wait_ms_max": 1_000}
    document = {
        "models": {"tiny": {"versions": {"v1": {"weight": 1, "price": price}}}},
        "filters": [{"filter": "version"}, {"filter": "meter"}],
        "rate_limits": section,
    }
    found = compile_rate_limits(parse_document(json.dumps(document), "bench"))
    if found is None:
        raise AssertionError("the document has limits")
    return found


def _record() -> ExchangeRecord:
    version = VersionFacts("tiny", "v1", "", Prices(150_000, 75_000, 600_000))
    return ExchangeRecord("bench", "", 0, endpoint="chat", team="search", version=version)


def _in_memory(limits: CompiledRateLimits) -> float:
    memory, record, took_us = LocalLimits(), _record(), []
    plain = ContinueHeaders(Direction.RESPONSE, exchange_id="bench-1")
    for number in range(ROUNDS):
        started_ns = time.thread_time_ns()
        for request in range(REQUESTS):
            now_ns = (number * REQUESTS + request) * 1_000_000
            claim = Claim(limits.of(record), record.version, record.tier)
            memory.is_full(claim, now_ns)
            claim.expect(USAGE)
            memory.reserve(claim, now_ns)
            encode(
                ContinueHeaders(
                    Direction.RESPONSE, exchange_id="bench-1", told=limit_headers(claim, "chat", now_ns, 0.0)
                )
            )
            claim.use(USED, record.version)
            memory.settle(claim, now_ns)
        limited_ns = time.thread_time_ns() - started_ns
        started_ns = time.thread_time_ns()
        for _ in range(REQUESTS):
            encode(plain)
        took_us.append((limited_ns - (time.thread_time_ns() - started_ns)) / 1_000 / REQUESTS)
    return statistics.median(took_us)


async def _in_store(server: Valkey) -> Figures:
    unheard = _Unheard()
    shared, limits, record = SharedLimits(unheard, unheard), compiled_limits(server), _record()
    shared.configure(limits)
    while shared.reserve(Claim(limits.of(record), record.version), time.monotonic_ns()):
        await asyncio.sleep(0.01)  # it is not connected yet
    waited_ms, started_ns = [], time.process_time_ns()
    for _ in range(ASKED):
        claim = Claim(limits.of(record), record.version)
        claim.expect(USAGE)
        began_s = time.perf_counter()
        await shared.ask(claim)
        waited_ms.append((time.perf_counter() - began_s) * 1_000)
        claim.use(USED, record.version)
        shared.settle(claim, time.monotonic_ns())
        await asyncio.sleep(PACE_S)
    cpu_us = (time.process_time_ns() - started_ns) / 1_000 / ASKED
    await shared.close(1)
    ranks = statistics.quantiles(waited_ms, n=100)
    return {"limit_store_us": cpu_us, "limit_store_p50_ms": ranks[49], "limit_store_p99_ms": ranks[98]}
