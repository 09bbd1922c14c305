"""Ports for what is started: nobody listens there, and no other command of ours takes them meanwhile."""

from __future__ import annotations

import contextlib
import socket

from extproc.cli.up import _usual_or_free
from extproc.server.sockets.free_ports import claimed_port, free_ports

LOOPBACK = "127.0.0.1"


def test_a_port_is_claimed_by_one_command() -> None:
    """A second one gets none, before Envoy listens too, and it can have it afterwards."""
    (port,) = free_ports(1)
    with claimed_port(port) as first, claimed_port(port) as second:
        assert (first, second) == (port, None)
    with claimed_port(port) as later, socket.create_server((LOOPBACK, port)):
        assert later == port


def test_no_port_is_given_twice() -> None:
    """Who asks once for a processor and once for its Envoy begins with both later: one run of many had the same."""
    ports = [port for _ in range(400) for port in free_ports(1)]
    assert len(set(ports)) == len(ports)


def test_a_port_that_somebody_uses_is_not_claimed() -> None:
    """Also where it would be shared: Envoy listens like that."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((LOOPBACK, 0))
        other.listen()
        with claimed_port(other.getsockname()[1]) as port:
            assert port is None


def test_two_that_come_up_at_once_get_different_ports() -> None:
    """Neither listens yet when the other one looks: that was refused in one run of many."""
    (usual,) = free_ports(1)
    with contextlib.ExitStack() as one, contextlib.ExitStack() as other:
        assert _usual_or_free(usual, one) == f"{LOOPBACK}:{usual}"
        assert _usual_or_free(usual, other) != f"{LOOPBACK}:{usual}"
    with contextlib.ExitStack() as later:
        assert _usual_or_free(usual, later) == f"{LOOPBACK}:{usual}"
