"""Everything of one installation, on free loopback ports: model servers, our processor, and a real Envoy.

A ``Stack`` begins with the demo's configuration, so that what is tested is what is shown; ``change`` edits it. Logs are
files in the stack's directory, and ``conftest`` prints their ends when a test fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from extproc.config.document import Document
from extproc.demo.installation import Change, Installation
from extproc.demo.model_server import ModelServer
from extproc.envoy_config.envoy_process import EnvoyMissingError, envoy_binary
from extproc.envoy_config.start_time import TimeLimit, load_told
from extproc.server.sockets.free_ports import free_ports

__all__ = ["RELOAD_S_MAX", "Answer", "Stack", "curl", "free_ports", "require_envoy", "wait_until"]

LOG_TAIL_CHARS = 6_000
RELOAD_S_MAX = 2.0
RELOAD_INTERVAL_MS = 100
LOOK_S_MIN, LOOK_S_MAX = 0.01, 0.05

Value = TypeVar("Value")


def require_envoy() -> None:
    """Skips where the demo's extra is not installed; in CI it must be."""
    try:
        envoy_binary()
    except EnvoyMissingError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


# --- waiting -------------------------------------------------------------------------------------------------------


def wait_until(condition: Callable[[], Value], what: str, timeout_s: float = 10.0) -> Value:
    """The first true value of ``condition``, which is looked at ever less often; a busy machine gets more than
    ``timeout_s``.

    Raises: TimeoutError that says what was waited for, and the last value.
    """
    limit, pause_s = TimeLimit(timeout_s), LOOK_S_MIN
    while not (value := condition()):
        if limit.is_over():
            raise TimeoutError(f"after {limit.waited_s:.0f} s still not: {what} (last value {value!r}){load_told()}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.2, LOOK_S_MAX)
    return value


# --- clients -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What curl saw.

    ``exit_code`` 0: a complete answer; 18 and 92: cut short (HTTP/1.1, HTTP/2); 28: curl's own time limit. Header names
    are in lower case; ``seconds`` is the whole time.
    """

    exit_code: int
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def curl(url: str, *options: str, body: bytes | None = None, timeout_s: float = 10.0) -> Answer:
    """One request by curl; ``options`` are curl's own. A ``body`` makes it a POST of JSON."""
    command = ["curl", "-sS", "--no-buffer", "--max-time", f"{timeout_s:g}", "-D", "-", "-o", "-", *options]
    if body is not None:
        command += ["-H", "content-type: application/json", "--data-binary", "@-"]
    start = time.monotonic()
    result = subprocess.run([*command, url], input=body, capture_output=True, check=False)
    heads, content = _split_heads(result.stdout)
    status, headers = _read_head(heads[-1]) if heads else (0, {})
    return Answer(result.returncode, status, headers, content, time.monotonic() - start)


def _split_heads(output: bytes) -> tuple[list[str], bytes]:
    """Heads of the answer (a ``100 Continue`` is one too), and the body."""
    heads = []
    while output.startswith(b"HTTP/"):
        head, _, output = output.partition(b"\r\n\r\n")
        heads.append(head.decode("latin-1"))
    return heads, output


def _read_head(head: str) -> tuple[int, dict[str, str]]:
    first, *lines = head.split("\r\n")
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return int(first.split()[1]), {name.strip().lower(): value.strip() for name, value in pairs}


# --- the whole -----------------------------------------------------------------------------------------------------


class Stack(Installation):
    """The demo's installation for tests: model servers answer at once; ``directory`` keeps its logs.

    ``as_shown``: with the routes and the fallback of the demo.
    """

    def __init__(
        self,
        directory: Path,
        *,
        models: Mapping[str, ModelServer] | None = None,
        change: Change | None = None,
        change_envoy: Change | None = None,
        with_processor: bool = True,
        as_shown: bool = False,
    ) -> None:
        self._as_shown = as_shown
        quick = {name: ModelServer(name, speed=0) for name in ("v1", "v2")}
        super().__init__(
            directory,
            quick if models is None else models,
            change=change,
            change_envoy=change_envoy,
            with_processor=with_processor,
        )

    def write_config(self, change: Change | None) -> Document:
        """Likewise, with what most tests want: no routes, no fallback, a quick look at files that change, and who has
        no team may pin a version.
        """

        def pinned(data: dict[str, Any]) -> None:
            data["server"]["reload_interval_ms"] = RELOAD_INTERVAL_MS
            if not self._as_shown:
                del data["routes"], data["route_tests"], data["models"]["tiny-chat"]["fallback"]
            for model in data["models"].values():
                if "pin_header" in model:
                    model["pin_teams"] = [*model["pin_teams"], "unknown"]
            if change is not None:
                change(data)

        return super().write_config(pinned)

    def curl(self, path: str, *options: str, body: Any = None, timeout_s: float = 10.0) -> Answer:
        """One request through Envoy by curl; a ``body`` that is not bytes is sent as JSON."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        return curl(self.base_url + path, *options, body=content, timeout_s=timeout_s)

    def revision(self) -> str:
        """The configuration in force."""
        return str(json.loads(self.processor.page("/readyz"))["revision"])

    def reloaded(self, write: Callable[[], object]) -> None:
        """Writes something, and waits until it is in force. Raises: TimeoutError after two seconds."""
        before = self.revision()
        write()
        wait_until(lambda: self.revision() != before, "the new configuration is in force", RELOAD_S_MAX)

    def logs(self) -> dict[str, str]:
        """The ends of all logs, by the name of the file."""
        return {file.name: tail(file) for file in sorted(self.directory.glob("*.log"))}


def tail(log: Path) -> str:
    """The end of a log; empty when there is none."""
    return log.read_text(errors="replace")[-LOG_TAIL_CHARS:] if log.exists() else ""
