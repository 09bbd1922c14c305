"""What ``extproc health`` says of a processor, mostly by its exit code."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extproc.cli import _app as app
from tests.quiet_server import QuietServer
from tests.unit.config.conftest import MINIMAL


class Pages(http.server.BaseHTTPRequestHandler):
    """Pages with these states."""

    def __init__(self, states: dict[str, int], *arguments: object) -> None:
        self.states = states
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(self.states[self.path])
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def states() -> dict[str, int]:
    """Of a processor that runs, to be changed."""
    return {"/readyz": 200, "/livez": 200}


@pytest.fixture
def url(states: dict[str, int]) -> Iterator[str]:
    """Of its pages."""
    with QuietServer(("127.0.0.1", 0), partial(Pages, states)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def health(*arguments: str) -> tuple[int, str]:
    """The exit code, and what is said."""
    found = CliRunner().invoke(app, ["health", *arguments])
    return found.exit_code, found.output.strip()


def test_a_processor_that_is_ready(url: str, tmp_path: Path) -> None:
    """By its address, with a slash or not, and by its configuration."""
    config = tmp_path / "config.yaml"
    config.write_text(f"{MINIMAL}server: {{ metrics: '{url.removeprefix('http://')}' }}\n")
    assert health("--url", url) == health("--url", f"{url}/") == health("-c", str(config)) == (0, "ready")


def test_one_that_is_not_ready_may_be_alive(url: str, states: dict[str, int]) -> None:
    """While it drains, or has no configuration yet."""
    states["/readyz"] = 503
    assert health("--url", url) == (1, f"{url}/readyz says 503: it is not ready")
    assert health("--url", url, "--live") == (0, "alive")


def test_it_is_json(url: str, states: dict[str, int]) -> None:
    """Of the documented shape."""
    found = json.loads(health("--url", url, "--json")[1])
    assert found == {"page": f"{url}/readyz", "ok": True, "problem": None}
    states["/readyz"] = 503
    code, said = health("--url", url, "--json")
    assert (code, json.loads(said)["problem"]) == (1, "says 503: it is not ready")


def test_one_that_is_not_there() -> None:
    """With the reason."""
    code, said = health("--url", "http://127.0.0.1:1", "--timeout", "0.5")
    assert code == 1
    assert said.startswith("http://127.0.0.1:1/readyz does not answer (")


def test_it_imports_little() -> None:
    """A probe may run it each second: no library of tables, of databases or of arrays."""
    program = "import sys, extproc.cli.health; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"rich", "sqlalchemy", "numpy", "grpc", "pydantic"} & set(found)
