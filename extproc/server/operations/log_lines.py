"""Non-blocking output of log lines: a bounded queue and one writer thread.

A pipe without a reader blocks its writer, and so may a disk; here only this thread blocks. Lines that do not fit in the
queue are dropped and counted; warnings and errors have reserved room. When output works again, one line reports how
many were dropped. The first line after a pause wakes the thread, which then waits for more, so that many lines cost one
system call.
"""

from __future__ import annotations

import os
import queue
import select
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

LINES_HELD_S_MAX = 0.05
"""How long a line of low priority is held, to be written in a batch."""
LINES_MAX = 10_000
LINES_BYTES_MAX = 16_777_216
URGENT_LINES_MAX = 1_000
URGENT_BYTES_MAX = 1_048_576
"""Extra room reserved for warnings and errors."""
CLOSE_S_MAX = 2.0
"""How long process exit waits for a slow reader."""
URGENT = frozenset({"warning", "error"})

Line = tuple[str, bytes]
"""A level and its line."""
Item = TypeVar("Item")


class LineStream(Protocol):
    """An output for lines. Raises: OSError, or ValueError when it is closed."""

    def write(self, text: str, /) -> object:
        """Write whole lines."""
        ...

    def flush(self) -> None:
        """Flush all output."""
        ...


class LogLines:
    """The lines of one process. Until ``start``, callers write lines themselves."""

    def __init__(self, stream: LineStream) -> None:
        self._stream = stream
        self._waiting: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._hurry: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._lock = threading.RLock()  # guards the counters; reentrant, as a destructor may log while it is held
        self._lines = self._bytes = 0  # queued or being written
        self._dropped: Counter[str] = Counter()  # dropped lines by level, since last reported
        self._count: Callable[[str, int], None] | None = None
        self._tell: Callable[[Mapping[str, int]], bytes] | None = None
        self._thread: threading.Thread | None = None

    def start(self, count: Callable[[str, int], None], tell: Callable[[Mapping[str, int]], bytes]) -> None:
        """From now on write from a thread.

        Args:
            count: callback for dropped lines, by level, from any thread.
            tell: writes the line that reports dropped lines, by level.
        """
        self._count, self._tell = count, tell
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, level: str, line: bytes) -> None:
        """Queue a line. Never blocks once the thread runs."""
        if self._thread is None:
            self._write([(level, line)])
        elif not self._queued(level, line):
            self._tell_count(level, 1)
        elif level in URGENT:
            self._hurry.put(None)

    def close(self) -> None:
        """Flush for at most ``CLOSE_S_MAX``; later lines are written by their callers."""
        thread = self._thread
        if thread is None:
            return
        self._waiting.put(None)
        self._hurry.put(None)
        thread.join(CLOSE_S_MAX)
        if not thread.is_alive():  # otherwise a caller would now block like the thread
            self._thread = None
            self._write([line for line in _taken(self._waiting) if line is not None])

    def _queued(self, level: str, line: bytes) -> bool:
        with self._lock:
            lines, size = self._lines + 1, self._bytes + len(line)
            if level in URGENT:
                fits = lines <= LINES_MAX + URGENT_LINES_MAX and size <= LINES_BYTES_MAX + URGENT_BYTES_MAX
            else:
                fits = lines <= LINES_MAX and size <= LINES_BYTES_MAX
            if fits:
                self._lines, self._bytes = lines, size
                self._waiting.put((level, line))
            else:
                self._dropped[level] += 1
            return fits

    # --- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        ends = False
        while not ends:
            batch = [self._waiting.get()]
            _wait_for_one(self._hurry)
            batch += _taken(self._waiting)
            _taken(self._hurry)
            lines = [line for line in batch if line is not None]
            ends = len(lines) < len(batch)
            if self._write(lines) and self._dropped:
                self._write_dropped()

    def _write(self, lines: list[Line]) -> bool:
        """Write lines immediately. Returns: whether that worked; if not, they are dropped."""
        if not lines:
            return False
        try:
            self._stream.write(b"".join([line for _, line in lines]).decode())
            self._stream.flush()
        except (OSError, ValueError):  # the reader is gone, the disk is full, or the stream is closed
            self._lose(Counter([level for level, _ in lines]))
            return False
        finally:
            if self._thread is not None:
                with self._lock:
                    self._lines -= len(lines)
                    self._bytes -= sum([len(line) for _, line in lines])
        return True

    def _write_dropped(self) -> None:
        if self._tell is None:
            return
        with self._lock:
            dropped, self._dropped = self._dropped, Counter()
        try:
            self._stream.write(self._tell(dropped).decode())
            self._stream.flush()
        except (OSError, ValueError):
            with self._lock:
                self._dropped += dropped  # reported once there is room again

    def _lose(self, dropped: Counter[str]) -> None:
        with self._lock:
            self._dropped += dropped
        for level, lines in dropped.items():
            self._tell_count(level, lines)

    def _tell_count(self, level: str, lines: int) -> None:
        if self._count is not None:
            self._count(level, lines)


class Output:
    """An unbuffered stream on a file descriptor, so that the interpreter has nothing to flush at exit."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._is_torn = False  # the last line was only partly written

    def write(self, text: str) -> None:
        """Write whole lines, also to a non-blocking descriptor that is not ready. Raises: OSError."""
        rest = memoryview(("\n" * self._is_torn + text).encode("utf-8", "backslashreplace"))
        try:
            while rest:
                rest = rest[self._written(rest) :]
                self._is_torn = True
        except BrokenPipeError:
            self._is_torn = False  # the reader is gone
            raise
        self._is_torn = False

    def flush(self) -> None:
        """Nothing is buffered."""

    def _written(self, content: memoryview) -> int:
        while True:
            try:
                return os.write(self._fd, content)
            except BlockingIOError:  # another process has made it non-blocking
                ready = select.poll()
                ready.register(self._fd, select.POLLOUT)
                ready.poll()


def _wait_for_one(hurry: queue.SimpleQueue[None]) -> None:
    """Wait for an urgent line, but at most for the batching delay."""
    try:
        hurry.get(timeout=LINES_HELD_S_MAX)
    except queue.Empty:
        return


def _taken(waiting: queue.SimpleQueue[Item]) -> list[Item]:
    """Take all queued lines."""
    taken: list[Item] = []
    try:
        while True:
            taken.append(waiting.get_nowait())
    except queue.Empty:
        return taken
