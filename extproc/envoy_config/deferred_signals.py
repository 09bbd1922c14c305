"""Signals and children: what would end the process waits while a child is started, a terminal's are not for it, and it
ends with us.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from extproc.envoy_config import until_parent_ends

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


def ended_with_us(command: Sequence[str]) -> list[str]:
    """A command whose program the system ends when we die, also if we are killed and can end nobody.

    For Linux, we are the thread that starts it: start it in one that lives as long as the child is to.

    Raises: OSError if there is no such program.
    """
    program = shutil.which(command[0])
    if program is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
    return [sys.executable, "-I", "-S", until_parent_ends.__file__, str(os.getpid()), program, *command[1:]]
