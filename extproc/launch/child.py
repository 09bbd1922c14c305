"""One child process. It has a process group of its own, so that a terminal's Ctrl-C reaches only its parent, and the
system ends it if its parent dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from extproc.envoy_config.deferred_signals import OWN_GROUP, ended_with_us

_LINE_BYTES_MAX: Final = 1_048_576
_TAIL_LINES_MAX: Final = 20

TakeLine = Callable[[str], None]


class Child:
    """A program that can be started again.

    Args:
        on_output: takes each line of standard output; None: it goes where ours goes.
        on_errors: likewise for standard error; the last lines are kept.
    """

    def __init__(
        self, name: str, command: Sequence[str], on_output: TakeLine | None = None, on_errors: TakeLine | None = None
    ) -> None:
        self.name = name
        self._command = command
        self._on_output = on_output
        self._on_errors = on_errors
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES_MAX)
        self.ended: asyncio.Future[int]

    @property
    def pid(self) -> int | None:
        """Process id; None before the start."""
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def error_tail(self) -> str:
        """The last lines of its standard error."""
        return "\n".join(self._tail)

    async def start(self) -> None:
        """Start it. ``ended`` then gets its exit code. Raises: OSError."""
        self._tail.clear()
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *ended_with_us(self._command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe if self._on_output else None,
            stderr=pipe if self._on_errors else None,
            process_group=OWN_GROUP,
            limit=_LINE_BYTES_MAX,
        )
        streams = ((self._process.stdout, self._on_output), (self._process.stderr, self._keep_error))
        self._readers = [asyncio.create_task(_read(stream, take)) for stream, take in streams if stream and take]
        self.ended = asyncio.ensure_future(self._wait(self._process))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def stop(self, within_s: float) -> None:
        """SIGTERM, and SIGKILL if it has not ended in time."""
        if not self.is_running:
            return
        self.signal(signal.SIGTERM)
        await asyncio.wait((self.ended,), timeout=within_s)
        self.signal(signal.SIGKILL)
        await asyncio.wait((self.ended,))

    async def _wait(self, process: asyncio.subprocess.Process) -> int:
        code = await process.wait()
        await asyncio.gather(*self._readers)
        return code

    def _keep_error(self, line: str) -> None:
        self._tail.append(line)
        if self._on_errors is not None:
            self._on_errors(line)


async def _read(stream: asyncio.StreamReader, take: TakeLine) -> None:
    """Every whole line; one that is too long is dropped."""
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            continue
        if not line:
            return
        take(line.decode("utf-8", "replace").rstrip("\n"))
