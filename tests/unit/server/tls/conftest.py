"""Both transports, the fast one on both event loops, and the two authorities of a test."""

from __future__ import annotations

import pytest

from extproc.server.transport.fast.server import FastServer
from extproc.server.transport.grpc.server import GrpcAioServer
from tests.unit.server.authority import Authority
from tests.unit.server.tls.served import Transport


@pytest.fixture(
    params=[Transport(GrpcAioServer), Transport(FastServer), Transport(FastServer, on_uvloop=True)],
    ids=["grpc", "fast", "fast on uvloop"],
)
def transport(request: pytest.FixtureRequest) -> Transport:
    """Every test is of all three."""
    of_this_test: Transport = request.param
    return of_this_test


@pytest.fixture(scope="module")
def ours() -> Authority:
    """The CA of the server."""
    return Authority()


@pytest.fixture(scope="module")
def theirs() -> Authority:
    """The CA of the clients."""
    return Authority()
