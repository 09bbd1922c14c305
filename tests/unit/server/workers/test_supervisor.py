"""Several workers behind one address: one page, one configuration, and nothing lost when one of them goes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio
from prometheus_client import generate_latest

from extproc.config.load import parse_document
from extproc.exchange.snapshot import compile_snapshot
from extproc.server.operations.config_in_force import ConfigInForce
from extproc.server.operations.health import Health
from extproc.server.operations.json_log import open_log
from extproc.server.sockets.free_ports import free_ports
from extproc.server.workers import WorkersFailed
from extproc.server.workers import places as worker_places
from extproc.server.workers import supervisor as module
from extproc.server.workers.supervisor import FAILED_STARTS_MAX, Workers
from extproc.sinks.metrics import Metrics
from tests.unit.server.authority import Authority
from tests.unit.server.clients import exchange, say
from tests.unit.server.envoy import CONFIG, PROMPT, request_body, request_headers, unstreamed_chat
from tests.unit.server.loops import in_loop
from tests.unit.server.processes import Process, later, run, short_folder, start, sum_of

WORKERS = {"workers": 2, "reload_interval_ms": 50}
LONG_MS = 3_600_000


SERVERS: dict[str, Callable[[], dict[str, Any]]] = {
    "fast": dict,
    "grpc": lambda: {"transport": "grpc"},
    "tcp": lambda: {"listen": f"127.0.0.1:{free_ports(1)[0]}"},
    "files looked at by a signal only": lambda: {"reload_interval_ms": 60_000},
}


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[Process]:
    """Two workers, for tests one after the other; the last of them may end it."""
    with short_folder() as folder:
        process = start(folder, server=WORKERS | {"drain_ms_max": LONG_MS} | SERVERS[request.param]())
        yield process
        process.processor.kill()


def by_one(*servers: str) -> pytest.MarkDecorator:
    """A test that does not mind what others have done with the process before."""
    return pytest.mark.parametrize("shared", servers, indirect=True)


async def addresses(process: Process) -> list[str]:
    """One for each worker, or one for both."""
    await later(lambda: process.lines("serving"))
    return list(process.lines("serving")[0]["listen"])


RUNNING: list[Process] = []


@pytest.fixture
def folder() -> Iterator[Path]:
    """For sockets and files; a supervisor that a failed test has left there is ended, and its workers with it."""
    with short_folder() as folder:
        yield folder
        while RUNNING:
            RUNNING.pop().processor.kill()


async def started(folder: Path, **server: Any) -> Process:
    """Two workers that are ready."""
    RUNNING.append(await asyncio.to_thread(start, folder, server=WORKERS | server))
    return RUNNING[-1]


async def stopped(process: Process) -> int | None:
    """The exit code, after SIGTERM."""
    return await asyncio.to_thread(process.processor.stop)


async def chat(channel: aio.Channel) -> None:
    """A whole exchange. Raises: aio.AioRpcError."""
    call = exchange(channel)
    replies = await say(call, *unstreamed_chat())
    assert replies[-1].HasField("response_body")
    await call.done_writing()
    assert await call.code() is grpc.StatusCode.OK


def runs(pid: int) -> bool:
    """Whether a process has not ended; one that nobody has asked for its exit code yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pids(process: Process) -> list[int]:
    """Of the workers, by their places."""
    return [worker["pid"] for worker in process.readiness()[1]["workers"]]


def serving(process: Process) -> list[int]:
    """Pids of the workers when all of them serve."""
    status, detail = process.readiness()
    return [worker["pid"] for worker in detail["workers"]] if status == 200 else []


def revisions(process: Process) -> set[str]:
    """Those in force, the supervisor's and the workers'."""
    detail = process.readiness()[1]
    return {detail["revision"], *(worker["revision"] for worker in detail["workers"])}


def comments(page: str) -> list[str]:
    """HELP and TYPE lines of a metrics page."""
    return [line for line in page.splitlines() if line.startswith("#")]


