"""What every process of ours has: an event loop, signals that end it, and whether the loop turns."""

from __future__ import annotations

import asyncio
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
