"""Processors, workers and shippers are killed under load through a real Envoy: is each exchange in the ledger?

First some hundred exchanges without a kill, whose sums must be those of the metrics page. Then the kills, one after
another. In the end every exchange that a client saw complete must be there, once; and the Parquet files and a receiver
of CloudEvents must have what the database has. Exits 1 if one is missing.

    python -m tests.tools.ledger_faults --kills 100
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from extproc.demo.model_server import ModelServer
from extproc.ledger.entry import NOT_REACHED
from extproc.ledger.schema import ENTRIES
from extproc.ledger.spool import process_folders
from extproc.ledger.store import LedgerStore
from tests.e2e.harness import Stack, wait_until
from tests.e2e.ledger_load import LedgerLoad, shipper_of, with_ledger, workers_of
from tests.unit.databases import running
from tests.unit.ledger.receiver import Receiver, receiving
from tests.unit.ledger.sink_cases import Events, Parquet, Target

CLIENTS = 8
SPEED = 0.05
"""Of the model servers, so that streams are open when something is killed."""
ANSWERS_BETWEEN = 12
VICTIMS = ("processor", "shipper", "worker", "shipper")


@dataclass(frozen=True, slots=True)
class Faults:
    """What came of one installation.

    Attributes:
        complete: exchanges that a client saw complete.
        missing: those of them that are not in the ledger.
        entries: the exchanges in the database.
        outcomes: of them.
        wrong: what else is not as it should be.
    """

    kills: Counter[str]
    complete: int
    missing: list[str]
    entries: set[str]
    outcomes: Counter[str]
    repeated: int
    wrong: list[str]


def run(folder: Path, url: str, workers: int, kills: int, undisturbed: int, between: int = ANSWERS_BETWEEN) -> Faults:
    """Kill so often, and look.

    Args:
        undisturbed: exchanges before the first kill.
        between: exchanges between two kills.
    """
    models = {name: ModelServer(name, speed=SPEED) for name in ("v1", "v2")}
    wrong: list[str] = []
    killed: Counter[str] = Counter()
    complete: list[str] = []
    parquet = Parquet(folder)
    with ExitStack() as undo:
        events = Events(folder, undo.enter_context(receiving(Receiver())))
        sinks: dict[str, Target] = {"parquet": parquet, "cloud_events": events}
        terms = {"parquet": {"folder": parquet.folder.name, "every_s": 1}, "cloud_events": events.terms}
        stack = undo.enter_context(Stack(folder, models=models, change=with_ledger(url, workers, **terms)))
        if undisturbed:
            with LedgerLoad(stack.base_url, CLIENTS) as load:
                wait_until(lambda: len(load.complete) >= undisturbed, "exchanges without a kill", 60)
            complete += load.complete
            wrong += unlike_the_page(stack, url, folder)
        with LedgerLoad(stack.base_url, CLIENTS) as load:
            for victim in _victims(kills, workers):
                load.until_answered(between)
                killed[kill(stack, victim)] += 1
        complete += load.complete
        wait_until(lambda: stack.metric("llm_inflight_exchanges") == 0, "the last exchange has ended")
        wait_until(lambda: _only_the_living(folder, stack), "what the dead left is stored", 30)
        assert stack.processor.stop(30) == 0
    wrong += [f"left in the spool: {name.name}" for name in process_folders(folder / "ledger-spool")]
    faults = _look(url, folder, complete, killed, wrong)
    for name, sink in sinks.items():
        faults.wrong.extend(_unlike_the_database(name, sink.held(), faults))
    return faults


def _unlike_the_database(name: str, held: list[str], faults: Faults) -> Iterator[str]:
    found = Counter(held)
    yield from (f"{name} has it {times} times: {one}" for one, times in found.items() if times > 1)
    yield from (f"{name} has it not: {one}" for one in faults.entries - found.keys())
    yield from (f"only {name} has it: {one}" for one in found.keys() - faults.entries)


def _victims(kills: int, workers: int) -> Iterator[str]:
    victims: Sequence[str] = VICTIMS if workers > 1 else VICTIMS[:2]
    return (victim for _, victim in zip(range(kills), cycle(victims), strict=False))


def kill(stack: Stack, victim: str) -> str:
    """Kill one process, and wait until another has taken its place. Returns: what it was."""
    if victim == "processor":
        os.kill(stack.processor.pid, signal.SIGKILL)
        stack.processor.wait()
        stack.processor.start()
        return victim
    if victim == "worker":
        before = workers_of(stack)
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: before[0] not in workers_of(stack) and len(workers_of(stack)) == len(before), "a new worker")
        return victim
    pid = wait_until(lambda: shipper_of(stack), "a shipper")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: shipper_of(stack) not in (None, pid), "a new shipper", 20)
    return victim


def unlike_the_page(stack: Stack, url: str, folder: Path) -> list[str]:
    """Sums of the ledger that differ from those of the metrics page, when all has been stored."""
    wait_until(lambda: stack.metric("llm_inflight_exchanges") == 0, "no exchange is open")
    with suppress(TimeoutError):  # then the sums say what is missing
        wait_until(lambda: stack.metric("llm_extproc_ledger_stored_total") == stack.metric("llm_requests_total"), "")
    store = LedgerStore(url, folder)
    columns = ENTRIES.c
    sums = store.rows(
        select(
            func.count().label("exchanges"),
            func.sum(columns.prompt_tokens).label("prompt"),
            func.sum(columns.completion_tokens).label("completion"),
            func.sum(columns.cached_tokens).label("cached"),
            func.sum(columns.cost_micro_usd).label("cost"),
        )
    )[0]
    store.close()
    page = {
        "exchanges": stack.metric("llm_requests_total"),
        "prompt": stack.metric("llm_prompt_tokens_total"),
        "completion": stack.metric("llm_completion_tokens_total"),
        "cached": stack.metric("llm_cached_tokens_total"),
        "cost": stack.metric("llm_cost_micro_usd_total"),
    }
    return [
        f"{name}: {int(sums[name] or 0)} in the ledger, {shown:g} on the page"
        for name, shown in page.items()
        if int(sums[name] or 0) != shown
    ]


def _only_the_living(folder: Path, stack: Stack) -> bool:
    return len(process_folders(folder / "ledger-spool")) <= len(workers_of(stack))


def _look(url: str, folder: Path, complete: list[str], killed: Counter[str], wrong: list[str]) -> Faults:
    store = LedgerStore(url, folder)
    rows = store.rows(select(ENTRIES.c.exchange, ENTRIES.c.outcome))
    places = store.places()
    store.close()
    there = Counter(row["exchange"] for row in rows)
    outcomes = Counter(row["outcome"] for row in rows)
    wrong += [f"twice: {name}" for name, times in there.items() if times > 1]
    wrong += [f"not asked for: {name}" for name in NOT_REACHED if outcomes[name]]
    wrong += [f"damaged: {place.damaged} in {place.spool}" for place in places if place.damaged]
    wrong += [
        f"numbers of {place.spool}: {place.sequence} read, {place.entries} stored, {place.repeated} repeated"
        for place in places
        if place.sequence != place.entries + place.repeated
    ]
    missing = [name for name in complete if name not in there]
    repeated = sum(place.repeated for place in places)
    return Faults(killed, len(complete), missing, set(there), outcomes, repeated, wrong)


def main() -> int:
    """Kill in each kind of installation, and print what is in the ledger."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=100, help="in all (default: 100)")
    parser.add_argument("--undisturbed", type=int, default=200, help="exchanges before the first kill (default: 200)")
    asked = parser.parse_args()
    kinds: list[Any] = [("sqlite", 1), ("sqlite", 4), ("postgresql", 1), ("postgresql", 4)]
    failed = False
    with ExitStack() as undo:
        server = undo.enter_context(running())
        for database, workers in kinds:
            begun_s = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="llm-ledger-") as name:
                url = server.new_database() if database == "postgresql" else "sqlite:///ledger.db"
                faults = run(Path(name), url, workers, asked.kills // len(kinds), asked.undisturbed)
            failed |= bool(faults.missing or faults.wrong)
            _print(database, workers, faults, time.monotonic() - begun_s)
    return 1 if failed else 0


def _print(database: str, workers: int, faults: Faults, seconds: float) -> None:
    killed = ", ".join(f"{times} {victim}s" for victim, times in sorted(faults.kills.items()))
    outcomes = ", ".join(f"{times} {outcome}" for outcome, times in faults.outcomes.most_common())
    print(f"{database}, workers: {workers}; killed: {killed}; {seconds:.0f} s")
    print(f"  {faults.complete} seen complete, {len(faults.missing)} of them missing; entries: {outcomes}")
    print(f"  {faults.repeated} came again and were stored once")
    for line in [*(f"missing: {name}" for name in faults.missing), *faults.wrong]:
        print(f"  WRONG {line}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