class Counts:
    """What a process has counted so far, so that what comes later can be told from it."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._page = process.processor.page("/metrics")

    def more(self, name: str, **labels: str) -> float:
        """What has been added to a metric since."""
        return self._process.metric(name, **labels) - sum_of(self._page, name, **labels)


# --- what they count and say ---------------------------------------------------------------------------------------


@by_one("fast")
@in_loop
async def test_every_line_of_a_worker_says_which_one(shared: Process) -> None:
    """Lines of exchanges, by the socket they came over; the supervisor's own have no number."""
    async with shared.channel(".1") as channel:
        await chat(channel)
    await later(lambda: shared.lines("exchange"))
    assert [line["worker"] for line in shared.lines("exchange")] == [1]
    assert sorted(line["worker"] for line in shared.lines("worker serving")) == [0, 1]
    assert await addresses(shared) == [f"unix:{shared.socket}.0", f"unix:{shared.socket}.1"]
    assert not [line for line in shared.lines("serving") if "worker" in line]


@by_one("fast", "grpc")
@in_loop
async def test_one_page_adds_up_what_all_of_them_count(shared: Process) -> None:
    """Counters, histograms and the gauge of running exchanges; the rest is as on the page of one process."""
    before = Counts(shared)
    async with shared.channel(".0") as first, shared.channel(".1") as second:
        for channel, times in ((first, 3), (second, 2)):
            for _ in range(times):
                await chat(channel)
        running = [exchange(channel) for channel in (first, second, second)]
        for call in running:
            await say(call, request_headers())
        assert shared.metric("llm_inflight_exchanges") == 3
        assert before.more("llm_requests_total", outcome="completed") == 5
        assert before.more("llm_cost_micro_usd_total") == 5 * (5 + 2 * 3)
        assert before.more("llm_response_tokens_count") == 5
        assert before.more("llm_response_tokens_bucket", le="10.0") == 5
        assert before.more("llm_extproc_step_seconds_count", phase="request_headers") == 8
        assert shared.metric("llm_config_reloads_total") == shared.metric("llm_config_revision") == 1
        assert comments(shared.processor.page("/metrics")) == comments(generate_latest(Metrics(1).registry).decode())
        for call in running:
            call.cancel()
    await later(lambda: shared.metric("llm_inflight_exchanges") == 0)


# --- one of them dies ----------------------------------------------------------------------------------------------


@by_one("fast", "grpc")
@in_loop
async def test_a_killed_worker_takes_only_its_streams_along(shared: Process) -> None:
    """It is told in one line, counted, and replaced; what it had counted stays, and is counted once."""
    before = Counts(shared)
    async with shared.channel(".0") as first, shared.channel(".1") as second:
        await chat(first)
        await chat(second)
        doomed, spared = exchange(first), exchange(second)
        await say(doomed, request_headers())
        await say(spared, request_headers())
        victim = pids(shared)[0]
        os.kill(victim, signal.SIGKILL)
        assert await doomed.code() is not grpc.StatusCode.OK
        assert (await say(spared, request_body()))[0].HasField("request_body")
        await later(lambda: (now := serving(shared)) and now[0] != victim)
        assert shared.metric("llm_inflight_exchanges") == 1
        assert before.more("llm_requests_total") == 2
        spared.cancel()
    async with shared.channel(".0") as channel:
        await chat(channel)
    assert before.more("llm_requests_total", outcome="completed") == 3
    assert before.more("llm_response_tokens_count") == 3
    assert shared.metric("llm_worker_restarts_total", reason="SIGKILL") == 1
    (line,) = shared.lines("worker died, restarting")
    assert (line["worker"], line["reason"], "memory" in line["hint"]) == (0, "SIGKILL", True)


