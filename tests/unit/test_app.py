"""``extproc serve`` as a process: how it refuses to start, what it logs, and how it ends."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import typer
from grpc import aio

from extproc._pb import ext_proc_pb2 as pb
from extproc.cli.exit_codes import ExitCode
from extproc.cli.serve import serve_command
from extproc.server.operations import process as module
from tests.unit.server.clients import check_bytes, exchange, say
from tests.unit.server.envoy import (
    CONFIG,
    request_body,
    request_headers,
    response_body,
    response_headers,
    stream_chunk,
    unstreamed_chat,
    write_config,
)
from tests.unit.server.loops import in_loop, until
from tests.unit.server.processes import ROOT, Process, run, short_folder, start

PRIVATE = "xyzzy"


@pytest.fixture
def folder() -> Iterator[Path]:
    """For the process's socket and files."""
    with short_folder() as folder:
        yield folder


# --- refusing to start ---------------------------------------------------------------------------------------------


def test_a_bad_configuration_is_refused_with_all_that_is_wrong(tmp_path: Path) -> None:
    """Exit 2; a line each, with its place. Nothing is served meanwhile."""
    file = write_config(tmp_path, CONFIG.replace("weight: 1", "wieght: 1") + "colour: red\n")
    ended = run(file)
    assert (ended.returncode, ended.stdout) == (2, "")
    first, second, third = ended.stderr.splitlines()
    assert "colour" in third
    assert all(line.startswith(f"{file}:") for line in (first, second, third))


def test_a_missing_configuration_is_refused(tmp_path: Path) -> None:
    """Exit 2, with the name and the reason."""
    ended = run(tmp_path / "none.yaml")
    assert (ended.returncode, ended.stderr) == (
        2,
        f"{tmp_path / 'none.yaml'}:1:1: the file cannot be read (no such file or directory).\n",
    )


@pytest.mark.parametrize("key", ["listen", "metrics"])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_an_address_that_is_taken_is_refused(folder: Path, key: str, host: str) -> None:
    """Exit 3, one line that says which key, and nothing else on the error stream."""
    family = socket.AF_INET6 if host == "[::1]" else socket.AF_INET
    with socket.create_server((host.strip("[]"), 0), family=family) as taken:
        address = f"{host}:{taken.getsockname()[1]}"
        ended = run(Process(folder, server={key: address}).file)
    assert (ended.returncode, ended.stderr) == (
        3,
        f"server.{key}: cannot listen on {address} (address already in use). "
        f"Stop what listens there, or set server.{key} to another address.\n",
    )


def test_a_second_process_does_not_take_the_first_ones_socket(folder: Path) -> None:
    """Exit 3, and the first one serves on."""
    first = start(folder)
    try:
        second = folder / "second"
        second.mkdir()
        ended = run(Process(second, server={"listen": f"unix:{first.socket}"}).file)
        assert (ended.returncode, "another process listens there" in ended.stderr) == (3, True)
        assert first.socket.is_socket()
    finally:
        assert first.processor.stop() == 0


@in_loop
async def test_a_killed_process_leaves_nothing_that_hinders_the_next(folder: Path) -> None:
    """Its socket file is taken over."""
    process = start(folder)
    process.processor.kill()
    assert process.socket.is_socket()
    process.processor.start()
    async with process.channel() as channel:
        (reply,) = await say(exchange(channel), request_headers())
        assert reply.HasField("request_headers")
    assert await asyncio.to_thread(process.processor.stop) == 0


