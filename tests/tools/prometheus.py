"""A real Prometheus for tests, and its promtool: started on a port of loopback, ended with the test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from extproc.server.sockets.free_ports import free_ports
from tests.hangs import HANG_S

SCRAPE_INTERVAL_S: Final = 0.25
_POLL_S: Final = 0.05
_PACKAGE: Final = "prometheus"


def program(name: str) -> str:
    """``prometheus`` or ``promtool``; without it the test is skipped, but never in CI."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI"):
            raise FileNotFoundError(f"CI has no {name}: see `missing` in .ci/run")
        pytest.skip(f"no {name} is installed (on Debian: apt install {_PACKAGE})")
    return found


def promtool(*arguments: str | Path, page: str = "") -> tuple[int, str]:
    """Its exit code and all that it prints. Args: page: what it reads."""
    command = [program("promtool"), *map(str, arguments)]
    ran = subprocess.run(command, input=page, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


class Prometheus:
    """One that reads a page of metrics, and follows rules.

    Args:
        folder: for its configuration, data and log.
        target: HOST:PORT of the page.
        rules: files of rules.
    """

    def __init__(self, folder: Path, target: str, rules: Sequence[Path] = ()) -> None:
        (port,) = free_ports(1)
        self._url = f"http://127.0.0.1:{port}"
        self._folder = folder
        config = {
            "global": {
                "scrape_interval": f"{SCRAPE_INTERVAL_S * 1000:g}ms",
                "scrape_timeout": f"{SCRAPE_INTERVAL_S * 1000:g}ms",
                "evaluation_interval": "1s",
            },
            "rule_files": [str(file) for file in rules],
            "scrape_configs": [{"job_name": "llm-extproc", "static_configs": [{"targets": [target]}]}],
        }
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(config))
        self._command = [
            program("prometheus"),
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = self._folder / "prometheus.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=output)
        ends_s = time.monotonic() + HANG_S
        while time.monotonic() < ends_s:
            try:
                with urllib.request.urlopen(f"{self._url}/-/ready", timeout=HANG_S):
                    return
            except (urllib.error.URLError, ConnectionError):
                assert self._process.poll() is None, log.read_text()
                time.sleep(_POLL_S)
        raise TimeoutError(f"prometheus is not ready: {log.read_text()}")

    def kill(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series of an expression now, each with ``metric`` and ``value``. Raises: ValueError with its error."""
        found = self._asked("query", query=expr)["result"]
        return [{"metric": {}, "value": found}] if found and not isinstance(found[0], dict) else found

    def query_range(self, expr: str, start_s: float, end_s: float, step_s: float) -> list[dict[str, Any]]:
        """The series of an expression over time, each with ``metric`` and ``values``."""
        told: list[dict[str, Any]] = self._asked(
            "query_range", query=expr, start=f"{start_s:.3f}", end=f"{end_s:.3f}", step=f"{step_s:g}"
        )["result"]
        return told

    def rules(self) -> list[dict[str, Any]]:
        """All rules with ``health`` and ``lastError``."""
        return [rule for group in self._asked("rules")["groups"] for rule in group["rules"]]

    def _asked(self, what: str, **parameters: str) -> Any:
        url = f"{self._url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=HANG_S) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(f"{json.load(error)['error']} in: {parameters.get('query', what)}") from error


@contextmanager
def prometheus(folder: Path, target: str, rules: Sequence[Path] = ()) -> Iterator[Prometheus]:
    """One that runs."""
    server = Prometheus(folder, target, rules)
    try:
        server.start()
        yield server
    finally:
        server.kill()