@in_loop
async def test_workers_end_when_their_supervisor_is_killed(folder: Path) -> None:
    """At once, so that the next supervisor finds the address free."""
    process = await started(folder, drain_ms_max=LONG_MS)
    workers = pids(process)
    async with process.channel(".0") as channel:
        call = exchange(channel)
        await say(call, request_headers())
        files = [Path(f"/proc/{workers[0]}/fd/{fd}").readlink() for fd in os.listdir(f"/proc/{workers[0]}/fd")]
        (shared,) = {file.parent for file in files if file.name == "log.lock"}
        process.processor.kill()
        assert await call.code() is not grpc.StatusCode.OK
    await later(lambda: not any(map(runs, workers)))
    assert not shared.exists()
    await asyncio.to_thread(process.processor.start)  # the address is free
    assert await stopped(process) == 0


# --- one configuration ---------------------------------------------------------------------------------------------


@by_one("fast")
@in_loop
async def test_a_new_configuration_is_in_force_everywhere_and_told_once(shared: Process) -> None:
    """Also in a worker that starts later; a bad one is refused once, whatever the number of workers."""
    (before,) = revisions(shared)
    (shared.file.parent / "prompt.txt").write_text("Be verbose.")
    await later(lambda: shared.readiness()[1]["revision"] != before)
    (after,) = revisions(shared)
    shared.file.write_text(shared.config.replace("weight: 1", "wieght: 1"))
    await later(lambda: shared.readiness()[1]["config_error"])
    os.kill(pids(shared)[1], signal.SIGKILL)
    await later(lambda: shared.readiness()[0] == 503)
    await later(lambda: shared.readiness()[0] == 200)
    assert revisions(shared) == {after}
    async with shared.channel(".1") as channel:
        (_, reply) = await say(exchange(channel), request_headers(), request_body())
        assert b"Be verbose." in reply.request_body.response.body_mutation.body
    assert shared.metric("llm_config_reloads_total", result="ok") == 2
    assert shared.metric("llm_config_reloads_total", result="invalid") == 1
    assert len(shared.lines("configuration loaded")) == 1
    assert len(shared.lines("configuration rejected, the last good one stays in force")) == 1


