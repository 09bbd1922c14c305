"""Worker slots: current process, last exit, restart backoff."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from extproc.server.workers.link import Link

STEADY_S = 10.0
"""Uptime after which a worker's exit no longer counts as a repeated failure."""
PAUSE_S = 0.5
PAUSE_S_MAX = 30.0
"""Backoff before the third start of a worker that fails repeatedly, and its maximum; it doubles each time."""

_SIGKILL_HINT = "If the system ran out of memory (see its log), raise the memory limit or lower server.workers."
_CRASH_HINT = "A bug in llm-extproc or in a library: please report it with the output on stderr."
_EXIT_HINT = "See its last log lines, or stderr, for the reason."


class WorkerExit(NamedTuple):
    """How a worker ended: a few words that may be a label, and a hint."""

    reason: str
    hint: str


def not_started(error: Exception) -> WorkerExit:
    """The process, or its address, could not be created."""
    return WorkerExit("not started", str(error))


def end_of(exit_code: int) -> WorkerExit:
    """The meaning of an exit code of ``subprocess``."""
    if exit_code >= 0:
        return WorkerExit(f"exit code {exit_code}", _EXIT_HINT)
    names = {each.value: each.name for each in signal.Signals}
    hint = _SIGKILL_HINT if -exit_code == signal.SIGKILL else _CRASH_HINT
    return WorkerExit(names.get(-exit_code, f"signal {-exit_code}"), hint)


@dataclass(eq=False, slots=True)
class Worker:
    """One process. ``counts_as`` names its metric files."""

    place: int
    counts_as: int
    process: asyncio.subprocess.Process
    link: Link
    ended: asyncio.Task[int]
    serving: asyncio.Event = field(default_factory=asyncio.Event)
    served_since: float = 0.0
    revision: str = ""
    inflight: int = 0
    wait_s: float = 0.0  # queueing time of small messages
    envoy_stale: list[str] | None = None  # configuration keys that a calling Envoy does not know; None: none calls
    cancelled: int = 0
    awaited: dict[int, asyncio.Future[None]] = field(default_factory=dict)  # pending answers, by question number

    def serves_now(self) -> None:
        """It has reported that it serves."""
        self.served_since = time.monotonic()
        self.serving.set()

    def kill(self) -> None:
        """Kill the process, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            if self.process.returncode is None:
                self.process.kill()


@dataclass(eq=False, slots=True)
class WorkerSlot:
    """The state of a slot, independent of its process."""

    number: int
    worker: Worker | None = None
    change: asyncio.Lock = field(default_factory=asyncio.Lock)  # held while its worker is replaced
    failed_starts: int = 0  # consecutive
    quick_ends: int = 0  # consecutive

    def leave(self) -> None:
        """The worker has died, or could not be started."""
        worker, self.worker = self.worker, None
        served = worker is not None and worker.serving.is_set()
        steady = served and worker is not None and time.monotonic() - worker.served_since >= STEADY_S
        self.failed_starts = 0 if served else self.failed_starts + 1
        self.quick_ends = 0 if steady else self.quick_ends + 1

    @property
    def pause_s(self) -> float:
        """Backoff before the next start: none at first."""
        return 0.0 if self.quick_ends < 2 else min(PAUSE_S_MAX, PAUSE_S * 2 ** (self.quick_ends - 2))

    @property
    def serves(self) -> bool:
        """Whether its worker serves."""
        return self.worker is not None and self.worker.serving.is_set()

    def detail(self) -> dict[str, Any]:
        """Its entry on the readiness page."""
        worker = self.worker
        return {
            "worker": self.number,
            "pid": worker.process.pid if worker else None,
            "serving": self.serves,
            "revision": worker.revision if worker else "",
        }


def lowest_free(taken: set[int]) -> int:
    """Reuse the lowest number, so that there are never more files than live processes."""
    return next(number for number in itertools.count() if number not in taken)


async def all_ended(workers: list[Worker]) -> None:
    """Wait until their processes have ended."""
    if workers:
        await asyncio.wait([worker.ended for worker in workers])
