"""Supervises one Envoy and one processor: starts them in order, restarts what dies, and drains both.

The processor writes the files that Envoy watches (``envoy_config.follower``), so it starts first and ends last.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from extproc.config.document import Document
from extproc.envoy_config.dynamic import BOOTSTRAP
from extproc.envoy_config.envoy_admin import EnvoyAdmin
from extproc.launch.child import Child, TakeLine
from extproc.launch.envoy_binary import EnvoyBinary

READY_S_MAX: Final = 60.0
"""How long a process may take until it is ready; classifiers may have to be loaded."""
STOP_S_MAX: Final = 5.0
RESTARTS_MAX: Final = 5
"""So many restarts without a stretch of ``STABLE_S`` between them, and the supervisor gives up."""
STABLE_S: Final = 60.0
_PAUSE_S: Final = 1.0
_POLL_S: Final = 0.05
_ENVOY_LOGS: Final = ("-l", "warning", "--component-log-level", "main:error", "--file-flush-interval-msec", "100")
"""Without a warning at its end; access log lines come soon, not after Envoy's 10 s."""
_ACTIVE_REQUESTS: Final = "/stats?filter=%5Ehttp%5C.llm%5C.downstream_rq_active%24"


class ChildFailed(Exception):
    """A process does not start, or does not stay up. ``code``: its exit code, if it has ended."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class Teller(Protocol):
    """Tells a person, or a log, what happens."""

    def ready(self, document: Document, envoy: EnvoyBinary) -> None:
        """Both serve."""
        ...

    def event(self, text: str, **fields: Any) -> None:
        """Something else."""
        ...


@dataclass(frozen=True, slots=True)
class Launch:
    """What is started.

    Attributes:
        file: the configuration.
        folder: for the files of Envoy; must exist.
        envoy_arguments: of Envoy, besides those that are needed.
    """

    file: Path
    document: Document
    folder: Path
    envoy: EnvoyBinary
    envoy_arguments: tuple[str, ...] = ()


class Supervisor:
    """Runs one launch until it is told to end.

    Args:
        access_line: takes each line of Envoy's access log.
        after_start: called once when both serve, in a thread.
        has_terminal: SIGHUP says that the terminal is gone, so that all ends; else it goes to the processor.
    """

    def __init__(
        self,
        launch: Launch,
        teller: Teller,
        access_line: TakeLine,
        after_start: Callable[[], None] = lambda: None,
        *,
        has_terminal: bool = False,
    ) -> None:
        self._launch = launch
        self._teller = teller
        self._after_start = after_start
        self._has_terminal = has_terminal
        self._admin = EnvoyAdmin(launch.document.envoy.admin)
        folder = str(launch.folder)
        serve = ("serve", "--config", str(launch.file), "--envoy-folder", folder)
        self._processor = Child("processor", (sys.executable, "-m", "extproc", *serve))
        options = ("--disable-hot-restart", *_ENVOY_LOGS, *launch.envoy_arguments)
        command = (str(launch.envoy.path), "-c", str(launch.folder / BOOTSTRAP), *options)
        self._envoy = Child("Envoy", command, access_line, _to_stderr)
        self._restarts: list[float] = []
        self._ending = asyncio.Event()
        self._hurry = asyncio.Event()

    async def run(self) -> None:
        """Start, supervise, and drain when told. Raises: ChildFailed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.end)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        try:
            await self._start(self._processor, self._processor_ready)
            await self._start(self._envoy, self._envoy_ready)
            if not self._ending.is_set():
                self._teller.ready(self._launch.document, self._launch.envoy)
                told = asyncio.ensure_future(asyncio.to_thread(self._after_start))
                await self._supervise()
                told.cancel()
            await self._drain()
        finally:
            await self._envoy.stop(STOP_S_MAX)
            await self._processor.stop(STOP_S_MAX)

    def end(self) -> None:
        """Drain; called again, end at once."""
        (self._hurry if self._ending.is_set() else self._ending).set()

    def _hang_up(self) -> None:
        if self._has_terminal:
            self.end()
        else:
            self._processor.signal(signal.SIGHUP)

    # --- start -----------------------------------------------------------------------------------------------------

    async def _start(self, child: Child, ready: Callable[[], bool]) -> None:
        """Start a process and wait until it is ready, or all is to end. Raises: ChildFailed."""
        if self._ending.is_set():
            return
        await child.start()
        deadline_s = time.monotonic() + READY_S_MAX
        while not self._ending.is_set() and not await asyncio.to_thread(ready):
            if child.ended.done():
                code = child.ended.result()
                raise ChildFailed(f"{child.name} ended with code {code}. {child.error_tail}".rstrip(), code)
            if time.monotonic() > deadline_s:
                raise ChildFailed(f"{child.name} was not ready within {READY_S_MAX:g} s. {child.error_tail}".rstrip())
            await asyncio.sleep(_POLL_S)

    def _processor_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self._launch.document.server.metrics}/readyz", timeout=2) as page:
                return bool(page.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def _envoy_ready(self) -> bool:
        try:
            return self._admin.accepts_clients()
        except OSError:
            return False

    # --- while it runs ---------------------------------------------------------------------------------------------

    async def _supervise(self) -> None:
        """Until all is to end. Raises: ChildFailed, if restarts do not help."""
        ending = asyncio.ensure_future(self._ending.wait())
        while not ending.done():
            await asyncio.wait((ending, self._processor.ended, self._envoy.ended), return_when="FIRST_COMPLETED")
            for child, ready in ((self._processor, self._processor_ready), (self._envoy, self._envoy_ready)):
                if child.ended.done() and not ending.done():
                    await self._restart(child, ready)

    async def _restart(self, child: Child, ready: Callable[[], bool]) -> None:
        """Raises: ChildFailed."""
        code, now_s = child.ended.result(), time.monotonic()
        self._restarts = [*(at_s for at_s in self._restarts if now_s - at_s < STABLE_S), now_s]
        if len(self._restarts) > RESTARTS_MAX:
            raise ChildFailed(f"{child.name} ended with code {code} again. {child.error_tail}".rstrip(), code)
        self._teller.event(f"{child.name} died, restarting", code=code)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), _PAUSE_S * (len(self._restarts) - 1))
        await self._start(child, ready)

    # --- the end ---------------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Accept no more clients, and let running requests end."""
        if not self._envoy.is_running:
            return
        self._teller.event("draining; again: at once")
        await asyncio.to_thread(self._close_listeners)
        deadline_s = time.monotonic() + self._launch.document.server.drain_ms_max / 1_000
        while time.monotonic() < deadline_s and not self._hurry.is_set() and self._envoy.is_running:
            if not await asyncio.to_thread(self._requests_run):
                return
            await asyncio.sleep(_POLL_S)

    def _close_listeners(self) -> None:
        with contextlib.suppress(OSError):
            self._admin.order("/drain_listeners?graceful&skip_exit")  # connections end after their request
            self._admin.order("/drain_listeners")

    def _requests_run(self) -> bool:
        try:
            return not self._admin.page(_ACTIVE_REQUESTS).strip().endswith(": 0")
        except OSError:
            return False


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
