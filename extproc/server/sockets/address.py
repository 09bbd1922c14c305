"""Listening addresses: stale Unix sockets, their permissions, and the reason of a failed bind."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from extproc.config.endpoints import host_and_port

UNIX = "unix:"
# Envoy often runs as another user. The socket is for its group: on a volume with a setgid folder (Kubernetes' fsGroup)
# the socket gets the folder's group.
SOCKET_MODE = 0o660


class AddressTaken(Exception):
    """The process cannot listen on a configured address. The message names it, and the fix."""

    def __init__(self, key: str, address: str, reason: str) -> None:
        super().__init__(
            f"{key}: cannot listen on {address} ({reason}). Stop what listens there, or set {key} to another address."
        )


def make_way(key: str, listen: str) -> None:
    """Create the folder of a Unix socket, and remove a stale socket of a killed process.

    Raises: AddressTaken, also if another process listens there, whose socket gRPC would silently replace.
    """
    if not listen.startswith(UNIX):
        return
    path = Path(listen.removeprefix(UNIX))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_socket():
            if _answers(path):
                raise AddressTaken(key, listen, "another process listens there")
            path.unlink()
        elif path.exists():
            raise AddressTaken(key, listen, "there is a file of that name which is no socket")
    except OSError as error:
        raise AddressTaken(key, listen, reason_of(error)) from error


def bound(key: str, listen: str) -> socket.socket:
    """A bound socket, not shared with another process. Raises: AddressTaken."""
    make_way(key, listen)
    is_unix = listen.startswith(UNIX)
    host, port = ("", 0) if is_unix else host_and_port(listen)
    made = socket.socket(socket.AF_UNIX if is_unix else family_of(host))
    try:
        if is_unix:
            made.bind(listen.removeprefix(UNIX))
            open_to_group(listen)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((host, port))
            # otherwise a second process could bind the same port until the first one listens
            made.listen()
    except OSError as error:
        made.close()
        raise AddressTaken(key, listen, reason_of(error)) from error
    return made


def open_to_group(listen: str) -> None:
    """Let Envoy's group connect to a Unix socket, regardless of the umask. Raises: OSError."""
    if listen.startswith(UNIX):
        os.chmod(listen.removeprefix(UNIX), SOCKET_MODE)


def why_not(listen: str) -> str:
    """Why a bind failed, which gRPC does not report: bind it ourselves to find out."""
    try:
        if listen.startswith(UNIX):
            with socket.socket(socket.AF_UNIX) as trial:
                trial.bind(listen.removeprefix(UNIX))
        else:
            host, port = host_and_port(listen)
            socket.create_server((host, port), family=family_of(host)).close()
    except OSError as error:
        return reason_of(error)
    return "it cannot be bound"


def family_of(host: str) -> socket.AddressFamily:
    """Address family of a configured host: only IPv6 addresses contain colons."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def reason_of(error: OSError) -> str:
    """The operating system's error text, in lower case."""
    return os.strerror(error.errno).lower() if error.errno else "it cannot be bound"


def _answers(path: Path) -> bool:
    """Whether a process listens on a socket; a full backlog counts as listening. Raises: OSError."""
    with socket.socket(socket.AF_UNIX) as trial:
        trial.setblocking(False)
        try:
            trial.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except BlockingIOError:
            return True
    return True
