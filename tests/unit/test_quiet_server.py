"""The HTTP servers of tests do not print of clients that leave."""

from __future__ import annotations

import re
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.e2e.harness import wait_until
from tests.quiet_server import QuietServer

TESTS = Path(__file__).parents[1]
ELSEWHERE = {TESTS / "bench" / "presidio_services.py"}
"""It runs in the environment of another program, and has a log of its own."""


class Broken(BaseHTTPRequestHandler):
    """Fails where it answers."""

    def do_GET(self) -> None:
        """Always."""
        raise ValueError("broken")


def test_only_other_errors_are_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """A reset of the connection is a client's."""
    with QuietServer(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for sent in (b"", b"GET / HTTP/1.1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", server.server_port)) as client:
                client.sendall(sent)
                if sent:
                    client.recv(1)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        shown = ""

        def is_told() -> bool:
            nonlocal shown
            shown += capfd.readouterr().err
            return "ValueError: broken" in shown

        wait_until(is_told, "the other error is printed")
        server.shutdown()
    assert "ConnectionResetError" not in shown + capfd.readouterr().err


def test_every_test_uses_it() -> None:
    """A server of the library's own prints."""
    made = re.compile(r"\b(?:Threading)?HTTPServer\(\(")
    assert {file for file in TESTS.rglob("*.py") if made.search(file.read_text())} == ELSEWHERE
