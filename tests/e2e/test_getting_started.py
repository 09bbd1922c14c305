"""docs/getting-started.md as a newcomer runs it: the page's commands, on a real Envoy, in front of a model server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from extproc.demo.model_server import ModelServer
from extproc.demo.rules import DEMO_RULES
from extproc.server.sockets.free_ports import free_ports
from tests.docs.pages import DOCS, blocks
from tests.e2e.harness import require_envoy, wait_until
from tests.hangs import HANG_S

BLOCKS = blocks(DOCS / "getting-started.md", "sh")
UP, RUN = "extproc up", "extproc run"
NOT_RUN = ("make demo", "export PATH")
"""What `tests/e2e/test_demo.py` runs, and the path that this test sets itself."""
PORTS = ("8000", "9090", "9901", "10000", "50051")
READY_S = 30
SERVES = "Envoy and processor serve"


class Machine:
    """A newcomer's machine: a folder, ports that are free, and programs on the path."""

    def __init__(self, folder: Path, model_port: int) -> None:
        self._folder = folder
        self._ports = dict(zip(PORTS, (str(model_port), *map(str, free_ports(4))), strict=True))
        self.log = folder / "printed.log"
        self._env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def moved(self, text: str) -> str:
        """A text with the ports of this machine."""
        return re.sub(r"\b(?:" + "|".join(PORTS) + r")\b", lambda port: self._ports[port[0]], text)

    def run(self, command: str) -> str:
        """What a block prints."""
        done = subprocess.run(
            ["bash", "-euc", self.moved(command)],
            cwd=self._folder,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=HANG_S,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, command: str) -> subprocess.Popen[bytes]:
        """A block that stays, as in a terminal of its own."""
        log = self.log.open("wb")
        return subprocess.Popen(self.moved(command).split(), cwd=self._folder, env=self._env, stdout=log, stderr=log)

    def tries(self, command: str) -> None:
        """A block that stays, until it serves."""
        with self.start(command) as process:
            try:
                wait_until(lambda: SERVES in self.log.read_text(), SERVES, READY_S)
            finally:
                process.terminate()
        assert process.returncode == 0


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """In the place of vLLM."""
    with ModelServer("own", rules=DEMO_RULES, speed=0) as server:
        yield server


@pytest.mark.once
def test_every_command_of_the_page_does_what_it_says(tmp_path: Path, model: ModelServer) -> None:
    """Each block is run, in the order of the page."""
    require_envoy()
    machine = Machine(tmp_path, int(model.base_url.rpartition(":")[2]))
    printed: dict[str, str] = {}
    with ExitStack() as running:
        for block in (block for block in BLOCKS if not block.startswith(NOT_RUN)):
            if block.startswith(UP):
                machine.tries(f"{block.strip()} --port 10000")
                continue
            if block.startswith(RUN):
                process = running.enter_context(machine.start(block))
                running.callback(process.terminate)
                continue
            if "readyz" in block:
                wait_until(lambda block=block: _answers(machine, block), "the processor is ready", READY_S)  # type: ignore[misc]
            if "10000" in block:
                wait_until(lambda: _answers(machine, "curl -s 127.0.0.1:10000/"), "Envoy listens", READY_S)
            printed[block] = machine.run(block)
            if "extproc init" in block:
                written = tmp_path / "llm-extproc.yaml"
                written.write_text(machine.moved(written.read_text()))
    models, started, checked, explained, ready, masked, streamed, blocked, metrics = printed.values()
    assert '"id":"tiny-chat"' in models
    assert "Wrote llm-extproc.yaml" in started
    assert "ok" in checked
    assert "Write to <EMAIL>" in explained
    assert '"ready": true' in ready
    assert "<EMAIL>" in masked
    assert "data: [DONE]" in streamed
    assert '"code":"prompt_injection"' in blocked
    assert "llm_requests_total{" in metrics
    assert sum(b"Write to <EMAIL>" in seen.body for seen in model.seen) == 2
    assert not [seen for seen in model.seen if b"Ignore all" in seen.body]


def _answers(machine: Machine, command: str) -> bool:
    try:
        return bool(machine.run(f"{command.strip()} -o /dev/null -w x"))
    except AssertionError:
        return False
