"""Child processes of a benchmark, and what a process has used: CPU time, memory."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_CLOCK_OF_PROCESS = 2
"""CPUCLOCK_SCHED: what the scheduler has given all threads, ended ones too. Source: Linux, posix-timers.h."""
_READY_S_MAX = 60.0
_STOP_S_MAX = 5.0
_GONE = "X"
_ENDED = ("Z", _GONE)  # states of a process that has ended
_KIB, _MB = 1_024, 1_000_000
_NS = 1e-9
_LOG_CHARS, _LOG_LINES = 2_000, 5
_RESET_PEAK = "5"  # what `clear_refs` takes for "the peak begins anew"


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
                raise RuntimeError(f"{command[0]} does not listen on {address}:\n{end_of(log)}")
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
    """CPU time of a process and its threads since its start, as the scheduler counts it in nanoseconds. [s]

    Raises: RuntimeError, when it has ended.
    """
    if _stat(pid)[0] in _ENDED:
        raise RuntimeError(f"process {pid} has ended")
    return time.clock_gettime_ns((~pid << 3) | _CLOCK_OF_PROCESS) * _NS


@contextlib.contextmanager
def needed(pid: int, log: Path) -> Iterator[None]:
    """What fails in the block because a process has ended says so, with the end of its log. Raises: RuntimeError."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        if _stat(pid)[0] in _ENDED:
            raise RuntimeError(f"process {pid} has ended:\n{end_of(log)}") from error
        raise


def _stat(pid: int) -> list[str]:
    """What ``/proc/PID/stat`` says after the name of the program."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return [_GONE]


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process holds, in MB (10**6 bytes). ``pss``: what it shares counts by its share."""

    rss_mb: float
    pss_mb: float


def memory(pid: int) -> Memory:
    """Memory of a process, from ``/proc/PID/smaps_rollup``."""
    kib = _figures_kib(Path(f"/proc/{pid}/smaps_rollup"))
    return Memory(kib["Rss"] * _KIB / _MB, kib["Pss"] * _KIB / _MB)


def children_of(pid: int) -> list[int]:
    """The processes that a process has started, and that have not ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(folder.name))
        if fields[0] not in _ENDED and int(fields[1]) == pid:
            found.append(int(folder.name))
    return found


def begin_peak(pid: int) -> None:
    """Let the peak of ``peak_mb`` begin anew."""
    Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)


def peak_mb(pid: int) -> float:
    """The most that a process held since ``begin_peak``, in MB (10**6 bytes)."""
    return _figures_kib(Path(f"/proc/{pid}/status"))["VmHWM"] * _KIB / _MB


def allow_open_files(wanted: int) -> int:
    """Let this process, and those that it starts, hold that many files, or as many as the system allows.

    Returns: how many.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limits in ((wanted, max(wanted, hard)), (min(wanted, hard), hard)):
        if soft >= wanted:
            break
        with contextlib.suppress(ValueError, OSError):  # above the hard limit only root may go
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            soft = limits[0]
    return soft


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


def _figures_kib(file: Path) -> dict[str, int]:
    """The lines ``NAME: N kB`` of a file of the kernel. [KiB]"""
    rows = (line.split() for line in file.read_text().splitlines())
    return {row[0].rstrip(":"): int(row[1]) for row in rows if len(row) == 3 and row[2] == "kB"}


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


def end_of(log: Path) -> str:
    """The last lines of a log; empty without one."""
    lines = log.read_text(errors="replace")[-_LOG_CHARS:].splitlines() if log.is_file() else []
    return "\n".join(lines[-_LOG_LINES:])
