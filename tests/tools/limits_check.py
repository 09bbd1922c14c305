"""Two processors with four workers each, behind two Envoys, count in one Valkey: what is admitted at saturation?

First more than a minute at saturation. By the store's clock each limit must admit what it says within 1 %, and no
minute, wherever it begins, more than limit + burst. What clients got must be what the store has counted. Then the store
is killed under load and started again, with each `on_store_loss`. Exits 1 if a figure is out of its bounds.

    python -m tests.tools.limits_check --seconds 60 --clients 12
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from extproc.demo.installation import Change
from extproc.rate_limits.shared import key_of
from tests.e2e.harness import Stack, wait_until
from tests.tools.store_monitor import (
    Admission,
    StoreMonitor,
    beyond_reservations,
    monitored,
    most_in,
    used_between,
)
from tests.tools.valkey import Valkey, valkey

WORKERS = 4
PAUSE_S_MAX = 0.05
"""A refused client asks again sooner than it is told, so that nothing that is free stays free."""
TOLERANCE = 0.01
MINUTE_US = 60_000_000
POLICIES = ("local_share", "open", "closed")
OUTAGE_S = 6.0


class Load(NamedTuple):
    """A project whose clients ask more than its limit admits. ``unit``: what of an answer counts."""

    project: str
    of: str
    limit: int
    burst: int

    def section(self) -> dict[str, Any]:
        """Its limit, by the minute."""
        return {
            "name": self.project,
            "of": self.of,
            "limit": self.limit,
            "burst": self.burst,
            "window": "minute",
            "per": ["project"],
            "match": {"projects": [self.project]},
        }

    @property
    def key(self) -> str:
        """Its key in the store."""
        return key_of(f"{self.project}\0{self.project}")


LOADS = (
    Load("by-requests", "requests", 1_200, 60),
    Load("by-tokens", "tokens", 60_000, 3_000),
    Load("by-completion", "completion_tokens", 24_000, 2_000),
    Load("by-money", "micro_usd", 30_000, 2_000),
)


class Admitted(NamedTuple):
    """An answer. Times are of the monotonic clock. [s]"""

    at_s: float
    amount: int


class Clients:
    """Ask for a project all the time, through all Envoys in turn."""

    def __init__(self, load: Load, ports: Sequence[int], count: int) -> None:
        self.admitted: list[Admitted] = []
        self.statuses: Counter[int] = Counter()
        self.first_refused_s = 0.0
        self._load = load
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(ports[n % len(ports)],)) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """No further requests."""
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def amount(self, from_s: float, to_s: float) -> int:
        """What was admitted in a time."""
        return sum(one.amount for one in self.admitted if from_s <= one.at_s < to_s)

    def _ask(self, port: int) -> None:
        body = {"model": "tiny-chat", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 400}
        headers = {"content-type": "application/json", "x-project": self._load.project}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while not self._ends.is_set():
            asked_s = time.monotonic()
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
            self.statuses[answer.status] += 1
            if answer.status == 200:
                self.admitted.append(Admitted(asked_s, self._amount(json.loads(content)["usage"])))
                continue
            self.first_refused_s = self.first_refused_s or time.monotonic()
            wait_ms = int(answer.headers.get("retry-after-ms", "1000"))
            self._ends.wait(min(wait_ms / 1_000, PAUSE_S_MAX))
        connection.close()

    def _amount(self, usage: dict[str, int]) -> int:
        prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
        of = {"requests": 1, "tokens": prompt + completion, "completion_tokens": completion}
        return of.get(self._load.of) or (2 * (prompt * 150_000 + completion * 600_000) + 10**6) // (2 * 10**6)


def sharing(store: Valkey, loads: Sequence[Load], policy: str) -> Change:
    """The demo with these limits in a store."""

    def change(data: dict[str, Any]) -> None:
        data["rate_limits"] = {
            "store": store.url,
            "store_wait_ms_max": 100,  # everything runs on one small machine
            "on_store_loss": policy,
            "replicas": 2,
            "limits": [load.section() for load in loads],
        }
        data["server"]["workers"] = WORKERS
        data["log"] = {"exchanges": False}
        del data["models"]["tiny-chat"]["versions"]["v2"]

    return change


@contextmanager
def two_stacks(
    folder: Path, store: Valkey, loads: Sequence[Load], policy: str = "local_share"
) -> Iterator[list[Stack]]:
    """Each an Envoy, a processor with workers, and model servers; all have found the store."""
    change = sharing(store, loads, policy)
    for name in ("one", "two"):
        (folder / name).mkdir()
    with Stack(folder / "one", change=change) as one, Stack(folder / "two", change=change) as two:
        stacks = [one, two]
        wait_until(lambda: all(found(stack) >= WORKERS for stack in stacks), "every worker has the store", 30)
        yield stacks


def found(stack: Stack) -> int:
    """How often a worker has found the store."""
    return stack.processor.log.read_text().count("rate limit store found")


def port_of(stack: Stack) -> int:
    """Where its Envoy listens."""
    return int(stack.base_url.rpartition(":")[2])


# --- a minute at saturation ----------------------------------------------------------------------------------------


class Saturated(NamedTuple):
    """A time in which all limits were full. ``alone``: how many requests were decided without the store."""

    clients: dict[Load, Clients]
    from_us: int
    store_ms: float
    alone: int


def saturate(seconds: float, clients: int) -> list[str]:
    """Returns: what is out of its bounds."""
    with tempfile.TemporaryDirectory(prefix="llm-limits-") as made:
        folder = Path(made)
        with valkey(folder) as store, monitored(store, folder / "monitor.txt") as monitor:
            found = _saturated(folder, store, monitor, seconds, clients)  # all is settled behind it
        admissions = monitor.admissions()
    print(
        f"{'limit':14} {'a minute':>9} {'burst':>6} {'admitted':>9} {'off':>7} {'any minute':>11} {'at most':>8}"
        f" {'to clients':>11}"
    )
    wrong = []
    for load, one in found.clients.items():
        wrong += _judge(load, one, admissions.get(load.key, []), found.from_us, seconds)
    print(
        f"A round trip to the store took {found.store_ms:.1f} ms (p99, all workers); {found.alone} decided without it."
    )
    return wrong


def _saturated(folder: Path, store: Valkey, monitor: StoreMonitor, seconds: float, clients: int) -> Saturated:
    with two_stacks(folder, store, LOADS, POLICIES[0]) as stacks:
        ports = [port_of(stack) for stack in stacks]
        groups = {load: Clients(load, ports, clients // len(LOADS)) for load in LOADS}
        wait_until(lambda: all(one.first_refused_s for one in groups.values()), "all limits refuse", 60)
        from_us = monitor.now_us + 1_000_000
        while monitor.now_us < from_us + seconds * 1_000_000:
            time.sleep(0.1)
        for one in groups.values():
            one.end()
        return Saturated(groups, from_us, _store_ms(stacks), _alone(stacks))


def _judge(load: Load, clients: Clients, seen: Sequence[Admission], from_us: int, seconds: float) -> list[str]:
    admitted, expected = used_between(seen, from_us, from_us + int(seconds * 1_000_000)), load.limit * seconds / 60
    off = admitted / expected - 1
    most, bound = most_in(MINUTE_US, seen), load.limit + load.burst + beyond_reservations(seen)
    got, counted = sum(one.amount for one in clients.admitted), sum(one.used for one in seen)
    print(
        f"{load.project:14} {load.limit:>9} {load.burst:>6} {admitted:>9} {off:>7.2%} {most:>11} {bound:>8} {got:>11}"
    )
    wrong = []
    if abs(off) > TOLERANCE:
        wrong.append(f"{load.project}: {admitted} admitted in {seconds:g} s, {expected:.0f} expected")
    if most > bound:
        wrong.append(f"{load.project}: {most} admitted in a minute, at most {bound} expected")
    if got != counted:
        wrong.append(f"{load.project}: clients got {got}, the store has counted {counted}")
    if set(clients.statuses) - {200, 429}:
        wrong.append(f"{load.project}: answers {dict(clients.statuses)}")
    return wrong


def _alone(stacks: Sequence[Stack]) -> int:
    """How many requests were decided without the store, by all workers."""
    name = "llm_extproc_rate_limit_decided_alone_total"
    return int(sum(value for stack in stacks for _, value in stack.samples(name)))


def _store_ms(stacks: Sequence[Stack]) -> float:
    """The 99th percentile, up to the bucket's edge. [ms]"""
    buckets: Counter[float] = Counter()
    for stack in stacks:
        for labels, value in stack.samples("llm_extproc_rate_limit_store_seconds_bucket"):
            buckets[float(labels["le"])] += int(value)
    total = max(buckets.values(), default=0)
    return min((edge for edge, count in buckets.items() if count >= 0.99 * total), default=0.0) * 1_000


