"""Model servers are asked by one process, and what they say is stored, through outages of both."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import select

from extproc.allocation.server_samples import ServerSamples
from extproc.database.engine import StoreFailed
from extproc.demo.scripted import Scripted
from extproc.ledger.allocation import sampling
from extproc.ledger.allocation.asking import ResolvedNames
from extproc.ledger.allocation.sample_tables import GPU_SERVERS, HOUR_US, SAMPLING_LEADER
from extproc.ledger.allocation.sampling import STORE_S, TAKEN_OVER_S, TOLD_AFTER, ServerSampling
from extproc.ledger.allocation.settings import ConfiguredServer, SamplingSettings
from extproc.ledger.allocation.stored_samples import read_samples, sampled_servers
from extproc.ledger.leader import LOOK_S, leader_row
from extproc.ledger.store import LedgerStore
from tests.hangs import HANG_S
from tests.unit.ledger.allocation.model_pages import PageServer, vllm_page

SCRAPE_S = 0.02


class Clock:
    """Seconds that pass when a test says so; the time of day is real."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Its time."""
        return self.now_s


class Process:
    """The sampling of one process."""

    def __init__(self, store: LedgerStore, *servers: ConfiguredServer, is_guard: bool = False, **more: Any) -> None:
        self.store = store
        self.clock = Clock()
        self.told: list[str] = []
        settings = SamplingSettings(SCRAPE_S, 400, is_guard, servers)
        clocks = self.clock, more.pop("wall_us", lambda: 500_000 * HOUR_US)
        self.sampling = ServerSampling(store, settings, self.told.append, clocks, **more)

    def look(self, after_s: float = 0.0, last: bool = False) -> None:
        """Some time later."""
        self.clock.now_s += after_s
        self.sampling.look(last)

    def stored(self, server: str) -> ServerSamples:
        """What the store has of a server."""
        with self.store.reading() as connection:
            return read_samples(connection, server, 0, 1 << 62)

    def change(self, *servers: ConfiguredServer) -> None:
        """Another configuration."""
        self.sampling.use(self.store, self.sampling.settings._replace(servers=servers))


def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread does."""
    waits = threading.Event()
    for _ in range(int(HANG_S / 0.005)):
        if condition():
            return
        waits.wait(0.005)
    raise AssertionError("it does not come to that")


def configured(endpoint: str, gpus: int = 2, metrics: str = "") -> ConfiguredServer:
    """A server of the configuration."""
    return ConfiguredServer(endpoint, gpus, "H100", "h100", metrics)


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    """What ends with the test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def servers(undo: ExitStack) -> list[PageServer]:
    """Two of them."""
    made = [PageServer(), PageServer()]
    for one in made:
        undo.callback(one.close)
    return made


def test_what_servers_say_is_stored_once_a_minute(store: LedgerStore, servers: list[PageServer]) -> None:
    """Each under its address, with the GPUs that it has; a change of them is noted."""
    one, other = servers
    process = Process(store, configured(one.endpoint), configured(other.endpoint, 4))
    other.says(vllm_page(written=7))
    process.look()
    until(lambda: one.asked > 3 < other.asked)
    process.look(STORE_S / 2)
    assert len(process.stored(one.endpoint).at_us) == 0
    process.look(STORE_S / 2)
    found = process.stored(other.endpoint)
    assert len(process.stored(one.endpoint).at_us) >= 3 <= len(found.at_us)
    assert set(found.written.tolist()) == {7}
    assert set(found.start_us.tolist()) == {1_000_000_000}
    process.change(configured(one.endpoint, 8))
    asked = one.asked
    process.look()
    until(lambda: one.asked > asked + 1)
    process.look(last=True)
    with store.reading() as connection:
        query = select(GPU_SERVERS.c.server, GPU_SERVERS.c.gpus).order_by(GPU_SERVERS.c.since_us)
        rows = [tuple(row) for row in connection.execute(query)]
    assert sorted(rows[:2]) == sorted([(one.endpoint, 2), (other.endpoint, 4)])
    assert rows[2:] == [(one.endpoint, 8)]


