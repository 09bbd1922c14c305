"""Who is in a worker's place, how the last one ended, and when the next may come."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from extproc.server.workers.link import Link

STEADY_S = 10.0
"""A worker that has served this long dies for the first time, whatever was before."""
PAUSE_S = 0.5
PAUSE_S_MAX = 30.0
"""Before the third start of a worker that dies again and again, and the longest pause; each is twice the one before."""

_SIGKILL_HINT = "If the system ran out of memory (see its log), raise the memory limit or lower server.workers."
_CRASH_HINT = "A bug in llm-extproc or in a library: please report it with the output on stderr."
_EXIT_HINT = "See its last log lines, or stderr, for the reason."


class End(NamedTuple):
    """How a worker came to its end: a few words that may be a label, and what to do about it."""

    reason: str
    hint: str


def not_started(error: Exception) -> End:
    """There was no process, or no address for it."""
    return End("not started", str(error))


def end_of(exit_code: int) -> End:
    """What an exit code as of ``subprocess`` means."""
    if exit_code >= 0:
        return End(f"exit code {exit_code}", _EXIT_HINT)
    names = {each.value: each.name for each in signal.Signals}
    hint = _SIGKILL_HINT if -exit_code == signal.SIGKILL else _CRASH_HINT
    return End(names.get(-exit_code, f"signal {-exit_code}"), hint)


@dataclass(eq=False, slots=True)
class Worker:
    """One process. ``counts_as`` names the files in which it counts."""

    place: int
    counts_as: int
    process: asyncio.subprocess.Process
    link: Link
    ended: asyncio.Task[int]
    serving: asyncio.Event = field(default_factory=asyncio.Event)
    served_since: float = 0.0
    revision: str = ""
    inflight: int = 0
    wait_s: float = 0.0  # of small messages
    cancelled: int = 0
    awaited: dict[int, asyncio.Future[None]] = field(default_factory=dict)  # answers, by the numbers of questions

    def serves_now(self) -> None:
        """It has said so."""
        self.served_since = time.monotonic()
        self.serving.set()

    def kill(self) -> None:
        """End the process, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            if self.process.returncode is None:
                self.process.kill()


@dataclass(eq=False, slots=True)
class Place:
    """What is known of a place, whoever is in it."""

    number: int
    worker: Worker | None = None
    change: asyncio.Lock = field(default_factory=asyncio.Lock)  # held by whoever brings another worker into it
    failed_starts: int = 0  # in a row
    quick_ends: int = 0  # in a row

    def leave(self) -> None:
        """The worker has died, or could not be started."""
        worker, self.worker = self.worker, None
        served = worker is not None and worker.serving.is_set()
        steady = served and worker is not None and time.monotonic() - worker.served_since >= STEADY_S
        self.failed_starts = 0 if served else self.failed_starts + 1
        self.quick_ends = 0 if steady else self.quick_ends + 1

    @property
    def pause_s(self) -> float:
        """How long to wait before the next start: not at all at first."""
        return 0.0 if self.quick_ends < 2 else min(PAUSE_S_MAX, PAUSE_S * 2 ** (self.quick_ends - 2))

    @property
    def serves(self) -> bool:
        """Whether somebody in it serves."""
        return self.worker is not None and self.worker.serving.is_set()

    def detail(self) -> dict[str, Any]:
        """What the readiness page shows."""
        worker = self.worker
        return {
            "worker": self.number,
            "pid": worker.process.pid if worker else None,
            "serving": self.serves,
            "revision": worker.revision if worker else "",
        }
