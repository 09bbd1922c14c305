"""Everything of one installation, on free loopback ports: model servers, our processor, and a real Envoy.

A ``Stack`` begins with the demo's configuration, so that what is tested is what is shown; ``change`` edits it. Logs are
files in the stack's directory, and ``conftest`` prints their ends when a test fails.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest
from prometheus_client.parser import text_string_to_metric_families

from extproc.config.document import Document
from extproc.demo.envoy_process import EnvoyMissingError, EnvoyProcess, envoy_binary
from extproc.demo.model_server import ModelServer
from extproc.envoy_config.generate import bootstrap
from extproc.server.config_files import read_config

ROOT = Path(__file__).parents[2]
DEMO_CONFIG = ROOT / "extproc" / "demo" / "config.yaml"
LOG_TAIL_CHARS = 6_000

Value = TypeVar("Value")
Change = Callable[[dict[str, Any]], None]


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
    """The first true value of ``condition``.

    Raises: TimeoutError that says what was waited for, and the last value.
    """
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {timeout_s:g} s still not: {what} (last value {value!r})")
        time.sleep(0.01)
    return value


def free_ports(count: int) -> list[int]:
    """Different free loopback ports; all are held at once, so that none is given twice."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


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


# --- our processor -------------------------------------------------------------------------------------------------


class Processor:
    """``extproc serve`` as a process; ready when its readiness page says so."""

    def __init__(self, config: Path, metrics_address: str, log: Path) -> None:
        self.config = config
        self.log = log
        self._page = f"http://{metrics_address}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id. Raises: RuntimeError when it does not run."""
        return self._running().pid

    def start(self, timeout_s: float = 15.0) -> None:
        """Starts it and waits until it is ready. Raises: TimeoutError or RuntimeError with the end of its log."""
        command = [sys.executable, "-m", "extproc", "serve", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(self._ready_or_ended, "the processor is ready", timeout_s)
        except TimeoutError as error:
            self.kill()
            raise TimeoutError(f"{error}\n{tail(self.log)}") from None

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self._running().send_signal(number)

    def wait(self, timeout_s: float = 15.0) -> int:
        """Waits for its end. Returns: the exit code."""
        return self._running().wait(timeout_s)

    def stop(self, timeout_s: float = 15.0) -> int | None:
        """Asks it to end (SIGTERM) and waits; kills it when it does not.

        Returns: the exit code; None: it did not run.
        """
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
        """Ends it at once, without a chance to finish anything."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def page(self, path: str) -> str:
        """Text of a page of its metrics server. Raises: OSError, also for an error status."""
        with urllib.request.urlopen(self._page + path, timeout=5) as answer:
            return str(answer.read().decode())

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the processor does not run")
        return self._process

    def _ready_or_ended(self) -> bool:
        code = self._running().poll()
        if code is not None:
            raise RuntimeError(f"the processor ended with code {code}:\n{tail(self.log)}")
        try:
            self.page("/readyz")
        except OSError:
            return False
        return True


# --- the whole -----------------------------------------------------------------------------------------------------


class Stack:
    """Model servers, processor and Envoy; a context manager that starts them in that order and ends them.

    Args:
        directory: for configurations and logs; it must exist.
        models: model servers by the name of the version of ``tiny-chat`` that they serve; not started yet.
        change: edits the configuration (plain data) before it is written.
        change_envoy: edits Envoy's bootstrap configuration.
        with_processor: False leaves the socket to the test, to be without a processor or to bring its own.
    """

    def __init__(
        self,
        directory: Path,
        *,
        models: Mapping[str, ModelServer] | None = None,
        change: Change | None = None,
        change_envoy: Change | None = None,
        with_processor: bool = True,
    ) -> None:
        self.models = dict(models or {name: ModelServer(name, speed=0) for name in ("v1", "v2")})
        self._directory = directory
        self._change = change
        self._change_envoy = change_envoy
        self._with_processor = with_processor
        # Apart, since the path of a socket may have 107 bytes and pytest's directories are long.
        self._sockets = Path(tempfile.mkdtemp(prefix="llm-"))
        self.socket = self._sockets / "extproc.sock"
        self._listen, self._admin, self._metrics = free_ports(3)
        self.config = directory / "llm-extproc.json"
        self.processor = Processor(self.config, f"127.0.0.1:{self._metrics}", directory / "processor.log")
        self.envoy: EnvoyProcess

    @property
    def base_url(self) -> str:
        """Where clients connect, without a path."""
        return f"http://127.0.0.1:{self._listen}"

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            undo.callback(self._end)
            for model in self.models.values():
                undo.enter_context(model)
            document = self.write_config(self._change)
            configuration = bootstrap(document)
            if self._change_envoy is not None:
                self._change_envoy(configuration)
            self.envoy = EnvoyProcess(configuration, self._directory)
            if self._with_processor:
                self.processor.start()
            undo.enter_context(self.envoy)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def write_config(self, change: Change | None) -> Document:
        """Writes the configuration, in one step as an editor or a ConfigMap does; for a running processor: a reload.

        Returns: the document as it is read back.
        """
        data = read_config(DEMO_CONFIG).loaded.document.model_dump(mode="json", exclude_unset=True)
        data["server"] = {"listen": f"unix:{self.socket}", "metrics": f"127.0.0.1:{self._metrics}"}
        data["envoy"] = {"listen": f"127.0.0.1:{self._listen}", "admin": f"127.0.0.1:{self._admin}"}
        for name, version in data["models"]["tiny-chat"]["versions"].items():
            version["endpoints"] = [f"127.0.0.1:{self.models[name].port}"]
            if "prompt" in version:
                version["prompt"]["file"] = str(DEMO_CONFIG.parent / version["prompt"]["file"])
        if change is not None:
            change(data)
        written = self.config.with_suffix(".new")
        written.write_text(json.dumps(data, indent=1))  # JSON is YAML in which nothing is read as something else
        os.replace(written, self.config)
        return read_config(self.config).loaded.document

    def curl(self, path: str, *options: str, body: Any = None, timeout_s: float = 10.0) -> Answer:
        """One request through Envoy by curl; a ``body`` that is not bytes is sent as JSON."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        return curl(self.base_url + path, *options, body=content, timeout_s=timeout_s)

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of that name whose labels include ``labels``; 0 without any."""
        families = text_string_to_metric_families(self.processor.page("/metrics"))
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def logs(self) -> dict[str, str]:
        """The ends of all logs, by the name of the file."""
        return {file.name: tail(file) for file in sorted(self._directory.glob("*.log"))}

    def _end(self) -> None:
        self.processor.kill()
        shutil.rmtree(self._sockets, ignore_errors=True)


def tail(log: Path) -> str:
    """The end of a log; empty when there is none."""
    return log.read_text(errors="replace")[-LOG_TAIL_CHARS:] if log.exists() else ""
