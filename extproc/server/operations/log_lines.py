"""The way of log lines out of the process: a bounded queue and one thread that writes, so that nobody else waits.

A pipe that nobody reads blocks whoever writes to it, and so may a disk. Here that is a thread which does nothing else.
What finds no place in the queue is dropped and counted; warnings and errors have room that is kept for them. When
lines can be written again, one of them says how many are missing. The first line after a silence wakes the thread; it
then waits for more, so that many lines cost one system call.
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
"""How long a line that may wait is kept, to be written with others."""
LINES_MAX = 10_000
LINES_BYTES_MAX = 16_777_216
URGENT_LINES_MAX = 1_000
URGENT_BYTES_MAX = 1_048_576
"""Room beyond that of all lines, for warnings and errors alone."""
CLOSE_S_MAX = 2.0
"""How long the end of the process waits for a reader."""
URGENT = frozenset({"warning", "error"})

Line = tuple[str, bytes]
"""Its level, and what is written."""
Item = TypeVar("Item")


class Stream(Protocol):
    """Where lines go. Raises: OSError, or ValueError when it is closed."""

    def write(self, text: str, /) -> object:
        """Write whole lines."""
        ...

    def flush(self) -> None:
        """Keep nothing back."""
        ...


class LogLines:
    """The lines of one process. Until ``start`` whoever brings a line writes it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._waiting: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._hurry: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._lock = threading.RLock()  # of the counts; a destructor that runs in between may log too
        self._lines = self._bytes = 0  # waiting, or being written
        self._dropped: Counter[str] = Counter()  # by level, since it was told last
        self._count: Callable[[str, int], None] | None = None
        self._tell: Callable[[Mapping[str, int]], bytes] | None = None
        self._thread: threading.Thread | None = None

    def start(self, count: Callable[[str, int], None], tell: Callable[[Mapping[str, int]], bytes]) -> None:
        """From now on write in a thread.

        Args:
            count: is told of lines that were dropped, by their level, from any thread.
            tell: the line that says how many were dropped, by level.
        """
        self._count, self._tell = count, tell
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, level: str, line: bytes) -> None:
        """Have a line written. Never waits once there is a thread."""
        if self._thread is None:
            self._write([(level, line)])
        elif not self._queued(level, line):
            self._tell_count(level, 1)
        elif level in URGENT:
            self._hurry.put(None)

    def close(self) -> None:
        """Write what waits, at most ``CLOSE_S_MAX`` long; what comes later is written by whoever brings it."""
        thread = self._thread
        if thread is None:
            return
        self._waiting.put(None)
        self._hurry.put(None)
        thread.join(CLOSE_S_MAX)
        if not thread.is_alive():  # else whoever brought a line now would wait as the thread does
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
        """Write lines at once. Returns: whether that worked; else they are dropped."""
        if not lines:
            return False
        try:
            self._stream.write(b"".join([line for _, line in lines]).decode())
            self._stream.flush()
        except (OSError, ValueError):  # a reader that has gone, a disk that is full, a stream that is closed
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
                self._dropped += dropped  # told when there is room again

    def _lose(self, dropped: Counter[str]) -> None:
        with self._lock:
            self._dropped += dropped
        for level, lines in dropped.items():
            self._tell_count(level, lines)

    def _tell_count(self, level: str, lines: int) -> None:
        if self._count is not None:
            self._count(level, lines)


class Output:
    """A stream over a file descriptor, without a buffer that the interpreter would have to write out at its end."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._is_torn = False  # the last line could be written in part only

    def write(self, text: str) -> None:
        """Write whole lines, also to what is not ready at once. Raises: OSError."""
        rest = memoryview(("\n" * self._is_torn + text).encode("utf-8", "backslashreplace"))
        try:
            while rest:
                rest = rest[self._written(rest) :]
                self._is_torn = True
        except BrokenPipeError:
            self._is_torn = False  # whoever read that has gone
            raise
        self._is_torn = False

    def flush(self) -> None:
        """Nothing is kept back."""

    def _written(self, content: memoryview) -> int:
        while True:
            try:
                return os.write(self._fd, content)
            except BlockingIOError:  # another process has made it so
                ready = select.poll()
                ready.register(self._fd, select.POLLOUT)
                ready.poll()


def _wait_for_one(hurry: queue.SimpleQueue[None]) -> None:
    """Until somebody is in a hurry, but no longer than lines are held."""
    try:
        hurry.get(timeout=LINES_HELD_S_MAX)
    except queue.Empty:
        return


def _taken(waiting: queue.SimpleQueue[Item]) -> list[Item]:
    """All that waits."""
    taken: list[Item] = []
    try:
        while True:
            taken.append(waiting.get_nowait())
    except queue.Empty:
        return taken
