"""Common parts of every process: event loop, termination signals, and a liveness check of the loop."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib
import importlib.util
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Any, TypeVar

LOOP_TURN_S_MAX = 5.0

ResultT = TypeVar("ResultT")


def loop_factory(transport: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's factory if installed and the fast transport is used; otherwise the standard one."""
    if transport == "fast" and importlib.util.find_spec("uvloop") is not None:
        factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
        return factory
    return None


def return_free_memory() -> None:
    """Return to the system what the compilation of a configuration has freed; glibc keeps it otherwise.

    Takes a few milliseconds, during which the interpreter's other threads run.
    """
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


@dataclass(slots=True)
class Signals:
    """SIGTERM and SIGINT: the first starts a drain, the second ends it. SIGHUP: read the configuration again.

    The system also sends SIGHUP when the terminal is gone; then it is one of the former, unless it was ignored at the
    start (``nohup``). SIGUSR2 is for workers: see ``replacing``.
    """

    first: asyncio.Event = field(default_factory=asyncio.Event)
    second: asyncio.Event = field(default_factory=asyncio.Event)
    reload: asyncio.Event = field(default_factory=asyncio.Event)
    _terminals: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            self._terminals = _terminals()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._came)
        loop.add_signal_handler(signal.SIGHUP, self._hung_up)

    def replacing(self, replace: Callable[[], None]) -> None:
        """Call this on SIGUSR2."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, replace)

    def _came(self) -> None:
        (self.second if self.first.is_set() else self.first).set()

    def _hung_up(self) -> None:
        if self._terminals and not _terminals():
            self._came()
        else:
            self.reload.set()


def _terminals() -> tuple[int, ...]:
    """The standard streams that are a terminal, which is still there."""
    return tuple(fd for fd in (0, 1, 2) if os.isatty(fd))


@contextlib.contextmanager
def signals_ignored_afterwards() -> Iterator[None]:
    """For the end of a process, around its event loop, whose end restores the signals' defaults: a person who presses
    Ctrl-C once more must not interrupt the last lines of the log, nor change the exit code.
    """
    yield
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


async def wait_for_first(*waits: Coroutine[Any, Any, Any]) -> None:
    """Wait until one is done, and cancel the others. Raises: what a finished one raised."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    for task in done:
        task.result()


async def in_own_thread(work: Callable[[], ResultT]) -> ResultT:
    """Run a blocking call, such as a file read, in a thread that neither the loop nor process exit waits for.

    The loop's own executor would be joined at exit, and its threads are needed for large messages.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[ResultT] = loop.create_future()

    def settle(set_outcome: Callable[[Any], None], outcome: Any) -> None:
        if not done.done():  # the caller has given up
            set_outcome(outcome)

    def run() -> None:
        try:
            ended = (done.set_result, work())
        except Exception as error:
            ended = (done.set_exception, error)  # type: ignore[assignment]
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, *ended)

    threading.Thread(target=run, name="waiting", daemon=True).start()
    return await done


def callable_from_thread(
    loop: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[Any, Any, ResultT]], late: ResultT
) -> Callable[[], ResultT]:
    """Calls a coroutine of a loop from a thread; returns ``late`` if the loop does not respond in time."""

    def call() -> ResultT:
        called = asyncio.run_coroutine_threadsafe(work(), loop)
        try:
            return called.result(LOOP_TURN_S_MAX)
        except (TimeoutError, CancelledError):
            called.cancel()
            return late

    return call


def liveness_check(loop: asyncio.AbstractEventLoop) -> Callable[[], bool]:
    """A check, callable from a thread, of whether an event loop still runs."""

    def turned_in_time() -> bool:
        turned = threading.Event()
        loop.call_soon_threadsafe(turned.set)
        return turned.wait(LOOP_TURN_S_MAX)

    return turned_in_time


def answering(ask: Callable[[], ResultT]) -> Callable[[], Awaitable[ResultT]]:
    """A question that this process answers itself, for who would wait for others."""

    async def answer() -> ResultT:
        return ask()

    return answer


async def cancelled(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks, and wait for their ends."""
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
