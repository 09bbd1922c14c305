"""What an exchange takes in stores and in metrics: bytes, calls and series, counted in the real stores.

``tests.bench.sizing --record`` keeps them as coefficients of ``extproc size``; ``test_sizes`` counts again, and holds
the kept ones to it. So none of these numbers is written down by hand.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from redis import Redis
from sqlalchemy import select, text

from extproc.config.compiled_rate_limits import CompiledRateLimits
from extproc.domain.record import Coverage, ExchangeRecord, Outcome, VersionFacts
from extproc.domain.usage import Prices, Usage
from extproc.exchange.claims import Claim
from extproc.ledger.parquet_file import ParquetFile
from extproc.ledger.schema import ENTRIES
from extproc.ledger.shipper import Shipper
from extproc.ledger.shipper_process import COMMAND as SHIPPER
from extproc.ledger.sinks import DATABASE_PACE
from extproc.ledger.store import LedgerStore, entry_of
from extproc.rate_limits.shared import SharedLimits
from extproc.sinks.metrics import Metrics
from tests.bench.figures import Figures
from tests.bench.processes import children_of, memory
from tests.bench.rate_limits import compiled_limits
from tests.bench.subjects import Places, full_installation
from tests.tools.valkey import Valkey
from tests.unit.databases import Server
from tests.unit.ledger.crashes import sink_of
from tests.unit.ledger.records import MS_NS, STARTED_NS, record_of
from tests.unit.rate_limits.sharing import Log, Meter

EXCHANGES = 5_000
TEAMS = 50
ASKED = 1_024
AT_ONCE = 64
KEYS = 3_000
SETTLE_S = 2.0  # for what a process does after it serves
_GUARDS = (("injection", ("request",)), ("pii", ("request", "response")), ("refusal", ("response",)))


def records(number: int, seed: int = 1) -> Iterator[ExchangeRecord]:
    """Streamed chats of some teams at two versions, as a server of vLLM answers them; one in fifty has a finding."""
    chance = random.Random(seed)
    versions = [
        VersionFacts("llama-3-8b", name, f"{chance.getrandbits(48):012x}", Prices(150_000, 75_000, 600_000), "helper")
        for name in ("v1", "v2")
    ]
    for one in range(number):
        team = chance.randrange(TEAMS)
        record = record_of(f"{seed:08x}-{one:x}", team=f"team-{team}", project=f"project-{team}", streamed=True)
        record.user, record.key_id = f"{chance.getrandbits(64):016x}", f"team-{team}-1"
        record.asked_model, record.version = "llama-3-8b", chance.choice(versions)
        record.usage = Usage(chance.randrange(20, 4_000), chance.randrange(5, 1_000))
        record.cost_micro_usd = chance.randrange(10, 10_000)
        record.started_ns = STARTED_NS + one * MS_NS
        record.sent_ns = record.started_ns + 2 * MS_NS
        record.first_text_ns = record.started_ns + chance.randrange(30, 900) * MS_NS
        record.ended_ns = record.started_ns + chance.randrange(1_000, 30_000) * MS_NS
        record.response_id = f"chatcmpl-{chance.getrandbits(128):032x}"
        record.server = f"10.0.{chance.randrange(8)}.{chance.randrange(250)}:8000"
        record.request_bytes, record.response_bytes = chance.randrange(500, 20_000), chance.randrange(5_000, 200_000)
        if one % 50 == 0:
            record.findings, record.finding_count = {("pii", "response", "EMAIL"): 1}, 1
        yield record


# --- the ledger ----------------------------------------------------------------------------------------------------


def measure_ledger_sizes(folder: Path, postgres: Server | None = None, exchanges: int = EXCHANGES) -> Figures:
    """Bytes an entry in the spool, in SQLite, in Parquet, and in PostgreSQL if there is one, indexes among them; CPU of
    the process that ships, and of PostgreSQL, an entry [us].
    """
    spool = folder / "spool"
    sink, found = sink_of(spool), Figures()
    for record in records(exchanges):
        sink.exchange_sent(record)
        sink.exchange_ended(record)
        sink.turn()
    found["spool_entry_bytes"] = sum(file.stat().st_size for file in spool.rglob("*.seg")) / exchanges
    sink.close()
    store, found["sqlite_entry_cpu_us"] = _shipped(spool, "sqlite:///ledger.db", folder, exchanges)
    entries = [entry_of(row) for row in store.rows(select(ENTRIES))]
    store.close()
    found["sqlite_entry_bytes"] = (folder / "ledger.db").stat().st_size / exchanges
    with ParquetFile(folder / "day.parquet") as file:
        file.write(entries)
    found["parquet_entry_bytes"] = (folder / "day.parquet").stat().st_size / exchanges
    if postgres is not None:
        before_s = postgres.cpu_s()
        store, found["postgres_entry_cpu_us"] = _shipped(spool, postgres.new_database(), folder, exchanges)
        found["postgres_server_entry_cpu_us"] = (postgres.cpu_s() - before_s) / exchanges * 1e6
        (row,) = store.rows(text("SELECT pg_total_relation_size('ledger_entries') AS size_bytes"))
        found["postgres_entry_bytes"] = row["size_bytes"] / exchanges
        store.close()
    return found | {"store_transaction_entries_max": LedgerStore.entries_max, "store_pause_s": DATABASE_PACE.pause_s}


def _shipped(spool: Path, url: str, folder: Path, exchanges: int) -> tuple[LedgerStore, float]:
    """A store with what a spool has, and the CPU that it took us, an entry [us]."""
    store = LedgerStore(url, folder)
    started_ns = time.process_time_ns()
    Shipper(spool, store, lambda _: True).ship(now=True)
    cpu_us = (time.process_time_ns() - started_ns) / 1_000 / exchanges
    assert store.count() == exchanges
    return store, cpu_us


# --- metrics -------------------------------------------------------------------------------------------------------


def series_of(teams: int, versions: int) -> int:
    """Series of a processor with the guards of ``extproc init`` where every team uses every version: chats, streamed
    and not, that are completed or aborted.
    """
    metrics = Metrics(label_values_max=10_000)
    facts = [VersionFacts("llama", f"v{one}", f"f{one}", Prices(1, 1, 1)) for one in range(versions)]
    metrics.in_force("revision", dict.fromkeys(facts, 1.0))
    for team, version, streamed, outcome in itertools.product(
        range(teams), facts, (True, False), (Outcome.COMPLETED, Outcome.ABORTED)
    ):
        metrics.exchange_ended(_counted(team, version, streamed, outcome))
    for phase in ("request_headers", "request_body", "response_headers", "response_body"):
        metrics.step(phase, 20_000)
    return sum(len(family.samples) for family in metrics.registry.collect())


def _counted(team: int, version: VersionFacts, streamed: bool, outcome: Outcome) -> ExchangeRecord:
    record = record_of(team=f"team-{team}", project=f"project-{team}", version=version, streamed=streamed)
    record.outcome, record.last_text_ns = outcome, record.ended_ns - MS_NS
    for guard, directions in _GUARDS:
        for direction in directions:
            record.note_coverage(guard, direction, Coverage.CHECKED, 1)
    return record


def measure_series() -> Figures:
    """Series are a sum: a constant, a part for each team, each version, and each team at each version."""
    none, team, version, both = (series_of(*one) for one in ((1, 1), (2, 1), (1, 2), (2, 2)))
    each = both - team - version + none
    team_alone, version_alone = team - none - each, version - none - each
    return {
        "series_base": none - team_alone - version_alone - each,
        "series_team": team_alone,
        "series_version": version_alone,
        "series_team_version": each,
    }


# --- the store of rate limits --------------------------------------------------------------------------------------


def measure_limit_store(server: Valkey) -> Figures:
    """Calls and round trips of a request with three limits; CPU of the store a request, one after another or many at
    once [us]; bytes of a key.
    """
    return asyncio.run(_asked(server)) | _keys(server)


async def _asked(server: Valkey) -> Figures:
    """One request after another, and many at once."""
    meter, limits = Meter(), compiled_limits(server)
    shared = SharedLimits(meter, Log())
    shared.configure(limits)
    version = VersionFacts("tiny", "v1", "", Prices(150_000, 75_000, 600_000))
    record = ExchangeRecord("sizes", "", 0, endpoint="chat", team="search", version=version)
    while shared.reserve(Claim(limits.of(record), version), time.monotonic_ns()):
        await asyncio.sleep(0.01)  # it is not connected yet

    async def ask() -> None:
        claim = Claim(limits.of(record), version)
        claim.expect(Usage(40, 200))
        await shared.ask(claim)
        claim.use(Usage(40, 60), version)
        shared.settle(claim, time.monotonic_ns())

    with Redis(port=server.port) as client:
        begun, trips = _store_state(client), len(meter.round_trips)
        for _ in range(ASKED):
            await ask()
        alone, trips = _store_state(client), len(meter.round_trips) - trips
        for _ in range(ASKED // AT_ONCE):
            await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
        together = _store_state(client)
        await shared.close(1)
        calls = _store_state(client)[0] - begun[0]
    return {
        "limit_calls": calls / (2 * ASKED),
        "limit_round_trips_max": trips / ASKED,
        "limit_server_cpu_us": (alone[1] - begun[1]) / ASKED * 1e6,
        "limit_server_batched_cpu_us": (together[1] - alone[1]) / ASKED * 1e6,
    }


def _store_state(client: Redis) -> tuple[float, float]:
    """Calls of scripts, and CPU [s], since it was started."""
    calls = client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
    cpu = client.info("cpu")
    return calls, cpu["used_cpu_user"] + cpu["used_cpu_sys"]


def _keys(server: Valkey) -> Figures:
    """One request of each of many teams, which owes for it longer than this takes."""
    limits = compiled_limits(
        server, [{"name": "owed", "of": "requests", "limit": 10, "window": "day", "per": ["team"]}]
    )
    with Redis(port=server.port) as client:
        before = client.info("memory")["used_memory"]
        asyncio.run(_ask_each(limits))
        keys = client.dbsize()
        return {"limit_key_bytes": (client.info("memory")["used_memory"] - before) / keys}


async def _ask_each(limits: CompiledRateLimits) -> None:
    shared = SharedLimits(Meter(), Log())
    shared.configure(limits)
    version = VersionFacts("tiny", "v1", "", Prices(1, 1, 1))
    claims = [
        Claim(limits.of(ExchangeRecord("sizes", "", 0, team=f"team-{one}", version=version)), version)
        for one in range(KEYS)
    ]
    while shared.reserve(claims[0], time.monotonic_ns()):
        await asyncio.sleep(0.01)  # it is not connected yet
    for claim in claims:
        await shared.ask(claim)
    await shared.close(1)


# --- processes -----------------------------------------------------------------------------------------------------


def measure_processes(places: Places) -> Figures:
    """Memory at rest, resident, of ``extproc serve`` with two workers and a ledger: of the supervisor, of a worker, and
    of the process that ships [MB].
    """

    def change(data: dict[str, Any]) -> None:
        data["server"]["workers"] = 2
        data["ledger"] = {"url": "sqlite:///ledger.db", "spool": "spool"}

    with full_installation(places, "sizes", "fast", change) as installation:
        time.sleep(SETTLE_S)
        found = {}
        supervisor = installation.processor.pid
        found = {"supervisor_rest_mb": memory(supervisor).rss_mb}
        for pid in children_of(supervisor):
            ships = SHIPPER[-1] in Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            found["shipper_rest_mb" if ships else "worker_rest_mb"] = memory(pid).rss_mb
    assert len(found) == 3, found
    return found
