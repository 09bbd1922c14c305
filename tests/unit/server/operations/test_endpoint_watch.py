"""Model servers are asked for their load, in threads, and what they say arrives on the event loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Gate, Scripted
from extproc.demo.seen import Request
from extproc.exchange.endpoint_loads import EndpointLoad
from extproc.model_servers.metrics_page import FAILED, OK, UNREACHABLE, UNREADABLE
from extproc.server.operations import endpoint_names, endpoint_watch
from extproc.server.operations.endpoint_watch import EndpointWatch
from extproc.sinks.metrics import Metrics
from tests.unit.server.fakes import Logged
from tests.unit.server.loops import in_loop, until

PLAIN = (("content-type", "text/plain"),)


def page(waiting: int = 0, running: int = 0, cache: float = 0.0) -> bytes:
    """A page of a server."""
    return (
        f'vllm:num_requests_waiting{{engine="0"}} {waiting}\nvllm:num_requests_running{{engine="0"}} {running}\n'
        f'vllm:kv_cache_usage_perc{{engine="0"}} {cache}\n'
    ).encode()


class Server:
    """A model server whose page a test writes."""

    def __init__(self) -> None:
        self.answer = Scripted(headers=PLAIN, chunks=[page()])
        self.model_server = ModelServer("v1", respond=self._respond)

    @property
    def endpoint(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.model_server.port}"

    @property
    def asked(self) -> int:
        """How often, so far."""
        return len(list(self.model_server.seen))

    def _respond(self, request: Request) -> Scripted:
        assert (request.method, request.path) == ("GET", "/metrics")
        return self.answer


class Watched:
    """A watch, and what it told."""

    def __init__(self, *endpoints: str) -> None:
        self.endpoints = set(endpoints)
        self.told: dict[str, list[EndpointLoad]] = {}
        self.threads: set[int] = set()
        self.metrics, self.logged = Metrics(10), Logged()
        self.addresses: dict[str, tuple[str, ...]] = {}
        self.watch = EndpointWatch(
            lambda: self.endpoints, self._tell, self.addresses.__setitem__, self.metrics, self.logged.logger
        )

    def _tell(self, endpoint: str, load: EndpointLoad) -> None:
        self.threads.add(threading.get_ident())
        self.told.setdefault(endpoint, []).append(load)

    def results(self, result: str) -> float:
        """How often a result was counted."""
        return self.metrics.registry.get_sample_value("llm_endpoint_scrapes_total", {"result": result}) or 0.0

    def age_s(self, endpoint: str) -> float | None:
        """As the page of metrics shows it."""
        return self.metrics.registry.get_sample_value("llm_endpoint_load_age_seconds", {"endpoint": endpoint})


@asynccontextmanager
async def watching(*endpoints: str) -> AsyncIterator[Watched]:
    """It runs."""
    watched = Watched(*endpoints)
    running = asyncio.create_task(watched.watch.run())
    yield watched
    running.cancel()
    await asyncio.wait((running,))
    assert running.cancelled()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not wait as long as a processor."""
    for name in ("SCRAPE_S", "PAUSE_S", "FOLLOW_S"):
        monkeypatch.setattr(endpoint_watch, name, 0.005)


@pytest.fixture
def server() -> Iterator[Server]:
    """It runs."""
    made = Server()
    with made.model_server:
        yield made


@in_loop
async def test_what_a_server_says_arrives_on_the_loop_and_again(server: Server) -> None:
    """Each time as it is then, with the time of the question."""
    async with watching(server.endpoint) as watched:
        await until(lambda: watched.told)
        assert watched.told[server.endpoint][0][1:] == (True, 0, 0, 0)
        server.answer = Scripted(headers=PLAIN, chunks=[page(12, 3, 0.5)])
        await until(lambda: watched.told[server.endpoint][-1][1:] == (True, 12, 3, 0.5))
        times = [load.at_ns for load in watched.told[server.endpoint]]
        assert times == sorted(times)
        assert watched.threads == {threading.get_ident()}
        assert watched.results(OK) == len(times)
        assert (watched.age_s(server.endpoint) or 9) < 5


@in_loop
async def test_one_connection_is_kept_and_replaced_if_the_server_closes_it(server: Server) -> None:
    """A server that restarts, or closes idle connections, is no failure."""
    async with watching(server.endpoint) as watched:
        await until(lambda: watched.results(OK) >= 5)
        assert len(server.model_server._connections) == 1
        server.answer = Scripted(headers=(*PLAIN, ("connection", "close")), chunks=[page()])
        before = watched.results(OK)
        await until(lambda: watched.results(OK) >= before + 5)
        assert watched.results(FAILED) == watched.results(UNREACHABLE) == 0


@in_loop
async def test_a_server_that_is_gone_is_told_as_unreachable_until_it_is_back(server: Server) -> None:
    """Only that is told; other failures say nothing, and the last numbers grow old."""
    async with watching(server.endpoint) as watched:
        await until(lambda: watched.told)
        server.model_server.stop()
        await until(lambda: not watched.told[server.endpoint][-1].reachable)
        assert watched.results(UNREACHABLE) >= 1
        server.model_server.start()
        await until(lambda: watched.told[server.endpoint][-1].reachable)


ODD = {
    "another status": (Scripted(404, headers=PLAIN, chunks=[page()]), FAILED),
    "another page": (Scripted(headers=PLAIN, chunks=[b"# TYPE up gauge\nup 1\n"]), UNREADABLE),
    "a page that is cut off": (
        Scripted(headers=(*PLAIN, ("content-length", "100000")), chunks=[page()], end="close_abruptly"),
        FAILED,
    ),
    "chunks that are cut off": (Scripted(headers=PLAIN, chunks=[page()], end="close_abruptly"), FAILED),
    "a page that is too long": (
        Scripted(headers=PLAIN, chunks=[page(), *[b"# " + b"x" * 65_536 + b"\n"] * 70]),
        FAILED,
    ),
}


