"""A client that sees the bytes: what no HTTP library shows of a model server's answers."""

import json
import socket
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from extproc.demo.model_server import ModelServer
from extproc.demo.rules import CHAT
from extproc.demo.seen import Seen

TIMEOUT_S = 20.0


def connect(server: ModelServer) -> closing[socket.socket]:
    """A client's socket."""
    return closing(socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S))


def encode(document: object, path: str = CHAT, headers: Iterable[str] = ()) -> bytes:
    """A POST as bytes."""
    body = json.dumps(document).encode()
    lines = [f"POST {path} HTTP/1.1", "host: test", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def asking(text: str, **more: Any) -> bytes:
    """A chat request as bytes."""
    return encode({"messages": [{"role": "user", "content": text}], **more})


def read(connection: socket.socket, n: int) -> bytes:
    """Exactly n bytes, or fewer if the server closes first."""
    got = b""
    while len(got) < n and (part := connection.recv(min(65536, n - len(got)))):
        got += part
    return got


def read_until(connection: socket.socket, mark: bytes) -> bytes:
    """Bytes up to and with `mark`."""
    got = b""
    while mark not in got:
        part = connection.recv(65536)
        assert part, f"the server closed after {got!r}"
        got += part
    return got


def ended(server: ModelServer) -> list[Seen]:
    """What the server saw, once no exchange is running."""
    return server.seen.wait_for(lambda seen: bool(seen) and all(exchange.ended != "running" for exchange in seen))
