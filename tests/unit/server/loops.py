"""Tests that are coroutines, each with a limit on its time.

They share one event loop: gRPC's completion queue belongs to the process, and does not bear that the loop it first met
is closed.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

from extproc.envoy_config.start_time import busy_factor

TIME_S_MAX = 20
FACTOR_MAX = 5
"""More would reach the limit that pytest has for any test."""


@functools.cache
def shared_loop() -> asyncio.AbstractEventLoop:
    """The loop, made for the first test that needs it."""
    return asyncio.new_event_loop()


def time_s_max(idle_s: float = TIME_S_MAX) -> float:
    """The limit of a test's time, longer on a busy machine. Args: idle_s: on one that is idle."""
    return idle_s * min(FACTOR_MAX, busy_factor())


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A coroutine as a test; pytest sees its arguments."""
    return in_loop_within(TIME_S_MAX)(test)


def in_loop_within(idle_s: float) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Callable[..., None]]:
    """Likewise, of a test with a limit of its own."""

    def decorated(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(**arguments: Any) -> None:
            shared_loop().run_until_complete(asyncio.wait_for(test(**arguments), time_s_max(idle_s)))

        return run

    return decorated


async def until(condition: Callable[[], Any]) -> None:
    """Wait until a condition holds; the test's own limit ends it."""
    while not condition():
        await asyncio.sleep(0.002)
