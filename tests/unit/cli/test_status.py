"""``extproc status``: a running processor's pages, in words, as JSON, and what is said where there is none."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from extproc.cli.shapes import SHAPES
from extproc.cli.status import Earlier, show, status_of
from tests.docs.json_shapes import keys_of
from tests.quiet_server import QuietServer
from tests.unit.cli.programs import ESCAPE, started
from tests.unit.cli.shape_check import paths_of
from tests.unit.config.conftest import MINIMAL

READY: dict[str, Any] = {
    "ready": True,
    "draining": False,
    "wait_ms": 1,
    "revision": "abc123",
    "config_error": "",
    "prompt_store_error": "",
    "ledger_error": "",
    "restart_needed": [],
    "envoy_stale": [],
}
METRICS = """\
# TYPE llm_requests_total counter
llm_requests_total{endpoint="chat",model="m",outcome="completed",project="a",streamed="true",team="x",version="v1"} 40
llm_requests_total{endpoint="chat",model="m",outcome="completed",project="b",streamed="false",team="x",version="v1"} 2
llm_requests_total{endpoint="chat",model="m",outcome="rejected",project="b",streamed="false",team="x",version="v1"} 3
llm_requests_total{endpoint="chat",model="m",outcome="cut",project="b",streamed="true",team="y",version="v2"} 1
# TYPE llm_prompt_tokens_total counter
llm_prompt_tokens_total{model="m",project="a",team="x",version="v1"} 500
# TYPE llm_completion_tokens_total counter
llm_completion_tokens_total{model="m",project="a",team="x",version="v1"} 700
# TYPE llm_cost_micro_usd_total counter
llm_cost_micro_usd_total{model="m",project="a",team="x",version="v1"} 900
# TYPE llm_guard_verdicts_total counter
llm_guard_verdicts_total{action="mask",direction="response",guard="pii",policy="p"} 5
llm_guard_verdicts_total{action="block",direction="request",guard="injection",policy="p"} 3
llm_guard_verdicts_total{action="block",direction="request",guard="injection",policy="q"} 1
llm_guard_verdicts_total{action="flag",direction="request",guard="never",policy="q"} 0
# TYPE llm_guard_findings_total counter
llm_guard_findings_total{direction="response",guard="pii",kind="EMAIL"} 4
llm_guard_findings_total{direction="response",guard="pii",kind="PHONE"} 1
llm_guard_findings_total{direction="request",guard="injection",kind="PROMPT_INJECTION"} 4
# TYPE llm_inflight_exchanges gauge
llm_inflight_exchanges 7
# TYPE llm_extproc_failures_total counter
llm_extproc_failures_total{reason="guard_failed"} 2
"""


class Pages(BaseHTTPRequestHandler):
    """A processor's pages."""

    def __init__(self, ready: dict[str, Any], *arguments: Any) -> None:
        self._ready = ready
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """The page; an unready one has status 503."""
        body = (METRICS if self.path == "/metrics" else json.dumps(self._ready)).encode()
        self.send_response(200 if self.path == "/metrics" or self._ready.get("ready") else 503)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def ready() -> dict[str, Any]:
    """The readiness page, to be changed."""
    return dict(READY)


@pytest.fixture
def config(tmp_path: Path, ready: dict[str, Any]) -> Iterator[Path]:
    """The configuration of a processor that runs."""
    with QuietServer(("127.0.0.1", 0), partial(Pages, ready)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        file = tmp_path / "config.yaml"
        file.write_text(f"{MINIMAL}server: {{ metrics: '127.0.0.1:{server.server_port}' }}\n")
        yield file
        server.shutdown()


def status(config: Path, *options: str) -> Result:
    """The command."""
    return CliRunner().invoke(app, ["status", str(config), *options], env={"COLUMNS": "80"})


def test_it_says_what_the_processor_does(config: Path) -> None:
    """Readiness, traffic by version, findings by guard: in 80 columns, without an escape."""
    result = status(config)
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0][:2] == ["ready", "yes"]
    assert "revision abc123" in result.stdout
    assert ["failures", "guard_failed", "2"] in lines
    assert "traffic   46 exchanges, 7 in flight\n" in result.stdout
    assert ["m/v1", "45", "3", "0", "0", "500", "700", "900"] in lines
    assert ["m/v2", "1", "0", "1", "0", "0", "0", "0"] in lines
    assert ["injection", "request", "block", "4", "PROMPT_INJECTION", "4"] in lines
    assert ["pii", "answer", "mask", "5", "EMAIL", "4,", "PHONE", "1"] in lines
    assert "never" not in result.stdout
    assert ESCAPE not in result.stdout
    assert max(map(cell_len, result.stdout.splitlines())) <= 80


def test_it_is_json_for_who_asks(config: Path) -> None:
    """Of the documented shape."""
    result = status(config, "--json")
    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert paths_of(printed, SHAPES["status"]) == {key.path for key in keys_of(SHAPES["status"])}
    assert printed["guards"][1]["kinds"] == [{"name": "EMAIL", "times": 4}, {"name": "PHONE", "times": 1}]


def test_one_that_is_not_ready_says_why(config: Path, ready: dict[str, Any]) -> None:
    """Exit 1, for a script, with all that needs somebody."""
    ready |= {"ready": False, "config_error": "x.yaml:1:1: bad", "restart_needed": ["log"], "envoy_stale": ["models.m"]}
    ready["prompt_store_error"] = "prompt a v1: the store answers 503"
    ready["ledger_error"] = "store: connection refused"
    result = status(config)
    assert result.exit_code == 1
    assert "ready     no (" in result.stdout
    assert "config    the file is invalid, an earlier one is in force: x.yaml:1:1: bad\n" in result.stdout
    assert "prompts   the store fails, the last good prompts are in force: prompt a v1: the store" in result.stdout
    assert "ledger    entries wait: store: connection refused\n" in result.stdout
    assert "restart   needed for log\n" in result.stdout
    assert "Envoy     does not know models.m\n" in result.stdout
    ready["draining"] = True
    assert "ready     draining (" in status(config).stdout


def test_another_program_there_is_told(config: Path, ready: dict[str, Any]) -> None:
    """Exit 1, and no traceback."""
    ready.clear()
    result = status(config)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "does not answer (no page of llm-extproc). Does `extproc serve` run" in result.stderr


def test_with_an_earlier_status_it_shows_the_rate() -> None:
    """What came since, a second."""
    before = status_of("http://x", READY, METRICS.replace("} 40", "} 10"))
    console = Console(width=80, file=io.StringIO())
    with console.capture() as capture:
        show(console, status_of("http://x", READY, METRICS), Earlier(before, 2.0))
    assert "traffic   46 exchanges, 7 in flight, 15.0 a second\n" in capture.get()


def test_it_watches_until_ctrl_c(config: Path) -> None:
    """It prints again, with rates; the key ends it without a traceback."""
    with started("status", config, "--watch", on_terminal=True) as program:
        program.until("0.0 a second")
        program.ctrl_c()
        assert program.ended() == 130
    assert "Traceback" not in program.output


def test_watching_is_for_people(config: Path) -> None:
    """A script scrapes the metrics."""
    result = status(config, "--watch", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "scrape /metrics" in result.stderr