# --- a store that is killed ----------------------------------------------------------------------------------------


def lose(policy: str, clients: int) -> list[str]:
    """Returns: what is wrong with what clients get before, during and after."""
    load = Load("by-requests", "requests", 1_200, 20)
    with tempfile.TemporaryDirectory(prefix="llm-limits-") as made:
        folder = Path(made)
        with valkey(folder) as store, two_stacks(folder, store, [load], policy) as stacks:
            asking = Clients(load, [port_of(stack) for stack in stacks], clients)
            wait_until(lambda: asking.first_refused_s, "the limit refuses", 60)
            before = _rate(asking, OUTAGE_S)
            store.kill()
            lost_at = dict(asking.statuses)
            during = _rate(asking, OUTAGE_S)
            gone = Counter(asking.statuses) - Counter(lost_at)
            times = [found(stack) for stack in stacks]
            store.start()
            wait_until(
                lambda: all(found(one) >= was + WORKERS for one, was in zip(stacks, times, strict=True)), "back", 30
            )
            time.sleep(2 * load.burst * 60 / load.limit)  # until what was forgotten is used up
            after = _rate(asking, OUTAGE_S)
            asking.end()
    print(f"{policy:12} {before:>8.1f} {during:>8.1f} {after:>8.1f}   {dict(gone)}")
    return [f"{policy}: {line}" for line in wrong_in(policy, load, before, during, after, gone)]