def test_one_process_asks_and_another_one_goes_on(store: LedgerStore, servers: list[PageServer]) -> None:
    """When it ends, at once; when it dies, after some seconds."""
    server, _ = servers
    first, second, third = (Process(store, configured(server.endpoint)) for _ in range(3))
    first.look()
    until(lambda: server.taken)
    second.look()
    first.look(100.0)  # it beats
    second.look(TAKEN_OVER_S)
    assert second.sampling._servers == {}
    first.look(last=True)
    second.look(LOOK_S)
    assert list(second.sampling._servers) == [server.endpoint]
    third.look()
    third.look(TAKEN_OVER_S - LOOK_S)
    assert third.sampling._servers == {}
    third.look(LOOK_S)
    assert list(third.sampling._servers) == [server.endpoint]
    second.look(100.0)  # it was slow, and learns it
    assert second.sampling._servers == {} or all(one.asked is None for one in second.sampling._servers.values())
    third.look(last=True)
    with store.reading() as connection:
        assert leader_row(connection, SAMPLING_LEADER).holder == ""
        assert sampled_servers(connection, 0, 1 << 62) == [server.endpoint]


def test_each_guard_asks_its_own_server(store: LedgerStore, servers: list[PageServer]) -> None:
    """By its name: their addresses are the same."""
    guards = [
        Process(store, configured(f"vllm-{number}", metrics=server.endpoint), is_guard=True)
        for number, server in enumerate(servers)
    ]
    for guard in guards:
        guard.look()
    until(lambda: all(server.taken for server in servers))
    for guard in guards:
        guard.look(last=True)
    with store.reading() as connection:
        assert sampled_servers(connection, 0, 1 << 62) == ["vllm-0", "vllm-1"]


def test_each_address_of_a_name_is_a_server(store: LedgerStore, servers: list[PageServer]) -> None:
    """As the resolver has them now; one that is listed by its address is no other's."""
    one, other = servers
    found: dict[str, tuple[str, ...]] = {"vllm:8000": (one.endpoint, other.endpoint)}
    process = Process(
        store,
        configured("vllm:8000", 2),
        configured(other.endpoint, 4),
        names=lambda names: ResolvedNames(names, lambda name: found[name], 0.005),
    )
    process.look()

    def asked() -> set[str]:
        process.look(STORE_S)
        return set(process.sampling._servers)

    until(lambda: asked() == {one.endpoint, other.endpoint} and one.asked > 1 and other.asked > 1)
    assert {name: server.configured.gpus for name, server in process.sampling._servers.items()} == {
        one.endpoint: 2,
        other.endpoint: 4,
    }
    found["vllm:8000"] = (other.endpoint,)
    until(lambda: asked() == {other.endpoint})
    before = other.asked
    until(lambda: other.asked > before + 2)
    process.look(last=True)
    assert len(process.stored(one.endpoint).at_us) > 0


def test_a_name_that_cannot_be_resolved_keeps_its_addresses() -> None:
    """As in Envoy; another name is resolved all the same."""
    answers: dict[str, tuple[str, ...]] = {"a:1": ("10.0.0.1:1",), "b:1": ("10.0.0.2:1",)}

    def resolve(name: str) -> tuple[str, ...]:
        if name not in answers:
            raise OSError
        return answers[name]

    names = ResolvedNames(("a:1", "b:1", "c:1"), resolve, 0.001)
    names.start()
    until(lambda: names.addresses == {"a:1": ("10.0.0.1:1",), "b:1": ("10.0.0.2:1",)})
    del answers["a:1"]
    answers["b:1"] = ("10.0.0.3:1",)
    until(lambda: names.addresses == {"a:1": ("10.0.0.1:1",), "b:1": ("10.0.0.3:1",)})
    answers["b:1"] = ()
    answers["c:1"] = ("10.0.0.4:1",)
    until(lambda: len(names.addresses) == 3)
    assert names.addresses["b:1"] == ("10.0.0.3:1",)
    names.stop()
    names.join(HANG_S)
    assert not names.is_alive()


def test_a_server_that_hangs_delays_no_other(store: LedgerStore, servers: list[PageServer]) -> None:
    """Nor whoever looks."""
    server, _ = servers
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = Process(store, configured(server.endpoint), configured(f"127.0.0.1:{silent.getsockname()[1]}"))
        process.look()
        until(lambda: server.asked > 5)
        process.look(last=True)
    with store.reading() as connection:
        assert sampled_servers(connection, 0, 1 << 62) == [server.endpoint]


