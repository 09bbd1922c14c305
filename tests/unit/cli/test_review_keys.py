"""Keys of a terminal: a signal is handled though it interrupted no system call."""

from __future__ import annotations

import os
import pty
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from extproc.cli.exit_codes import ExitCode
from extproc.cli.review_keys import Keys
from extproc.cli.signals import unwound_by_signals
from tests.hangs import HANG_S


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where a person types; the other side is standard input."""
    person, program = pty.openpty()
    with os.fdopen(program) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield person
    os.close(person)


@pytest.mark.parametrize("wait", [Keys.key, Keys.line])
def test_ctrl_c_between_the_last_step_and_the_wait(keyboard: int, wait: Callable[[Keys], str | None]) -> None:
    """It came once right before the call of the system, and the command went on until the next key.

    A signal to another thread is the same: it is noted, and the main thread's call goes on.
    """
    done = threading.Event()
    typed: list[bytes] = []

    def interrupt() -> None:
        time.sleep(0.1)  # the main thread waits for a key
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        if not done.wait(HANG_S):
            typed.append(b"q\n")  # else this test would not end
            os.write(keyboard, typed[0])

    thread = threading.Thread(target=interrupt)
    with unwound_by_signals(), Keys() as keys:
        thread.start()
        with pytest.raises(SystemExit) as ended:
            wait(keys)
    done.set()
    thread.join()
    assert ended.value.code == ExitCode.INTERRUPTED
    assert not typed


def test_keys_as_typed(keyboard: int) -> None:
    """One key; an arrow is another one; Ctrl-D is the end; a line with the terminal's editing."""
    with Keys() as keys:
        for typed, key in ((b"R", "r"), (b"\x1b[A", ""), (b"\x04", None)):
            os.write(keyboard, typed)
            assert keys.key() == key
        os.write(keyboard, b"a note\n")
        assert keys.line() == "a note"