def _rate(asking: Clients, seconds: float) -> float:
    """Admitted a second, from now on."""
    from_s = time.monotonic()
    time.sleep(seconds)
    return asking.amount(from_s, from_s + seconds) / seconds


def wrong_in(policy: str, load: Load, before: float, during: float, after: float, gone: Counter[int]) -> list[str]:
    """What a policy must not do."""
    wrong, expected = [], load.limit / 60
    burst = load.burst / OUTAGE_S  # each process begins with its part of it
    for when, rate in (("before", before), ("after", after)):
        if abs(rate / expected - 1) > 0.1:
            wrong.append(f"{rate:.1f} a second {when}, {expected:.1f} expected")
    if policy == "local_share" and during > expected + burst:
        wrong.append(f"{during:.1f} a second without the store, at most {expected + burst:.1f} expected")
    if policy == "open" and (during < 2 * expected or gone[429] > gone[200]):
        wrong.append(f"{during:.1f} a second without the store, all were expected")
    if policy == "closed" and (gone[200] > expected or not gone[503]):
        wrong.append(f"{dict(gone)} without the store, only 503 was expected")
    if unknown := set(gone) - {200, 429, 503}:
        wrong.append(f"answers {sorted(unknown)}")
    return wrong


def main() -> int:
    """Saturate, then lose the store with each policy."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="at saturation (default: 60)")
    parser.add_argument("--clients", type=int, default=12, help="that ask all the time (default: 12)")
    parser.add_argument("--policies", nargs="*", default=POLICIES, choices=POLICIES, metavar="NAME", help="only these")
    asked = parser.parse_args()
    wrong = saturate(asked.seconds, asked.clients)
    print(f"\n{'on loss':12} {'before':>8} {'without':>8} {'after':>8}   answers without the store (admitted a second)")
    for policy in asked.policies:
        wrong += lose(policy, asked.clients)
    print("\n" + ("\n".join(wrong) or "Every limit admits what it says."))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
