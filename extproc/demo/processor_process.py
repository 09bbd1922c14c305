"""Our processor as a child process: ``extproc serve`` on a configuration file, started until ready."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from extproc.envoy_config.deferred_signals import OWN_GROUP, ended_with_us, signals_deferred
from extproc.envoy_config.start_time import TimeLimit, load_told

_POLL_S: Final = 0.01
_LOG_TAIL_CHARS: Final = 4_000


class ProcessorFailedError(RuntimeError):
    """The processor exited, or did not become ready; the message contains the end of its log."""


class ProcessorNotReadyError(ProcessorFailedError):
    """It took too long, and may have been about to become ready."""


class ProcessorProcess:
    """One ``extproc serve``; a context manager that starts it, waits until it is ready, and stops it.

    Args:
        config: the configuration file.
        metrics_address: HOST:PORT of its pages, as configured.
        log: file to which its output is appended.

    Attributes:
        environment: what it gets more of than this process has, from its next start on.
    """

    def __init__(self, config: Path, metrics_address: str, log: Path) -> None:
        self.config = config
        self.log = log
        self.environment: Mapping[str, str] = {}
        self._page = f"http://{metrics_address}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id. Raises: ProcessorFailedError if it is not running."""
        return self._running().pid

    def start(self, ready_s_max: float = 20.0) -> None:
        """Start it and wait until it is ready, for longer on a busy machine. Raises: ProcessorFailedError."""
        command = ended_with_us([sys.executable, "-m", "extproc", "serve", "--config", str(self.config)])
        try:
            with self.log.open("ab") as log, signals_deferred():
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=os.environ | dict(self.environment),
                    process_group=OWN_GROUP,
                )
            self._wait_until_ready(ready_s_max)
        except BaseException:  # also SystemExit, which a signal raises
            self.kill()
            raise

    def _wait_until_ready(self, ready_s_max: float) -> None:
        limit = TimeLimit(ready_s_max)
        while not self._is_ready():
            if (code := self._running().poll()) is not None:
                raise ProcessorFailedError(f"the processor ended with code {code}:\n{self.log_tail()}")
            if limit.is_over():
                waited = f"the processor was not ready after {limit.waited_s:.0f} s{load_told()}"
                raise ProcessorNotReadyError(f"{waited}:\n{self.log_tail()}")
            time.sleep(_POLL_S)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._running().send_signal(number)

    def wait(self, timeout_s: float = 15.0) -> int:
        """Wait until it exits. Returns: the exit code. Raises: subprocess.TimeoutExpired."""
        return self._running().wait(timeout_s)

    def stop(self, timeout_s: float = 15.0) -> int | None:
        """Send SIGTERM and wait; kill it after a timeout. Returns: the exit code; None: it was not running."""
        process = self._process
        if process is None:
            return None
        process.terminate()
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        finally:
            self._process = None

    def kill(self) -> None:
        """Kill it, without a chance to finish anything."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def page(self, path: str) -> str:
        """Text of one of its pages. Raises: OSError, also for an error status."""
        with urllib.request.urlopen(self._page + path, timeout=5) as answer:
            return str(answer.read().decode())

    def log_tail(self) -> str:
        """The end of its log; empty if there is none."""
        return self.log.read_text(errors="replace")[-_LOG_TAIL_CHARS:] if self.log.exists() else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ProcessorFailedError("the processor does not run")
        return self._process

    def _is_ready(self) -> bool:
        try:
            self.page("/readyz")
        except OSError:
            return False
        return True
