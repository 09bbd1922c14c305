"""What every process of ours has: an event loop, signals that end it, and whether the loop turns."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import signal
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Any, TypeVar

LOOP_TURN_S_MAX = 5.0

Answer = TypeVar("Answer")


def loop_factory(transport: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed and the transport is ours; else the standard one."""
    if transport == "fast" and importlib.util.find_spec("uvloop") is not None:
        factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
        return factory
    return None


@dataclass(slots=True)
class Signals:
    """SIGTERM and SIGINT: the first asks for an end, the second for an end at once."""

    first: asyncio.Event = field(default_factory=asyncio.Event)
    second: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._came)

    def _came(self) -> None:
        (self.second if self.first.is_set() else self.first).set()


async def in_own_thread(work: Callable[[], Answer]) -> Answer:
    """Do what may hang, such as reading a file, in a thread that neither the loop nor the end of the process waits for.

    The loop's own threads would be waited for, and are needed for large messages.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Answer] = loop.create_future()

    def settle(tell: Callable[[Any], None], outcome: Any) -> None:
        if not done.done():  # nobody waits any more
            tell(outcome)

    def run() -> None:
        try:
            ended = (done.set_result, work())
        except Exception as error:
            ended = (done.set_exception, error)  # type: ignore[assignment]
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, *ended)

    threading.Thread(target=run, name="waiting", daemon=True).start()
    return await done


def answers(
    loop: asyncio.AbstractEventLoop, ask: Callable[[], Coroutine[Any, Any, Answer]], late: Answer
) -> Callable[[], Answer]:
    """Asks from a thread what a coroutine of a loop says; ``late`` is the answer when the loop does not turn."""

    def answer() -> Answer:
        asked = asyncio.run_coroutine_threadsafe(ask(), loop)
        try:
            return asked.result(LOOP_TURN_S_MAX)
        except (TimeoutError, CancelledError):
            asked.cancel()
            return late

    return answer


def turns(loop: asyncio.AbstractEventLoop) -> Callable[[], bool]:
    """Asks from a thread whether an event loop still turns."""

    def turned_in_time() -> bool:
        turned = threading.Event()
        loop.call_soon_threadsafe(turned.set)
        return turned.wait(LOOP_TURN_S_MAX)

    return turned_in_time
