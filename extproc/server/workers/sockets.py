"""Where workers listen: a TCP address that they share, or a Unix socket for each.

The supervisor makes the sockets that listen and keeps them open, so that a connection waits while a worker is replaced
instead of being lost with the old one. The grpc library takes no such socket: its workers bind by themselves.

A TCP port is shared by SO_REUSEPORT. The system lets only processes of one user share, and we ask first, without that
option, whether the port is free; a port that we hold is taken for whoever asks in the same way.
"""

from __future__ import annotations

import contextlib
import os
import socket

from extproc.config.document import Server
from extproc.server.operations.socket_files import SocketFiles
from extproc.server.sockets.address import UNIX, AddressTaken, bound, family_of, make_way, reason_of, split

KEY = "server.listen"
_BACKLOG = 1_024


class WorkerSockets:
    """The sockets of all workers, by their numbers.

    Args: server: at least two workers.
    """

    def __init__(self, server: Server) -> None:
        self._is_unix = server.listen.startswith(UNIX)
        self._makes = server.transport == "fast"
        self._addresses = server.addresses if self._is_unix else server.addresses * server.workers
        self.files = SocketFiles()
        self._open: dict[int, socket.socket] = {}
        self._claim: socket.socket | None = None

    def claim(self) -> None:
        """See that nobody else listens, and hold a TCP address from now on. Raises: AddressTaken."""
        if self._is_unix:
            for address in self._addresses:
                make_way(KEY, address)
        else:
            bound(KEY, self._addresses[0]).close()
            self._claim = _shared(self._addresses[0])

    def open(self, worker: int) -> socket.socket | None:
        """The socket that a worker is to accept on; None when it has to bind ``address``. Raises: AddressTaken."""
        if not self._makes:
            return None
        if worker not in self._open:
            address = self._addresses[worker]
            self._open[worker] = self._unix(address) if self._is_unix else _shared(address)
            self._open[worker].listen(_BACKLOG)
        return self._open[worker]

    def address_of(self, worker: int) -> str:
        """Where a worker is reached."""
        return self._addresses[worker]

    def address(self, worker: int, counts_as: int) -> str:
        """What a worker binds that has no socket of ours: a Unix socket under a name that no other process uses."""
        address = self._addresses[worker]
        return _aside(address, counts_as) if self._is_unix and not self._makes else address

    def put_in_place(self, worker: int, counts_as: int) -> None:
        """Have the Unix socket that a worker has bound take the place of its predecessor's. Raises: AddressTaken."""
        if self._is_unix and not self._makes:
            self._rename(self._addresses[worker], counts_as)

    def make_way(self, worker: int) -> None:
        """Have the next ``open`` make another Unix socket. Raises: AddressTaken where somebody else listens."""
        make_way(KEY, self._addresses[worker])
        self.close(worker)

    def close(self, worker: int) -> None:
        """Let connections to a worker that is not there fail at once, or go to the others, rather than wait for it."""
        if worker in self._open:
            self._open.pop(worker).close()
            self.files.forget(self._addresses[worker])

    def close_all(self) -> None:
        """Leave the sockets to the workers that still run."""
        for worker in list(self._open):
            self.close(worker)
        if self._claim is not None:
            self._claim.close()

    def remove(self) -> None:
        """Remove the Unix sockets, when no worker runs any more."""
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
    """A name to bind before the socket takes its place in one step; a server that cleans up finds nothing there."""
    return f"{address}.new{number}"


def _shared(address: str) -> socket.socket:
    """A TCP socket that is bound, and shares its address with others of its kind. Raises: AddressTaken."""
    host, port = split(address)
    made = socket.socket(family_of(host))
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise AddressTaken(KEY, address, reason_of(error)) from error
    return made
