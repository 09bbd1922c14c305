"""Clients that others wrote, on real sockets: curl, nghttp and h2load, which stand on nghttp2's HTTP/2.

A client of grpcio has its tests in ``test_transports.py``, Envoy in ``tests/e2e/``, and the ``h2`` library in ``h2/``.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from extproc._pb import ext_proc_pb2 as pb
from extproc._pb import health_pb2 as health_pb
from extproc.domain.record import Outcome
from extproc.server.transport.processor import METHOD
from tests.unit.server.envoy import request_body, request_headers
from tests.unit.server.loops import until
from tests.unit.server.transport.fast.peers import on_both_loops, serving
from tests.unit.server.transport.h2.wire import grpc

CHECK = "/grpc.health.v1.Health/Check"
SERVING = grpc(health_pb.HealthCheckResponse(status=health_pb.HealthCheckResponse.SERVING).SerializeToString())
GRPC = ("-H", "content-type: application/grpc", "-H", "te: trailers")


def program(name: str, package: str) -> str:
    """A client that only these tests need; skips where it is not installed, which CI has."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is missing (Debian package {package})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


async def run(*command: str) -> tuple[int, str]:
    """Run a client. Returns: its exit code and all that it printed, without colours."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await process.communicate()
    return await process.wait(), re.sub(r"\x1b\[[0-9;]*m", "", printed.decode())


@pytest.fixture
def question(tmp_path: Path) -> str:
    """A health question as a file: gRPC's prefix, and a message of no bytes."""
    file = tmp_path / "question"
    file.write_bytes(grpc(health_pb.HealthCheckRequest().SerializeToString()))
    return str(file)


class Curl:
    """curl with prior knowledge of HTTP/2, and where it leaves the body."""

    def __init__(self, folder: Path, port: int) -> None:
        self.body = folder / "body"
        self._url = f"http://127.0.0.1:{port}"
        self._command = (program("curl", "curl"), "-sS", "--max-time", "10", "-D", "-", "-o", str(self.body))

    async def ask(self, path: str, *options: str, version: str = "--http2-prior-knowledge") -> tuple[int, str]:
        """Headers and trailers. Returns: the exit code, and them."""
        return await run(*self._command, version, *options, self._url + path)


@on_both_loops
async def test_curl_asks_for_health(tmp_path: Path, question: str) -> None:
    """A binary body with a content-length, headers, a message, and the status in trailers."""
    async with serving() as served:
        curl = Curl(tmp_path, served.server.port)
        code, printed = await curl.ask(CHECK, *GRPC, "--data-binary", f"@{question}")
        assert (code, printed.split()[:2]) == (0, ["HTTP/2", "200"])
        assert "grpc-status: 0" in printed
        assert curl.body.read_bytes() == SERVING


@on_both_loops
async def test_curl_sends_an_exchange(tmp_path: Path) -> None:
    """Two messages of Envoy in one body are answered in their order; the end of the body is the end of the stream.

    In between Envoy is told that judging the long one takes more time.
    """
    sent = tmp_path / "messages"
    large = request_body("word " * 30_000)  # taken in a thread, and larger than one window of curl's
    sent.write_bytes(grpc(request_headers().SerializeToString()) + grpc(large.SerializeToString()))
    async with serving() as served:
        curl = Curl(tmp_path, served.server.port)
        code, printed = await curl.ask(METHOD, *GRPC, "--data-binary", f"@{sent}")
        assert code == 0
        assert "grpc-status: 0" in printed
        answered, phases = curl.body.read_bytes(), []
        while answered:
            size = 5 + int.from_bytes(answered[1:5])
            phases.append(pb.ProcessingResponse.FromString(answered[5:size]).WhichOneof("response"))
            answered = answered[size:]
        assert phases == ["request_headers", None, "request_body"]
        await until(lambda: served.wired.processor.inflight == 0)
        assert [record.outcome for record in served.wired.records.all] == [Outcome.ABORTED]


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("/a.Service/Method", (*GRPC, "--data-binary", ""), 200),
        ("/", (), 405),
        (CHECK, ("-X", "DELETE"), 405),
        (CHECK, ("--data-binary", "{}", "-H", "content-type: application/json"), 415),
    ],
)
@on_both_loops
async def test_curl_is_told_what_is_not_served(
    tmp_path: Path, path: str, options: tuple[str, ...], status: int
) -> None:
    """An unknown method, a GET, a DELETE, JSON: UNIMPLEMENTED in words, and a status of HTTP for who speaks no gRPC."""
    async with serving() as served:
        code, printed = await Curl(tmp_path, served.server.port).ask(path, *options)
        assert (code, printed.split()[:2]) == (0, ["HTTP/2", str(status)])
        assert "grpc-status: 12" in printed
        assert re.search(r"grpc-message: \w+", printed)


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@on_both_loops
async def test_curl_without_prior_knowledge_is_left(tmp_path: Path, question: str, version: str) -> None:
    """HTTP/1.1, and an upgrade from it, are not served; the next client is."""
    async with serving() as served, served.neighbour():
        curl = Curl(tmp_path, served.server.port)
        code, _ = await curl.ask(CHECK, *GRPC, "--data-binary", f"@{question}", version=version)
        assert code != 0
        code, printed = await curl.ask(CHECK, *GRPC, "--data-binary", f"@{question}")
        assert (code, "grpc-status: 0" in printed) == (0, True)


@pytest.mark.parametrize("options", [(), ("-b", "200"), ("-w", "1"), ("-w", "30", "-W", "30"), ("--no-dep",)])
@on_both_loops
async def test_nghttp_sends_several_requests_on_one_connection(question: str, options: tuple[str, ...]) -> None:
    """With padding, with windows of a byte and of a gigabyte, with PRIORITY on idle streams and without."""
    nghttp = program("nghttp", "nghttp2-client")
    async with serving() as served, served.neighbour():
        url = f"http://127.0.0.1:{served.server.port}"
        request = ("-d", question, "-Hcontent-type: application/grpc", "-Hte: trailers", "-t", "10")
        code, printed = await run(nghttp, "-v", "-n", "-m", "20", *options, *request, url + CHECK, url + "/a.B/C")
        assert code == 0
        assert printed.count("grpc-status: 0") == 20
        assert printed.count("grpc-status: 12") == 20
        assert printed.count("Connected") == 1
        assert not re.search(r"error_code=(?!NO_ERROR)", printed)
        assert "[ERROR]" not in printed


@on_both_loops
async def test_nghttp_gets_an_answer_to_a_get() -> None:
    """It speaks HTTP/2, and no gRPC."""
    nghttp = program("nghttp", "nghttp2-client")
    async with serving() as served:
        code, printed = await run(nghttp, "-v", "-n", "-t", "10", f"http://127.0.0.1:{served.server.port}/")
        assert (code, ":status: 405" in printed) == (0, True)


@on_both_loops
async def test_h2load_has_many_streams_answered(question: str) -> None:
    """2,000 calls over 4 connections, 50 streams at once on each; none fails, and nothing is left."""
    h2load = program("h2load", "nghttp2-client")
    async with serving() as served, served.neighbour():
        url = f"http://127.0.0.1:{served.server.port}{CHECK}"
        request = ("-d", question, "-H", "content-type: application/grpc")
        code, printed = await run(h2load, "-n", "2000", "-c", "4", "-m", "50", *request, url)
        assert code == 0
        assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in printed
        assert "status codes: 2000 2xx" in printed
        await until(lambda: len(served.server.connections) == 1)