def all_shown(address: str) -> set[bytes]:
    """The certificates that the workers show: the system gives each of so many connections to either."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    host, _, port = address.rpartition(":")
    found = set()
    for _ in range(16):
        with socket.create_connection((host, int(port))) as connection, context.wrap_socket(connection) as secured:
            found.add(secured.getpeercert(binary_form=True) or b"")
    return found


@in_loop
async def test_renewed_certificates_are_used_by_every_worker(folder: Path) -> None:
    """Also by one that starts later; they are read once, by the supervisor."""
    authority = Authority()
    authority.issue().write(folder, "tls")
    address = f"127.0.0.1:{free_ports(1)[0]}"
    process = await started(folder, listen=address, tls={"certificate_file": "tls.crt", "key_file": "tls.key"})
    before = await asyncio.to_thread(all_shown, address)
    authority.issue().write(folder, "tls")
    await later(lambda: all_shown(address).isdisjoint(before))
    after = await asyncio.to_thread(all_shown, address)
    victim = pids(process)[1]
    os.kill(victim, signal.SIGKILL)
    await later(lambda: (now := serving(process)) and now[1] != victim)
    assert await asyncio.to_thread(all_shown, address) == after
    assert len(before) == len(after) == 1
    assert await stopped(process) == 0
    assert len(process.lines("certificates replaced, new connections use them")) == 1


# --- they are replaced ---------------------------------------------------------------------------------------------


class Asking:
    """Clients that ask all the time, each on one connection; not so fast that workers that start wait for them."""

    def __init__(self, *channels: aio.Channel) -> None:
        self.outcomes: Counter[str] = Counter()
        self._enough = asyncio.Event()
        self._tasks = [asyncio.create_task(self._ask(channel)) for channel in channels]

    async def _ask(self, channel: aio.Channel) -> None:
        while not self._enough.is_set():
            await asyncio.sleep(0.01)
            try:
                await chat(channel)
                self.outcomes["answered"] += 1
            except aio.AioRpcError as error:
                self.outcomes[error.code().name] += 1
            except AssertionError:
                self.outcomes["cut"] += 1

    async def end(self) -> None:
        """Let each ask its last."""
        self._enough.set()
        await asyncio.gather(*self._tasks)


def connected(address: str) -> aio.Channel:
    """A connection of its own."""
    return aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])


@by_one("fast", "tcp")
@in_loop
async def test_sigusr2_replaces_every_worker_and_no_exchange_fails(shared: Process) -> None:
    """Clients ask all the time, and a stream that runs goes on to its end; all of it is on the page. A second signal
    meanwhile is told to come again.
    """
    counts, before, starts = Counts(shared), pids(shared), len(shared.lines("worker serving"))
    first, *_, last = await addresses(shared) * 2
    channels = [connected(first), connected(last)]
    asking = Asking(*channels)
    async with connected(first) as long:
        call = exchange(long)
        await say(call, request_headers())
        shared.processor.signal(signal.SIGUSR2)
        await later(lambda: len(shared.lines("worker serving")) > starts)
        shared.processor.signal(signal.SIGUSR2)
        await later(lambda: shared.lines("workers are being replaced already, signal ignored"))
        assert (await say(call, request_body()))[0].HasField("request_body")
        call.cancel()
    await later(lambda: shared.lines("workers replaced"))
    assert set(pids(shared)).isdisjoint(before)
    async with connected(first) as channel:
        await chat(channel)
    await asking.end()
    assert list(asking.outcomes) == ["answered"]
    assert counts.more("llm_requests_total", outcome="completed") == asking.outcomes["answered"] + 1
    assert counts.more("llm_worker_restarts_total") == 0
    for channel in channels:
        await channel.close()


@by_one("files looked at by a signal only")
@in_loop
async def test_sighup_is_a_reload_in_every_worker(shared: Process) -> None:
    """The same processes serve the new configuration, long before the files are polled again."""
    before = pids(shared)
    shared.file.write_text(shared.config + "identity: { teams: [search] }\n")
    shared.processor.signal(signal.SIGHUP)
    await later(lambda: shared.lines("configuration loaded"))
    _, shown = shared.readiness()
    assert {worker["revision"] for worker in shown["workers"]} == {shown["revision"]}
    assert shared.lines("configuration loaded")[0]["before"] != shown["revision"]
    assert pids(shared) == before


# --- how they end --------------------------------------------------------------------------------------------------


@by_one("fast", "grpc")
@in_loop
async def test_sigterm_drains_all_of_them(shared: Process) -> None:
    """Streams of both go on to their end; new ones are refused; then everything is gone with exit code 0."""
    async with shared.channel(".0") as first, shared.channel(".1") as second:
        calls = [exchange(first), exchange(second)]
        for call in calls:
            await say(call, request_headers())
        shared.processor.signal(signal.SIGTERM)
        await later(lambda: shared.readiness()[0] == 503)
        await later(lambda: shared.lines("draining"))
        for call in calls:
            await say(call, *unstreamed_chat()[1:])
            await call.done_writing()
            assert await call.code() is grpc.StatusCode.OK
        assert await shared.ended() == 0
    assert [line["exchanges"] for line in shared.lines("draining")] == [2]
    assert [line["exchanges_cancelled"] for line in shared.lines("stopped")] == [0]
    assert not list(shared.file.parent.glob("extproc.sock*"))


@by_one("files looked at by a signal only")
@in_loop
async def test_a_second_signal_ends_all_of_them_at_once(shared: Process) -> None:
    """Running streams are cancelled, measured and told, wherever they run."""
    async with shared.channel(".0") as first, shared.channel(".1") as second:
        calls = [exchange(first), exchange(second)]
        for call in calls:
            await say(call, request_headers())
        shared.processor.signal(signal.SIGTERM)
        await later(lambda: shared.lines("draining"))
        shared.processor.signal(signal.SIGTERM)
        assert await shared.ended() == 0
        assert all([await call.code() is not grpc.StatusCode.OK for call in calls])
    assert [line["exchanges_cancelled"] for line in shared.lines("stopped")] == [2]
    assert [line["outcome"] for line in shared.lines("exchange")] == ["aborted", "aborted"]


# --- addresses -----------------------------------------------------------------------------------------------------


def assert_refused(folder: Path, address: str) -> None:
    """Exit 3, in the words of a single process: a port that workers share is shared with nobody else."""
    ended = run(Process(folder, server={**WORKERS, "listen": address}).file)
    assert (ended.returncode, ended.stderr) == (
        3,
        f"server.listen: cannot listen on {address} (address already in use). "
        "Stop what listens there, or set server.listen to another address.\n",
    )


def test_an_address_that_another_program_has_is_refused(folder: Path) -> None:
    """Before any worker starts."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert_refused(folder, f"127.0.0.1:{taken.getsockname()[1]}")