def test_workers_without_a_folder_for_their_counts_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a container whose whole file system is read-only: exit 4, and what to do."""
    process = Process(folder, server={"workers": 2})

    def no_folder(**_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", no_folder)
    with pytest.raises(typer.Exit) as ended:
        serve_command(process.file)
    assert ended.value.exit_code == ExitCode.WORKERS_FAILED
    assert capsys.readouterr().err == (
        "server.workers: no folder for temporary files can be created (no such file or directory), and several workers "
        "need one. Let this user write to /tmp, or set TMPDIR to a writable folder.\n"
    )


# --- what it logs --------------------------------------------------------------------------------------------------


@in_loop
async def test_no_text_of_anyone_is_in_the_log(folder: Path) -> None:
    """Words of requests, answers, headers and broken bodies; also what ends in an error of ours or of the peer."""
    process = start(folder, log={"level": "debug"})
    private_headers = request_headers(x_note=PRIVATE, authorization=f"Bearer {PRIVATE}", cookie=PRIVATE)
    whole = [private_headers, request_body(PRIVATE, user=PRIVATE), response_headers(), response_body(PRIVATE)]
    no_json = pb.ProcessingRequest(request_body=pb.HttpBody(body=f'{{"{PRIVATE}'.encode(), end_of_stream=True))
    no_answer = pb.ProcessingRequest(response_body=pb.HttpBody(body=PRIVATE.encode(), end_of_stream=True))
    exchanges = [
        whole,
        [request_headers(path=f"/{PRIVATE}")],
        [private_headers, no_json],
        [private_headers, request_body(PRIVATE, model=PRIVATE)],
        [private_headers, request_body(), response_headers(), no_answer],
        [private_headers, request_body(PRIVATE, stream=True), response_headers("text/event-stream"), no_answer],
        [private_headers, request_body(PRIVATE), response_headers(f"text/{PRIVATE}")],
        [response_body(PRIVATE)],
    ]
    async with process.channel() as channel:
        for messages in exchanges:
            call = exchange(channel)
            for message in messages:
                try:
                    await say(call, message)
                except aio.AioRpcError:
                    break
            else:
                await call.done_writing()
            await call.code()
    assert await asyncio.to_thread(process.processor.stop) == 0
    assert {line["outcome"] for line in process.lines("exchange")} == {"completed", "rejected", "failed"}
    assert len(process.lines("exchange")) == len(exchanges)
    assert PRIVATE not in process.log.read_text()


@pytest.mark.parametrize(("transport", "library_lines"), [("grpc", 1), ("fast", 0)])
@in_loop
async def test_bytes_that_are_no_message_end_their_stream_and_are_not_quoted(
    folder: Path, transport: str, library_lines: int
) -> None:
    """Never OK for Envoy; what gRPC itself logs, with a traceback, is a line like any other."""
    garbage = b"\xff" + PRIVATE.encode()
    process = start(folder, server={"transport": transport})
    async with process.channel() as channel:
        call = exchange(channel, serializer=bytes)
        await call.write(garbage)
        assert await call.code() is grpc.StatusCode.INTERNAL
        with pytest.raises(aio.AioRpcError):
            await check_bytes(channel, garbage)
        (reply,) = await say(exchange(channel), request_headers())
        assert reply.HasField("request_headers")
    assert await asyncio.to_thread(process.processor.stop) == 0
    (ours,), grpcs = process.lines("exchange failed"), process.lines("third-party log record")
    assert [(line["level"], line["error"]) for line in (ours, *grpcs)] == [("error", "DecodeError")] * (1 + len(grpcs))
    assert [line["library"].partition(".")[0] for line in grpcs] == ["grpc"] * library_lines
    assert PRIVATE not in process.log.read_text()


@in_loop
async def test_lines_of_exchanges_can_be_left_out(folder: Path) -> None:
    """The lines of the process itself stay."""
    process = start(folder, log={"exchanges": False})
    async with process.channel() as channel:
        await say(exchange(channel), *unstreamed_chat())
    assert await asyncio.to_thread(process.processor.stop) == 0
    assert [line["event"] for line in process.lines()] == ["serving", "draining", "stopped"]


def accepts(address: Path) -> bool:
    """Whether something listens there; the file of a socket is there a little earlier."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(address)) == 0


@in_loop
async def test_a_log_that_nobody_reads_ends_nothing(folder: Path) -> None:
    """The reader of the pipe has gone: exchanges are answered, and the process ends with 0."""
    process = Process(folder)
    command = [sys.executable, "-m", "extproc", "serve", "--config", str(process.file)]
    reading, writing = os.pipe()
    running = subprocess.Popen(command, cwd=ROOT, stdout=writing)
    os.close(writing)
    os.close(reading)
    try:
        await until(lambda: accepts(process.socket))
        async with process.channel() as channel:
            replies = await say(exchange(channel), *unstreamed_chat())
            assert replies[-1].HasField("response_body")
    finally:
        running.terminate()
        assert await asyncio.to_thread(running.wait, 15) == 0


# --- how it ends ---------------------------------------------------------------------------------------------------


