"""``extproc`` as a person or a script starts it: on a terminal of 80 columns, or with pipes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from extproc.envoy_config.start_time import TimeLimit
from tests.starts import LIKE_A_SHELL, only_forks

ROOT = Path(__file__).parents[3]
PROGRAM = [sys.executable, "-m", "extproc"]
WAIT_S_MAX = 180.0
"""A guard against a program that hangs: a loaded machine takes several times as long as an idle one."""
END_S_MAX = 60.0
"""How long a command may take to end after Ctrl-C; it takes a fraction of that."""
ESCAPE = "\x1b"
DRAWN_AND_ERASED = r"[^\0\n]*\r\x1b\[K"
_ABOUT_COLOR = {"CLICOLOR", "COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "PY_COLORS", "TTY_COMPATIBLE"}


def environment(**changes: str) -> dict[str, str]:
    """This process's, without what changes colors and widths."""
    kept = {name: value for name, value in os.environ.items() if name not in _ABOUT_COLOR}
    path = os.pathsep.join(filter(None, [changes.pop("path_first", ""), str(ROOT), kept.get("PYTHONPATH", "")]))
    return {**kept, "TERM": "xterm-256color", "PYTHONPATH": path, **changes}


def piped(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """A command with pipes, which ends by itself."""
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment(**environ), stdin=subprocess.DEVNULL
    )


class Program:
    """A running command, and what it has printed; on pipes both streams are one."""

    def __init__(self, process: subprocess.Popen[bytes], output_fd: int, terminal_fd: int | None) -> None:
        self.process = process
        self.output = ""
        self._output_fd = output_fd
        self._terminal_fd = terminal_fd

    def until(self, holds: str | Callable[[], Any]) -> None:
        """Read until a text was printed, or a condition holds."""
        limit = TimeLimit(WAIT_S_MAX)
        while not (holds in self.output if isinstance(holds, str) else holds()):
            assert not limit.is_over(), self.output
            assert self._read() or self.process.poll() is None, self.output

    def ctrl_c(self) -> None:
        """On a terminal the key; else the signal for this process alone."""
        if self._terminal_fd is None:
            self.process.send_signal(signal.SIGINT)
        else:
            os.write(self._terminal_fd, b"\x03")

    def type(self, text: str) -> None:
        """What a person types at its terminal."""
        assert self._terminal_fd is not None
        os.write(self._terminal_fd, text.encode())

    def modes(self) -> list[Any]:
        """How the terminal is set: whether it waits for line ends, echoes, and more."""
        assert self._terminal_fd is not None
        return termios.tcgetattr(self._terminal_fd)

    def resize(self, rows: int, columns: int) -> None:
        """Give its terminal another size."""
        assert self._terminal_fd is not None
        fcntl.ioctl(self._terminal_fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """Close the terminal, as a person closes its window."""
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, self._output_fd)
        os.close(nothing)

    def ended(self) -> int:
        """The exit code; it must come soon."""
        limit = TimeLimit(END_S_MAX)
        while self.process.poll() is None:
            assert not limit.is_over(), f"still running: {self.output}"
            self._read()
        while self._read():
            pass
        return self.process.returncode

    def _read(self) -> bool:
        if not select.select([self._output_fd], [], [], 0.05)[0]:
            return False
        try:
            part = os.read(self._output_fd, 65_536)
        except OSError:  # the other side of the terminal is closed
            return False
        self.output += part.decode(errors="replace")
        return bool(part)


ONE_AFTER_ANOTHER = """\
import json, os, sys
from extproc.cli import main
for arguments, environ in json.loads(sys.argv[1]):
    os.environ.update(environ)
    sys.argv[1:] = arguments
    try:
        main()
    except SystemExit:
        pass
    print("\\0", end="", flush=True)
"""


def shown(calls: Sequence[tuple[Sequence[str], Mapping[str, str]]]) -> list[str]:
    """What stays on a terminal of each command with its environment; one process runs them all, which saves starts.

    A line that was drawn and erased (``cli/progress``) is gone: on a slow machine every command shows one.
    """
    told = json.dumps([(list(arguments), dict(environ)) for arguments, environ in calls])
    with started(told, on_terminal=True, program=[sys.executable, "-c", ONE_AFTER_ANOTHER]) as program:
        program.until(lambda: program.output.count("\0") == len(calls))
        assert program.ended() == 0
    return re.sub(DRAWN_AND_ERASED, "", program.output).split("\0")[:-1]


@contextlib.contextmanager
def started(
    *arguments: str | Path, on_terminal: bool = False, program: Sequence[str] = PROGRAM, **environ: str
) -> Iterator[Program]:
    """A running command; killed at the end of the test."""
    ours, theirs = pty.openpty() if on_terminal else os.pipe()
    source = theirs if on_terminal else subprocess.DEVNULL
    if on_terminal:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    process = subprocess.Popen(
        [*LIKE_A_SHELL, *(["--ctty"] if on_terminal else []), *program, *map(str, arguments)],
        stdin=source,
        stdout=theirs,
        stderr=theirs,
        env=environment(**environ),
    )
    os.close(theirs)
    try:
        yield Program(process, ours, ours if on_terminal else None)
    finally:
        for pid in {process.pid, *in_session(process.pid)}:  # its children too, which have groups of their own
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        os.close(ours)


def in_session(leader: int) -> list[int]:
    """The ids of a session's processes, without those that only fork others (``tests.starts``)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if int(stat.read_text().rpartition(")")[2].split()[3]) == leader:
                found.append(int(stat.parent.name))
    return [pid for pid in found if not only_forks(pid)]


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that its parent has not collected yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
