"""A client that sees the bytes: what no HTTP library shows of a model server's answers."""

import json
import socket
from contextlib import closing

from extproc.demo.rules import CHAT

TIMEOUT_S = 20.0


def connect(server):
    """A client's socket."""
    return closing(socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S))


def encode(document, path=CHAT, headers=()):
    """A POST as bytes."""
    body = json.dumps(document).encode()
    lines = [f"POST {path} HTTP/1.1", "host: test", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def asking(text, **more):
    """A chat request as bytes."""
    return encode({"messages": [{"role": "user", "content": text}], **more})


def read(connection, n):
    """Exactly n bytes, or fewer if the server closes first."""
    got = b""
    while len(got) < n and (part := connection.recv(min(65536, n - len(got)))):
        got += part
    return got


def read_until(connection, mark):
    """Bytes up to and with `mark`."""
    got = b""
    while mark not in got:
        part = connection.recv(65536)
        assert part, f"the server closed after {got!r}"
        got += part
    return got


def ended(server):
    """What the server saw, once no exchange is running."""
    return server.seen.wait_for(lambda seen: bool(seen) and all(exchange.ended != "running" for exchange in seen))
