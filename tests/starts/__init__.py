"""``python -m extproc`` in a few milliseconds: forked from a process that has done its imports.

Tests start the program by the hundred, and nearly all that a start costs is its imports. ``install`` changes how
``subprocess`` starts it, whoever asks: a test, or our code within a test's process. What runs is a process like any
other, a child of the one that started it: it has a process id, a session, signals and an exit status of its own, and
ends as an interpreter ends. Where the imports could have come out otherwise, the program is started as ever: with
a module path that has something else for what was imported, or with another value of a variable that an import reads.

A forked program that starts others (a supervisor its workers) has such a process of its own, forked before it began.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from extproc.envoy_config import until_parent_ends
from tests.starts import in_loops

ROOT: Final = Path(__file__).parents[2]
LIKE_A_SHELL: Final = ("env", "--default-signal=HUP,INT,TERM", "setsid")
"""Starts a session, and heeds the signals that a background job and ``nohup`` ignore."""
REQUEST_BYTES_MAX: Final = 131_072
PROGRAM: Final = "extproc"
MODULES: Final = (PROGRAM, "extproc.ledger.shipping")
"""What is forked. The second one is what a server with a ledger starts; its libraries take half a second to import."""
_PYTHON_M: Final = (sys.executable, "-m")
_STARTING: Final = (["serve"], ["run"], ["up"], ["demo"])
_UNTIL_PARENT_ENDS: Final = (sys.executable, "-I", "-S", until_parent_ends.__file__)
_OF_THE_INTERPRETER: Final = ("GLIBC_", "LANG", "LC_", "LD_", "MALLOC_", "OPENBLAS_", "OPENSSL_", "PYTHON", "TZ")
"""How the variables begin that the interpreter and libraries in C read, when they start."""
STARTER_NAME: Final = b"starter"
"""The command, in ``/proc``, of a process that forks for a forked program."""
_HAS_ENDED: Final = "the process that forks, or the one that it forked, has ended; standard error says why"
_SET_CHILD_SUBREAPER: Final = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)


@dataclass(frozen=True, slots=True)
class Start:
    """What the new process is told, besides its environment and its files.

    ``parent``: at whose end it gets SIGTERM; 0: it is not asked. ``group``: its process group; -1: the parent's.
    """

    arguments: Sequence[str]
    parent: int = 0
    in_session: bool = False
    has_terminal: bool = False
    group: int = -1
    folder: str = ""
    module: str = PROGRAM

    @property
    def starts_others(self) -> bool:
        """Whether it may start the program itself: workers, or a processor next to Envoy."""
        return self.arguments[:1] in _STARTING and "--worker" not in self.arguments


def told(command: Sequence[Any]) -> Start | None:
    """What a command asks for; None: it is another program."""
    words, start = tuple(map(os.fspath, command)), Start(())
    if words[: len(LIKE_A_SHELL)] == LIKE_A_SHELL:
        words, start = words[len(LIKE_A_SHELL) :], replace(start, in_session=True)
        if words[:1] == ("--ctty",):
            words, start = words[1:], replace(start, has_terminal=True)
    elif words[: len(_UNTIL_PARENT_ENDS)] == _UNTIL_PARENT_ENDS:
        parent, *rest = words[len(_UNTIL_PARENT_ENDS) :]
        words, start = tuple(rest), replace(start, parent=int(parent))
    module, *arguments = words[len(_PYTHON_M) :] or [""]
    if words[: len(_PYTHON_M)] != _PYTHON_M or module not in MODULES:
        return None
    return replace(start, arguments=tuple(arguments), module=module)


@dataclass(frozen=True, slots=True)
class Imports:
    """What imports depend on: the variables that they read, and the packages that they looked for, found or not."""

    variables: Sequence[str]
    packages: Sequence[str]

    def depend_on(self, folder: str) -> bool:
        """Whether a folder on the module path has something that one of them looked for."""
        try:
            here = {name.partition(".")[0] for name in os.listdir(folder)}
        except OSError:
            return False
        return not here.isdisjoint(self.packages)


class Starter:
    """Asks the process that forks, and tells whether it may.

    Args:
        link: to that process.
        environ: in which it did its imports.
        imports: what those depend on.
    """

    def __init__(self, link: socket.socket, environ: Mapping[str, str], imports: Imports) -> None:
        self._one_at_a_time = threading.Lock()
        self._link = link
        self._environ = environ
        self.imports = imports

    def imports_the_same(self, environ: Mapping[str, str], folder: str) -> bool:
        """Whether a process with that environment, in that folder, would find and do what was imported."""
        here = Path(folder)
        is_elsewhere = here != ROOT and (here / "extproc").exists()
        return not is_elsewhere and self._of_imports(environ) == self._of_imports(self._environ)

    def _of_imports(self, environ: Mapping[str, str]) -> dict[str, Any]:
        known = {
            name: text
            for name, text in environ.items()
            if name in self.imports.variables or name.startswith(_OF_THE_INTERPRETER)
        }
        path = {str(ROOT), *entries(environ)}
        return known | {"PYTHONPATH": {folder for folder in path if self.imports.depend_on(folder)}}

    def start(self, start: Start, environ: Mapping[str, str], files: Mapping[int, int]) -> int:
        """Returns: the id of the process, which is a child of this one.

        Args: files: its open files, by the number that they have there.
        """
        request = {"start": asdict(start), "environ": dict(environ), "files": list(files)}
        prctl = ctypes.CDLL(None).prctl
        with self._one_at_a_time:
            prctl(_SET_CHILD_SUBREAPER, 1)  # the process between is gone when the answer comes: it is then ours
            try:
                socket.send_fds(self._link, [json.dumps(request).encode()], list(files.values()))
                number = self._link.recv(REQUEST_BYTES_MAX)
            finally:
                prctl(_SET_CHILD_SUBREAPER, 0)
        assert int(number or 0), _HAS_ENDED
        return int(number)

    def close(self) -> None:
        """The process that forks ends; what it has started goes on."""
        self._link.close()


class _StarterOfItsOwn(Starter):
    """The process was forked from this one before this one began; it has a group of its own."""

    def start(self, start: Start, environ: Mapping[str, str], files: Mapping[int, int]) -> int:
        """Likewise."""
        group = start.group if start.group >= 0 else os.getpgid(0)
        return super().start(replace(start, group=group), environ, files)


class _ProgramThatForks(Starter):
    """The process is an interpreter of its own."""

    def __init__(self) -> None:
        environ = dict(os.environ) | {"PYTHONPATH": os.pathsep.join([str(ROOT), *entries(os.environ)])}
        link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.starts.forking", str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, env=environ, cwd=ROOT, pass_fds=[theirs.fileno()]
            )
        answer = link.recv(REQUEST_BYTES_MAX)
        assert answer, _HAS_ENDED
        super().__init__(link, environ, Imports(**json.loads(answer)))

    def close(self) -> None:
        """Likewise."""
        super().close()
        self._process.wait()


def only_forks(pid: int) -> bool:
    """Whether a process does nothing but fork what another one starts."""
    try:
        return Path(f"/proc/{pid}/comm").read_bytes().strip() == STARTER_NAME
    except OSError:
        return False


def entries(environ: Mapping[str, str]) -> list[str]:
    """The module path that an environment adds."""
    named = environ.get("PYTHONPATH", "").split(os.pathsep)
    return list(dict.fromkeys(os.path.abspath(entry) for entry in named if entry))


_as_ever: Any = subprocess.Popen._execute_child  # type: ignore[attr-defined]
_real_starts = threading.local()
_made_once = threading.Lock()
_starters: list[Starter] = []


def starter() -> Starter:
    """The one of this process, made when it is first needed."""
    with _made_once:
        if not _starters:
            _starters.append(_ProgramThatForks())
        return _starters[0]


@contextmanager
def real_starts() -> Iterator[None]:
    """Within, this thread starts programs as ever: where a test is about the start itself."""
    before = getattr(_real_starts, "wanted", False)
    _real_starts.wanted = True
    try:
        yield
    finally:
        _real_starts.wanted = before


def _are_real() -> bool:
    return bool(getattr(_real_starts, "wanted", False))


def _execute_child(popen: Any, args: Any, executable: Any, *rest: Any) -> None:
    """``subprocess.Popen._execute_child``."""
    preexec_fn, _close_fds, pass_fds, folder, environ, _startupinfo, _flags, shell = rest[:8]
    pipes, session, group = rest[8:14], rest[19], rest[20]
    environ, folder = os.environ if environ is None else environ, str(folder or os.getcwd())
    start = None
    if not (shell or preexec_fn or executable or isinstance(args, str) or _are_real()):
        start = told(args)
    if start is None or not starter().imports_the_same(environ, folder):
        _as_ever(popen, args, executable, *rest)
        return
    start = replace(start, folder=folder, in_session=start.in_session or session, group=-1 if group is None else group)
    sources = zip((pipes[0], pipes[3], pipes[5]), range(3), strict=True)
    files = {number: number if source == -1 else source for source, number in sources}
    popen.pid = starter().start(start, environ, files | {each: each for each in pass_fds})
    popen._child_created = True
    popen._close_pipe_fds(*pipes)


def install() -> None:
    """From now on the program is forked; not where its coverage is measured, which begins with an interpreter."""
    if not any(name.startswith("COVERAGE_PROCESS") for name in os.environ):
        subprocess.Popen._execute_child = _execute_child  # type: ignore[attr-defined]
        in_loops.install(lambda command: told(command) is not None and not _are_real())


def install_in(link: socket.socket, imports: Imports) -> None:
    """The same in a program that was forked, for those that it starts. Args: as of ``Starter``."""
    _starters.append(_StarterOfItsOwn(link, dict(os.environ), imports))
    install()


def uninstall() -> None:
    """As ever again."""
    subprocess.Popen._execute_child = _as_ever  # type: ignore[attr-defined]
    in_loops.uninstall()
    while _starters:
        _starters.pop().close()
