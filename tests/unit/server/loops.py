"""Tests that are coroutines: each runs in an event loop of its own, with a limit on its time."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

TIME_S_MAX = 20


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A coroutine as a test; pytest sees its arguments."""

    @functools.wraps(test)
    def run(**arguments: Any) -> None:
        asyncio.run(asyncio.wait_for(test(**arguments), TIME_S_MAX))

    return run


async def until(condition: Callable[[], Any]) -> None:
    """Wait until a condition holds; the test's own limit ends it."""
    while not condition():
        await asyncio.sleep(0.002)
