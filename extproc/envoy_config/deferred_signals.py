"""Signals and children: what would end the process waits while a child is started, and a terminal's are not for it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_ENDING: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)

OWN_GROUP: Final = 0
"""The ``process_group`` of a child. Ctrl-C reaches all of the terminal's group: a child in it would end before its
parent has stopped using it, and the parent would report an error instead.
"""


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Within, a child is started and noted: a handler that raises in between would leave it without a parent.

    The child itself gets the default handlers, as always. Outside of the main thread no handler runs.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    wanted = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda each, _: came.append(each)) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for each in dict.fromkeys(came):
            signal.raise_signal(each)
