"""Listening sockets of workers: a shared TCP address, or one Unix socket each.

The supervisor creates the listening sockets and keeps them open, so that a connection waits while a worker is replaced
instead of being lost with the old one. The grpc library cannot use such a socket: its workers bind themselves.

A TCP port is shared by SO_REUSEPORT, which the system allows only for processes of one user. We first check without
that option whether the port is free; while we hold it, any such check finds it taken.
"""

from __future__ import annotations

import contextlib
import os
import socket

from extproc.config.document import Server
from extproc.config.endpoints import host_and_port
from extproc.server.operations.socket_files import SocketFiles
from extproc.server.sockets.address import UNIX, AddressTaken, bound, family_of, make_way, reason_of

KEY = "server.listen"
_BACKLOG = 1_024


class WorkerSockets:
    """The sockets of all workers, by number.

    Args: server: with at least two workers.
    """

    def __init__(self, server: Server) -> None:
        self._is_unix = server.listen.startswith(UNIX)
        self._makes = server.transport == "fast"
        self._addresses = server.addresses if self._is_unix else server.addresses * server.workers
        self.files = SocketFiles()
        self._open: dict[int, socket.socket] = {}
        self._claim: socket.socket | None = None

    def claim(self) -> None:
        """Check that no other process listens, and hold a TCP address from now on. Raises: AddressTaken."""
        if self._is_unix:
            for address in self._addresses:
                make_way(KEY, address)
        else:
            bound(KEY, self._addresses[0]).close()
            self._claim = _shared(self._addresses[0])

    def open(self, worker: int) -> socket.socket | None:
        """The listening socket for a worker; None if it must bind ``address`` itself. Raises: AddressTaken."""
        if not self._makes:
            return None
        if worker not in self._open:
            address = self._addresses[worker]
            self._open[worker] = self._unix(address) if self._is_unix else _shared(address)
            self._open[worker].listen(_BACKLOG)
        return self._open[worker]

    def address_of(self, worker: int) -> str:
        """The public address of a worker."""
        return self._addresses[worker]

    def address(self, worker: int, counts_as: int) -> str:
        """The address that a worker binds itself: for a Unix socket, a unique temporary name."""
        address = self._addresses[worker]
        return _aside(address, counts_as) if self._is_unix and not self._makes else address

    def put_in_place(self, worker: int, counts_as: int) -> None:
        """Move a worker's Unix socket to its public name, replacing its predecessor's. Raises: AddressTaken."""
        if self._is_unix and not self._makes:
            self._rename(self._addresses[worker], counts_as)

    def make_way(self, worker: int) -> None:
        """Make the next ``open`` create a new Unix socket. Raises: AddressTaken if another process listens."""
        make_way(KEY, self._addresses[worker])
        self.close(worker)

    def close(self, worker: int) -> None:
        """Let connections to a missing worker fail immediately, or reach the others, instead of waiting."""
        if worker in self._open:
            self._open.pop(worker).close()
            self.files.forget(self._addresses[worker])

    def close_all(self) -> None:
        """Close our copies; the sockets stay with running workers."""
        for worker in list(self._open):
            self.close(worker)
        if self._claim is not None:
            self._claim.close()

    def remove(self) -> None:
        """Remove the Unix sockets after the last worker has ended."""
        if self._is_unix:
            for address in self._addresses:
                with contextlib.suppress(OSError):
                    os.unlink(address.removeprefix(UNIX))

    def _unix(self, address: str) -> socket.socket:
        made = bound(KEY, _aside(address, 0))
        self._rename(address, 0)
        return made

    def _rename(self, address: str, number: int) -> None:
        try:
            os.replace(_aside(address, number).removeprefix(UNIX), address.removeprefix(UNIX))
        except OSError as error:
            raise AddressTaken(KEY, address, reason_of(error)) from error
        self.files.note(address)


def _aside(address: str, number: int) -> str:
    """A temporary name, renamed atomically after the bind; a server that unlinks its old name on exit finds nothing
    there.
    """
    return f"{address}.new{number}"


def _shared(address: str) -> socket.socket:
    """A bound TCP socket that shares its address with others of its kind. Raises: AddressTaken."""
    host, port = host_and_port(address)
    made = socket.socket(family_of(host))
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise AddressTaken(KEY, address, reason_of(error)) from error
    return made