@by_one("tcp")
@in_loop
async def test_an_address_that_other_workers_have_is_refused(shared: Process, folder: Path) -> None:
    """Though they share it among themselves."""
    (address,) = await addresses(shared)
    await asyncio.to_thread(assert_refused, folder, address)


# --- workers that do not serve -------------------------------------------------------------------------------------


class Supervised:
    """The supervisor alone, with workers of the test's choice."""

    def __init__(self, folder: Path, *command: str) -> None:
        document = parse_document(CONFIG + f"server: {{ listen: 'unix:{folder}/e.sock', workers: 2 }}\n", "test")
        prompts = {"prompt.txt": PROMPT}
        self.health, self.metrics = Health(), Metrics(10)
        self.log = (folder / "log").open("w+")
        config, snapshot = ConfigInForce(document, prompts), compile_snapshot(document, prompts)
        logger = open_log(document.log, self.log)
        self.workers = Workers(command, config, folder, snapshot, self.health, self.metrics, logger)
        self.workers.start()

    async def stop(self) -> int:
        """Returns: how many exchanges were cancelled."""
        return await self.workers.stop(0, asyncio.Event())


REAL = (sys.executable, "-m", "extproc", "serve", "--config", "none", "--worker")


@in_loop
async def test_workers_that_all_die_at_the_start_are_not_started_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a named number of starts each, with growing pauses, the supervisor gives up and says how they ended."""
    monkeypatch.setattr(worker_places, "PAUSE_S", 0.01)
    supervised = Supervised(folder, sys.executable, "-c", "raise SystemExit(7)")
    with pytest.raises(
        WorkersFailed, match=r"No worker can be started\. The last one: exit code 7\. See its last log lines"
    ):
        await supervised.workers.failed
    await supervised.stop()
    deaths = (folder / "log").read_text().count("worker died")
    assert 2 * FAILED_STARTS_MAX <= deaths <= 2 * FAILED_STARTS_MAX + 1
    assert '"pause_s":0.0,' in (folder / "log").read_text()
    assert '"pause_s":0.02,' in (folder / "log").read_text()
    assert supervised.health.ready is False


@in_loop
async def test_a_command_that_is_not_there_is_a_failed_start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same limit, and the system's own words."""
    monkeypatch.setattr(worker_places, "PAUSE_S", 0.01)
    supervised = Supervised(folder, str(folder / "none"))
    with pytest.raises(WorkersFailed, match="not started"):
        await supervised.workers.failed
    await supervised.stop()


@in_loop
async def test_a_worker_that_stands_still_is_noticed_and_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Liveness is false, the page does not wait for ever, and at the end it is killed."""
    monkeypatch.setattr(module, "ANSWER_S_MAX", 0.2)
    monkeypatch.setattr(module, "END_S_MAX", 0.2)
    supervised = Supervised(folder, *REAL)
    await supervised.workers.all_serve.wait()
    assert await supervised.workers.turn() is True
    pid = supervised.health.workers[0]["pid"]
    os.kill(pid, signal.SIGSTOP)
    assert await supervised.workers.turn() is False
    assert await supervised.workers.inflight() == 0
    await supervised.stop()
    assert not runs(pid)
