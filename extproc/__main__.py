"""``python -m extproc``, and the program ``extproc``."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from typing import Any

_interrupts = itertools.count()


def main() -> None:
    """Run the command line.

    Until a command handles Ctrl-C itself, it ends the process at once, also during the imports. A KeyboardInterrupt
    would be lost where libraries call us back: the command would go on, or report a wrong result.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in a shell's background job
        signal.signal(signal.SIGINT, _interrupted)
        _watch_in_thread()
    from extproc.cli import main as run

    run()


def _watch_in_thread() -> None:
    import atexit
    import threading

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading,), name="interrupts", daemon=True).start()
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)  # what is done is not interrupted


def _watch(signals: int) -> None:
    """Python handles a signal between two steps of the main thread, which may wait in a library, as for a lock."""
    while numbers := os.read(signals, 64):
        if signal.SIGINT in numbers and signal.getsignal(signal.SIGINT) is _interrupted:
            _interrupted(signal.SIGINT, None)


def _interrupted(number: int, _frame: Any) -> None:
    if next(_interrupts):  # the other thread is at it
        return
    line_end = "\n" if sys.stderr.isatty() else ""  # after the terminal's ^C
    os.write(2, f"{line_end}extproc: interrupted\n".encode())
    os._exit(128 + number)


if __name__ == "__main__":
    main()
