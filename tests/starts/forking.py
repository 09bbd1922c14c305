"""The process that has done what each start of ``extproc`` does, and forks: it has one thread, and keeps nothing."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib
import io
import json
import os
import runpy
import signal
import socket
import sys
import tempfile
import termios
import threading
import wsgiref.handlers  # it copies the whole environment when it is imported; each process renews that
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from tests.starts import (
    LIKE_A_SHELL,
    MODULES,
    PROGRAM,
    REQUEST_BYTES_MAX,
    STARTER_NAME,
    Imports,
    Start,
    entries,
    install_in,
)

_FDS_MAX = 16
_ABOVE_ALL = 512
"""Descriptors are moved there before they get their numbers, so that none overwrites another."""
_SET_PARENT_DEATH_SIGNAL, _SET_NAME = 1, 15  # PR_SET_PDEATHSIG, PR_SET_NAME of prctl(2)
_BESIDES = (*MODULES[1:], "extproc.sinks.review.store", "sqlalchemy.dialects.sqlite")
"""What commands import only when they run. What reads how a terminal is (``typer.rich_utils``), and gRPC, are not."""


class _Noted(dict[Any, Any]):
    """The variables of ``os.environ``, and which of them were asked for."""

    def __init__(self, data: dict[Any, Any]) -> None:
        super().__init__(data)
        self.names: set[str] = set()

    def __getitem__(self, name: Any) -> Any:
        self.names.add(os.fsdecode(name))
        return super().__getitem__(name)


class _Unfound:
    """The last finder of modules: notes what no other one has found."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def find_spec(self, name: str, *_: object) -> None:
        self.names.add(name)


def import_all() -> Imports:
    """Import what commands import, and compile what they compile. Returns: what that depends on."""
    environ: Any = os.environ
    data = environ._data
    environ._data = noted = _Noted(data)
    unfound: Any = _Unfound()
    sys.meta_path.append(unfound)
    try:
        from extproc.cli import COMMANDS, command

        for name in COMMANDS:
            command(name)
        for module in _BESIDES:
            importlib.import_module(module)
        if environ.get("OPENBLAS_NUM_THREADS") == "1":  # else numpy starts threads, of which a fork has none
            _compile_most()
    finally:
        environ._data = data
        sys.meta_path.remove(unfound)
    assert noted == data, "an import sets a variable, which the processes would lack"
    assert tempfile.tempdir is None, "an import looks for the temporary folder, which processes have elsewhere"
    packages = {name.partition(".")[0] for name in {*sys.modules, *unfound.names}}
    return Imports(sorted(noted.names), sorted(packages))


def _compile_most() -> None:
    """Compile what nearly every command compiles, and what it keeps: the schema, and detectors that guards share."""
    from extproc.cli.init import starting_configuration
    from extproc.config.load import parse_document
    from extproc.exchange.snapshot import compile_snapshot

    compile_snapshot(parse_document(starting_configuration("some-model", "127.0.0.1:8000"), "config.yaml"), {})


def next_start(link: socket.socket) -> tuple[dict[str, Any], list[int], int]:
    """Fork at each request, and answer when the new process has become what it is to be, as ``subprocess`` does.

    It ends where nobody asks any more.

    Returns: in the new process, the request, its open files, and where it says that.
    """
    while True:
        request, fds, _, _ = socket.recv_fds(link, REQUEST_BYTES_MAX, _FDS_MAX)
        if not request:
            os._exit(0)
        assert len(os.listdir("/proc/self/task")) == 1, "another thread may hold a lock, which a fork never gets"
        number, tell_number = os.pipe()
        adopted, tell_adopted = os.pipe()
        if (between := os.fork()) == 0:
            if os.fork():  # an orphan at once: the process that asks adopts it
                os._exit(0)
            os.close(tell_adopted)
            os.read(adopted, 1)  # until no other process has the pipe's other end
            return json.loads(request), fds, tell_number
        os.waitpid(between, 0)
        for fd in (tell_number, tell_adopted):
            os.close(fd)
        link.send(os.read(number, 32) or b"0")
        for fd in (number, adopted, *fds):
            os.close(fd)