@pytest.mark.parametrize(("answer", "result"), ODD.values(), ids=ODD)
def test_what_is_no_page_is_counted_and_not_told(server: Server, answer: Scripted, result: str) -> None:
    """And asked for again."""

    @in_loop
    async def play() -> None:
        server.answer = answer
        async with watching(server.endpoint) as watched:
            await until(lambda: watched.results(result) >= 2)
            assert watched.told == {}
            server.answer = Scripted(headers=PLAIN, chunks=[page()])
            await until(lambda: watched.told)

    play()


@in_loop
async def test_a_server_that_hangs_is_given_up_and_delays_no_other(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the connection, and says nothing."""
    monkeypatch.setattr(endpoint_watch, "ANSWER_S_MAX", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with watching(server.endpoint, f"127.0.0.1:{silent.getsockname()[1]}") as watched:
            await until(lambda: watched.results(FAILED) >= 2)
            assert set(watched.told) == {server.endpoint}
            assert len(watched.told[server.endpoint]) > 4


@in_loop
async def test_a_page_that_never_ends_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece comes in time."""
    monkeypatch.setattr(endpoint_watch, "ANSWER_S_MAX", 0.1)
    server.answer = Scripted(headers=PLAIN, chunks=iter(lambda: b"#\n", None), delay_s=0.01)
    async with watching(server.endpoint) as watched:
        await until(lambda: watched.results(FAILED) >= 1)


@in_loop
async def test_a_fault_of_this_program_is_counted_and_ends_no_thread(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an endpoint would never be asked again."""

    def broken(page: bytes, at_ns: int) -> EndpointLoad | None:
        raise ValueError(page, at_ns)

    with monkeypatch.context() as changed:
        changed.setattr(endpoint_watch, "read_load", broken)
        async with watching(server.endpoint) as watched:
            await until(lambda: watched.results(FAILED) > 1)
            changed.undo()
            await until(lambda: watched.told)


@in_loop
async def test_what_an_endpoint_says_late_is_told_to_nobody(server: Server) -> None:
    """It was asked when it was still in the configuration."""
    other, gate = Server(), Gate()
    other.answer = Scripted(headers=PLAIN, chunks=[gate, page(9)])
    with other.model_server:
        async with watching(server.endpoint, other.endpoint) as watched:
            await until(lambda: other.asked)
            (scraper,) = (one for name, one in watched.watch._scrapers.items() if name == other.endpoint)
            watched.endpoints = {server.endpoint}
            await until(lambda: watched.age_s(other.endpoint) is None)
            gate.open()
            await until(lambda: not scraper.is_alive())
            heard = watched.results(OK)
            await until(lambda: watched.results(OK) > heard + 1)
            assert set(watched.told) == {server.endpoint}


@in_loop
async def test_the_configuration_in_force_is_followed(server: Server) -> None:
    """A new endpoint is asked, and one that is gone is left, with its series."""
    async with watching() as watched:
        watched.endpoints = {server.endpoint}
        await until(lambda: watched.told)
        watched.endpoints = set()
        await until(lambda: watched.age_s(server.endpoint) is None)
        asked, told = server.asked, len(watched.told[server.endpoint])
        watched.endpoints = {"127.0.0.1:1"}
        await until(lambda: watched.results(UNREACHABLE) > 3)
        assert server.asked <= asked + 1  # one may have been on its way
        assert len(watched.told[server.endpoint]) == told


@in_loop
async def test_endpoints_are_bounded_and_many_are_asked_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost does not grow with their number."""
    monkeypatch.setattr(endpoint_watch, "ENDPOINTS_MAX", 3)
    monkeypatch.setattr(endpoint_watch, "SCRAPES_PER_S_MAX", 30)
    async with watching(*(f"127.0.0.1:{port}" for port in range(1, 9))) as watched:
        await until(lambda: len(watched.told) == 3)
        assert {scraper.interval_s for scraper in watched.watch._scrapers.values()} == {0.1}


@in_loop
async def test_a_failure_that_lasts_is_logged_once_and_its_end_too(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is soon over is not."""
    monkeypatch.setattr(endpoint_watch, "TOLD_AFTER_S", 0.1)
    async with watching(server.endpoint) as watched:
        await until(lambda: watched.told)
        server.answer = Scripted(503, headers=PLAIN)
        await until(lambda: watched.logged.lines and watched.results(FAILED) > 10)
        (line,) = watched.logged.lines
        assert (line["level"], line["endpoint"], line["result"]) == ("warning", server.endpoint, FAILED)
        server.answer = Scripted(headers=PLAIN, chunks=[page()])
        await until(lambda: len(watched.logged.lines) == 2)
        assert watched.logged.lines[1]["level"] == "info"


@in_loop
async def test_a_name_is_asked_at_its_addresses(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said there is told of the address, by which Envoy knows a host."""
    monkeypatch.setattr(endpoint_names, "RESOLVE_S", 0.005)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, 1, 6, "", ("127.0.0.1", 0))])
    name = f"vllm.test:{server.model_server.port}"
    async with watching(name) as watched:
        await until(lambda: watched.told)
        assert watched.addresses == {name: (server.endpoint,)}
        assert set(watched.told) == {server.endpoint}
        assert watched.age_s(server.endpoint) is not None