@in_loop
async def test_sigterm_lets_a_running_stream_end_and_refuses_new_ones(folder: Path) -> None:
    """Readiness goes first; the process ends with 0 when the last stream has ended, long before the limit."""
    process = start(folder, server={"drain_ms_max": 3_600_000})
    async with process.channel() as channel, process.channel() as later:
        call = exchange(channel)
        await say(call, request_headers(), request_body(stream=True), response_headers("text/event-stream"))
        await say(call, stream_chunk("Good "))
        process.processor.signal(signal.SIGTERM)
        await until(lambda: process.readiness()[0] == 503)
        assert process.readiness()[1]["draining"] is True
        assert await exchange(later).code() is grpc.StatusCode.UNAVAILABLE
        (reply,) = await say(call, pb.ProcessingRequest(response_body=pb.HttpBody(body=b"data: [DONE]\n\n")))
        assert b"[DONE]" in reply.response_body.response.body_mutation.streamed_response.body
        await say(call, pb.ProcessingRequest(response_body=pb.HttpBody(end_of_stream=True)))
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.OK
        assert await process.ended() == 0
    assert [line["outcome"] for line in process.lines("exchange")] == ["completed"]
    assert [line["exchanges_cancelled"] for line in process.lines("stopped")] == [0]
    assert not process.socket.exists()


@in_loop
async def test_at_the_limit_a_running_stream_is_cancelled_and_metered_once(folder: Path) -> None:
    """With an error status, and a line that bills what was generated."""
    process = start(folder, server={"drain_ms_max": 200})
    async with process.channel() as channel:
        call = exchange(channel)
        await say(call, request_headers(), request_body(stream=True), response_headers("text/event-stream"))
        await say(call, *(stream_chunk(f"word{number} ") for number in range(8)))
        started = time.monotonic()
        process.processor.signal(signal.SIGTERM)
        assert await process.ended() == 0
        assert time.monotonic() - started >= 0.2
        assert await call.code() is not grpc.StatusCode.OK
    (line,) = process.lines("exchange")
    assert (line["outcome"], line["estimated"], line["completion_tokens"] >= 8) == ("aborted", True, True)
    assert [line["exchanges_cancelled"] for line in process.lines("stopped")] == [1]


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
@in_loop
async def test_a_second_signal_ends_it_at_once(folder: Path, second: signal.Signals) -> None:
    """A person does not wait for the limit; running streams are cancelled and metered all the same."""
    process = start(folder, server={"drain_ms_max": 3_600_000})
    async with process.channel() as channel:
        call = exchange(channel)
        await say(call, request_headers(), request_body())
        process.processor.signal(signal.SIGTERM)
        await until(lambda: process.lines("draining"))
        process.processor.signal(second)
        assert await process.ended() == 0
        assert await call.code() is not grpc.StatusCode.OK
    assert [line["outcome"] for line in process.lines("exchange")] == ["aborted"]


def test_sigint_drains_too(folder: Path) -> None:
    """Ctrl-C in a terminal: exit 0, no traceback."""
    process = start(folder)
    process.processor.signal(signal.SIGINT)
    assert process.processor.wait() == 0
    assert [line["event"] for line in process.lines()] == ["serving", "draining", "stopped"]


# --- whether it lives ----------------------------------------------------------------------------------------------


@in_loop
async def test_liveness_is_false_while_the_event_loop_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page asks from its own thread, and does not wait for ever."""
    monkeypatch.setattr(module, "LOOP_TURN_S_MAX", 0.05)
    answers: list[bool] = []
    turns = module.liveness_check(asyncio.get_running_loop())
    asking = threading.Thread(target=lambda: answers.append(turns()))
    asking.start()
    asking.join()  # stands still meanwhile
    answers.append(await asyncio.to_thread(turns))
    assert answers == [False, True]


# --- other signals -------------------------------------------------------------------------------------------------


@in_loop
async def test_sighup_is_a_reload(folder: Path) -> None:
    """A stream that runs goes on; SIGUSR2, which replaces workers where there are some, ends nothing either."""
    process = start(folder, server={"reload_interval_ms": 60_000})
    async with process.channel() as channel:
        call = exchange(channel)
        await say(call, request_headers())
        process.file.write_text(process.config + "identity: { teams: [search] }\n")
        process.processor.signal(signal.SIGHUP)
        await until(lambda: process.lines("configuration loaded"))
        process.processor.signal(signal.SIGUSR2)
        await until(lambda: process.lines("there are no workers to replace"))
        process.file.write_text("models: [")
        process.processor.signal(signal.SIGHUP)
        await until(lambda: process.lines("configuration rejected, the last good one stays in force"))
        assert (await say(call, request_body()))[0].HasField("request_body")
        call.cancel()
    assert await asyncio.to_thread(process.processor.stop) == 0