@pytest.mark.parametrize(
    ("answer", "result"),
    [(Scripted(404), "failed"), (Scripted(chunks=[b"up 1\n"]), "unreadable"), (None, "unreachable")],
)
def test_a_server_that_says_nothing_is_told_once_and_its_return_too(
    store: LedgerStore, servers: list[PageServer], answer: Scripted | None, result: str
) -> None:
    """What it did not say is a gap."""
    server, _ = servers
    process = Process(store, configured(server.endpoint))
    process.look()
    until(lambda: server.taken)
    good = server.answer
    if answer is None:
        server.model_server.stop()
    else:
        server.answer = answer
    (entry,) = process.sampling._servers.values()
    until(lambda: entry.missing >= TOLD_AFTER)
    process.look()
    process.look()
    assert process.told == [
        f"gpus: {server.endpoint} does not say what it does ({result}), so its idle time is not known. It is read from "
        f"vLLM's /metrics at {server.endpoint}"
    ]
    server.answer = good
    if answer is None:
        server.model_server.start()
    until(lambda: not entry.missing)
    process.look()
    assert process.told[1:] == [f"gpus: {server.endpoint} says again what it does"]
    process.look(last=True)


def test_a_store_that_does_not_answer_loses_nothing(
    store: LedgerStore, servers: list[PageServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was said waits, up to a bound."""
    server, _ = servers
    process = Process(store, configured(server.endpoint, metrics=server.endpoint), is_guard=True)
    process.look()
    until(lambda: server.asked > 3)

    def fails(*_: object) -> list[str]:
        raise StoreFailed("the store is gone", may_pass=True)

    with monkeypatch.context() as changed:
        changed.setattr(sampling, "add_samples", fails)
        with pytest.raises(StoreFailed):
            process.look(STORE_S)
    before = server.asked
    process.sampling.use(store, process.sampling.settings)  # it was opened again
    until(lambda: server.asked > before + 2)
    process.look(STORE_S)
    assert len(process.stored(server.endpoint).at_us) >= before
    assert process.sampling._servers[server.endpoint].waiting.maxlen == 3_600
    process.look(last=True)


def test_a_restart_is_in_the_samples(store: LedgerStore, servers: list[PageServer]) -> None:
    """Both times change, whatever the counters do."""
    server, _ = servers
    process = Process(store, configured(server.endpoint))
    process.look()
    until(lambda: server.asked > 1)
    server.says(vllm_page(written=900, start_s=2_000.0, ready_s=2_030.5))
    asked = server.asked
    until(lambda: server.asked > asked + 2)
    process.look(last=True)
    found = process.stored(server.endpoint)
    assert sorted(set(found.start_us.tolist())) == [1_000_000_000, 2_000_000_000]
    assert sorted(set(found.ready_us.tolist())) == [1_020_000_000, 2_030_500_000]


def test_samples_that_are_too_old_are_deleted(store: LedgerStore, servers: list[PageServer]) -> None:
    """Once an hour."""
    server, _ = servers
    day_us = 24 * HOUR_US
    mine = configured("vllm-7", metrics=server.endpoint)
    process = Process(store, mine, is_guard=True, wall_us=lambda: (1 << 61) + 401 * day_us)
    process.look()
    until(lambda: server.asked > 1)
    process.look(STORE_S)
    assert len(process.stored("vllm-7").at_us) == 0
    until(lambda: process.sampling._servers["vllm-7"].waiting)
    process.look(STORE_S)
    assert len(process.stored("vllm-7").at_us) > 0
    process.look(last=True)


def test_servers_are_bounded(store: LedgerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once."""
    monkeypatch.setattr(sampling, "SERVERS_MAX", 3)
    process = Process(store, *(configured(f"127.0.0.1:{port}") for port in range(1, 6)))
    process.look()
    process.look()
    assert len(process.sampling._servers) == 3
    assert process.told == ["gpus: 5 servers, and 3 of them are asked at most"]
    process.look(last=True)
