"""Child processes of a benchmark, and how much CPU time a process has used."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_READY_S_MAX = 60.0
_STOP_S_MAX = 5.0


@contextlib.contextmanager
def child(
    command: Sequence[str], address: str, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run a server until the end of the block; gives its process id once it accepts connections.

    Args:
        address: where it listens, ``unix:/PATH`` or ``HOST:PORT``.

    Raises: RuntimeError with the end of its log, when it ends or does not listen in time.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
        )
    try:
        deadline = time.monotonic() + _READY_S_MAX
        while not _accepts(address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} does not listen on {address}:\n{log.read_text()[-2_000:]}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads since its start, from ``/proc/PID/stat``. [s]"""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def busy_share(seconds: float) -> float:
    """Share of all cores that was in use during the next ``seconds`` [s], by any process; 0 to 1."""
    idle_before, all_before = _machine_ticks()
    time.sleep(seconds)
    idle, every = _machine_ticks()
    return 1 - (idle - idle_before) / max(1, every - all_before)


def _machine_ticks() -> tuple[int, int]:
    """Idle (and waiting for disks), and all; guest time is part of user time."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def _accepts(address: str) -> bool:
    path = address.removeprefix("unix:")
    family = socket.AF_INET if path == address else socket.AF_UNIX
    host, _, port = address.rpartition(":")
    with socket.socket(family) as probe:
        try:
            probe.connect((host, int(port)) if family == socket.AF_INET else path)
        except OSError:
            return False
    return True
