"""An HTTP/1.1 client that sends the very bytes of a test, and does nothing else that it was not told to."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.e2e.harness import Stack

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """Status, headers (names in lower case) and the body without its framing."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def post(path: str, body: Any, *headers: bytes) -> bytes:
    """A POST of JSON; a ``body`` of bytes is sent as it is."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1".encode(), b"host: test", b"content-type: application/json", *headers]
    return b"\r\n".join([*lines, b"content-length: %d" % len(content)]) + b"\r\n\r\n" + content


class Connection:
    """One connection to a stack's Envoy."""

    def __init__(self, stack: Stack, receive_buffer_bytes: int | None = None) -> None:
        host, port = stack.base_url.removeprefix("http://").split(":")
        self.socket = socket.socket()
        if receive_buffer_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect((host, int(port)))
        # One reader for all answers: what it has read of the next one must not be lost.
        self._file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def answer(self, method: str = "POST") -> RawAnswer:
        """Read one whole answer. Raises: ConnectionError when Envoy closes before one begins."""
        answer = http.client.HTTPResponse(_Kept(self._file), method=method)  # type: ignore[arg-type]
        answer.begin()
        body = answer.read()
        return RawAnswer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)

    def status_or_none(self, method: str = "POST") -> int | None:
        """The status of the next answer, or None when Envoy closes without one."""
        try:
            return self.answer(method).status
        except (ConnectionError, http.client.BadStatusLine):
            return None

    def read_until(self, mark: bytes) -> bytes:
        """Bytes up to and with ``mark``."""
        got = b""
        while mark not in got:
            part = self._file.read1(65_536)
            assert part, f"Envoy closed the connection after {got[-200:]!r}"
            got += part
        return got

    def closed(self) -> bool:
        """Whether Envoy has closed the connection without saying more; waits for it."""
        try:
            return self._file.read1(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        """Close it at once, whatever is still to come."""
        self._file.close()
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _Kept:
    """What ``HTTPResponse`` takes for a socket: its file stays open for the next answer."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def makefile(self, _: str) -> Any:
        return _Unclosed(self._file)


class _Unclosed:
    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        """The connection goes on."""