def starter_of_its_own() -> socket.socket | tuple[dict[str, Any], list[int], int]:
    """A process that forks what this one will start, while this one has not begun.

    It is in the session of this one, in a group of its own: no signal to this one is for it.
    Returns: the link to it; in the processes that it forks what ``next_start`` returns.
    """
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours, theirs = (fcntl.fcntl(end.fileno(), fcntl.F_DUPFD_CLOEXEC, _ABOVE_ALL) for end in pair)
    for end in pair:
        end.close()
    if os.fork():
        os.close(theirs)
        return socket.socket(fileno=ours)
    os.setpgid(0, 0)
    name, prctl = Path("/proc/self/comm").read_bytes().strip(), ctypes.CDLL(None).prctl
    prctl(_SET_NAME, STARTER_NAME)
    with socket.socket(fileno=theirs) as link:
        for fd in map(int, os.listdir("/proc/self/fd")):
            if fd != theirs:
                with contextlib.suppress(OSError):  # that of the listing is closed
                    os.close(fd)
        start = next_start(link)
    prctl(_SET_NAME, name)
    return start


def become(start: Start, environ: dict[str, str], files: dict[int, int], base_path: list[str]) -> None:
    """Make of this process what a start makes of one. Args: files: what is open, by its number there."""
    if start.in_session:
        os.setsid()
    elif start.group >= 0:
        os.setpgid(0, start.group)
    moved = {number: fcntl.fcntl(fd, fcntl.F_DUPFD, _ABOVE_ALL) for number, fd in files.items()}
    os.closerange(0, _ABOVE_ALL)
    for number, fd in moved.items():
        os.dup2(fd, number)
        os.close(fd)
    if start.has_terminal:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update(environ)
    wsgiref.handlers.BaseHandler.os_environ = wsgiref.handlers.read_environ()
    sys.path[:] = [start.folder, *entries(environ), *base_path]
    sys.orig_argv[:] = [sys.executable, "-m", start.module, *start.arguments]
    sys.argv[:] = ["-m", *start.arguments]
    sys.stdin = sys.__stdin__ = _stream(0, sys.stdin)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, sys.stdout)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, sys.stderr)  # type: ignore[misc]
    if start.parent:
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() != start.parent:  # it died before
            raise SystemExit


def _stream(fd: int, like: Any) -> io.TextIOWrapper:
    """As the interpreter opens it: what it does at once depends on the file, the rest on the environment."""
    is_written = fd > 0
    is_unbuffered = is_written and like.write_through
    opened: Any = open(fd, "wb" if is_written else "rb", 0 if is_unbuffered else -1, closefd=False)  # noqa: SIM115
    (opened if is_unbuffered else opened.raw).name = like.name
    by_line = not is_unbuffered and (os.isatty(fd) or fd == 2)
    return io.TextIOWrapper(
        opened, like.encoding, like.errors, "\n", line_buffering=by_line, write_through=is_unbuffered
    )


def main(link_fd: int) -> NoReturn:
    """Import, tell what was read, fork; in the new process, do what ``python -m extproc`` does."""
    of_sigint = signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asks is the one to end us
    known = entries(os.environ)
    base_path = [entry for entry in sys.path[1:] if entry not in known]
    with socket.socket(fileno=link_fd) as link:
        imports = import_all()
        gc.collect()
        gc.freeze()  # what is shared with the new processes is not written to
        link.send(json.dumps(asdict(imports)).encode())
        request, fds, tell_number = next_start(link)
    signal.signal(signal.SIGINT, of_sigint)
    while True:
        start = Start(**request["start"])
        if start.in_session:
            for name in LIKE_A_SHELL[1].partition("=")[2].split(","):
                signal.signal(signal.Signals[f"SIG{name}"], signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
        ready = fcntl.fcntl(tell_number, fcntl.F_DUPFD, _ABOVE_ALL)
        become(start, request["environ"], dict(zip(request["files"], fds, strict=True)), base_path)
        if not start.starts_others:
            break
        starter = starter_of_its_own()
        if isinstance(starter, socket.socket):
            install_in(starter, imports)
            break
        request, fds, tell_number = starter
    os.write(ready, str(os.getpid()).encode())
    os.close(ready)
    try:
        if start.module != PROGRAM:
            del sys.modules[start.module]  # else runpy warns
            ctypes.CDLL(None).prctl(_SET_NAME, start.module.removeprefix(f"{PROGRAM}.").encode())
        runpy._run_module_as_main(start.module)  # type: ignore[attr-defined]
    except SystemExit as ended:
        if isinstance(ended.code, int):
            _end(ended.code)
        raise
    raise SystemExit


def _end(code: int) -> None:
    """End as an interpreter does, but for freeing its memory piece by piece, which would copy what is shared."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError):  # what cannot be written is the interpreter's to tell
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code & 0xFF)


if __name__ == "__main__":
    main(int(sys.argv[1]))
