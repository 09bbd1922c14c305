"""A real Valkey for tests: started on a port of loopback, ended with the test, killed and started again within it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

START_S_MAX = 20.0
_NAMES = ("valkey-server", "redis-server")


def binary() -> str:
    """The server's program; without one the test is skipped, but never in CI."""
    found = next((path for path in map(shutil.which, _NAMES) if path), None)
    if found is None:
        if os.environ.get("CI"):
            raise FileNotFoundError("CI has no valkey-server: see `missing` in .ci/run")
        pytest.skip("no valkey-server is installed (on Debian: apt install valkey-server)")
    return found


class Valkey:
    """A server that keeps nothing on a disk."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._binary = binary()
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        fixed = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        with (self._folder / "valkey.log").open("ab") as log:
            command = [self._binary, *fixed, "--dir", str(self._folder), *self._options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        ends_s = time.monotonic() + START_S_MAX
        while time.monotonic() < ends_s:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return
            except OSError:
                assert self._process.poll() is None, (self._folder / "valkey.log").read_text()
                time.sleep(0.01)
        raise TimeoutError("valkey-server does not answer")

    def kill(self) -> None:
        """As a crash: connections are reset, and what it knew is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Connections stay, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def valkey(folder: Path, *options: str) -> Iterator[Valkey]:
    """A server that runs."""
    server = Valkey(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.kill()
