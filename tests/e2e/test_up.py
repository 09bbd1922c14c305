"""``extproc up`` and ``run``: from the address of one's own server to a guarded stream, and what ends or goes wrong."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.demo.model_server import ModelServer
from extproc.demo.rules import DEMO_RULES
from extproc.server.sockets.free_ports import free_ports
from tests.e2e.harness import curl, require_envoy, wait_until
from tests.hangs import HANG_S
from tests.starts import only_forks
from tests.unit.cli.programs import ESCAPE, Program, is_gone, piped, started

pytestmark = pytest.mark.once

CHAT = {"model": "tiny-chat", "messages": [{"role": "user", "content": "What is Envoy?"}]}
LEAK = "To whom shall I write? Write to jane.doe@example.com"


@pytest.fixture(autouse=True)
def _envoy() -> None:
    require_envoy()


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """One's own server."""
    with ModelServer("own", rules=DEMO_RULES, speed=0) as server:
        yield server


@contextlib.contextmanager
def up(*arguments: str | Path, on_terminal: bool = True, **environ: str) -> Iterator[tuple[Program, str]]:
    """A running ``up`` on a free port. Yields: the program, and its base URL without a path."""
    (port,) = free_ports(1)
    with started("up", *arguments, "--port", str(port), on_terminal=on_terminal, **environ) as program:
        program.until("Ctrl-C drains" if on_terminal else "Envoy and processor serve")
        yield program, f"http://127.0.0.1:{port}"


def children(pid: int) -> dict[str, int]:
    """The processes that a process has started, by their program."""
    found = {}
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        program = Path(f"/proc/{child}/cmdline").read_text().partition("\0")[0]
        if not only_forks(child):
            found["processor" if program == sys.executable else "envoy"] = child
    return found


def ask(base_url: str, **fields: Any) -> Any:
    """One request through Envoy."""
    return curl(f"{base_url}/v1/chat/completions", body=json.dumps({**CHAT, **fields}).encode())


# --- what a person sees --------------------------------------------------------------------------------------------


def test_what_is_printed_can_be_pasted(model: ModelServer) -> None:
    """On a terminal of 80 columns: base URL, models, guards, pages, and lines for curl and Python that work."""
    with up(model.base_url) as (program, base_url):
        program.until(" after ")
        told = program.output.replace("\r\n", "\n")
        assert f"Base URL for any OpenAI client: {base_url}/v1" in told
        assert f"tiny-chat: v1 at {model.base_url.removeprefix('http://')}" in told
        assert "injection (block), pii (mask)" in told
        assert ESCAPE not in told
        report = told[told.index("extproc is up") : told.index("Asking tiny-chat")]
        assert max(cell_len(line) for line in report.splitlines()) <= 80
        assert re.search(r"Asking tiny-chat: .*\n  200 after [\d.]+ s: Envoy is a proxy", told)
        line = re.search(r"^  curl (?:.*\n)+?(?=\nor this)", told, re.MULTILINE)
        assert line is not None
        ran = subprocess.run(["bash", "-ec", line[0]], capture_output=True, text=True, check=True, timeout=HANG_S)
        assert json.loads(ran.stdout)["choices"]
        assert "jane.doe" not in model.seen[-1].request.body.decode()
        code = textwrap.dedent(told[told.index("  from openai") : told.index("Ctrl-C drains")])
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=HANG_S)
        assert "proxy" in ran.stdout or ran.stdout
        page = urllib.request.urlopen(re.search(r"http://\S+/metrics", told)[0], timeout=HANG_S)  # type: ignore[index]
        assert "llm_requests_total" in page.read().decode()
        program.ctrl_c()
        assert program.ended() == 0
        assert "Traceback" not in program.output


def test_two_versions_by_name(model: ModelServer) -> None:
    """Each gets traffic; the second may call the model otherwise. A pipe gets JSON lines of the processor and of Envoy,
    and nothing else; SIGTERM ends it with 0.
    """
    with ModelServer("other", rules=DEMO_RULES, speed=0) as other:
        servers = [f"old={model.base_url}@1", f"new={other.base_url}@1"]
        with up(*servers, "--ask", "", on_terminal=False) as (program, base_url):
            answers = [ask(base_url, user=str(number)) for number in range(40)]
            assert {answer.status for answer in answers} == {200}
            seen = {answer.headers["x-llm-served-version"] for answer in answers}
            assert seen == {"tiny-chat/old", "tiny-chat/new"}
            program.until('"served_version":"tiny-chat/old"')
            program.process.send_signal(signal.SIGTERM)
            assert program.ended() == 0
    events = [json.loads(line) for line in program.output.splitlines()]
    assert {"serving", "exchange", "Envoy and processor serve", "stopped"} <= {one.get("event", "") for one in events}


def test_a_change_of_its_file_is_followed(model: ModelServer, tmp_path: Path) -> None:
    """Saved, with a version that is added while it runs; everything is in the folder."""
    folder = tmp_path / "kept"
    with (
        ModelServer("other", rules=DEMO_RULES, speed=0) as other,
        up(model.base_url, "--save", folder, "--ask", "", on_terminal=False) as (program, base_url),
    ):
        kept = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
        envoys = {f"envoy/{name}.yaml" for name in ("envoy", "listeners", "routes", "clusters")}
        units = {"llm-extproc.service", "llm-extproc-envoy.service"}
        assert {"llm-extproc.yaml", "compose.yaml"} | units | envoys <= kept
        file = folder / "llm-extproc.yaml"
        version = (
            f'      new:\n        weight: 1000000\n        endpoints: ["{other.base_url.removeprefix("http://")}"]\n'
            "        price: { prompt_micro_usd_per_mtok: 0, completion_micro_usd_per_mtok: 0 }\n"
        )
        text = file.read_text()
        assert "    versions:\n" in text
        file.write_text(text.replace("    versions:\n", f"    versions:\n{version}"))
        statuses = set()

        def served() -> bool:
            answer = ask(base_url)
            statuses.add(answer.status)
            return bool(answer.headers["x-llm-served-version"] == "tiny-chat/new")

        wait_until(served, "the new version is served", 20)
        assert statuses == {200}
        program.process.send_signal(signal.SIGTERM)
        assert program.ended() == 0
    again = piped("up", model.base_url, "--save", folder)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr == (
        f"{file} exists and is left as it is. Run it with `extproc up --config {file}`, or name another folder.\n"
    )


# --- while it runs, and its end ------------------------------------------------------------------------------------


def test_what_dies_is_started_again(model: ModelServer) -> None:
    """Envoy or the processor, and serves as before. If nothing of ours can run any more, both end too."""
    with up(model.base_url, "--ask", "", on_terminal=False) as (program, base_url):
        for count, name in enumerate(("envoy", "processor"), start=1):
            os.kill(children(program.process.pid)[name], signal.SIGKILL)
            program.until(lambda count=count: program.output.count("died, restarting") == count)  # type: ignore[misc]
            wait_until(lambda: len(children(program.process.pid)) == 2, "both run again")
            wait_until(lambda: ask(base_url).status == 200, "it serves again", 20)
        running = children(program.process.pid)
        assert set(running) == {"envoy", "processor"}
        program.process.kill()
        wait_until(lambda: all(map(is_gone, running.values())), "both are gone", 30)


def test_a_running_stream_ends_before_it_does() -> None:
    """SIGTERM: no new connection, and the stream comes to its end."""
    with ModelServer("slow", rules=DEMO_RULES, speed=0.2) as slow, ThreadPoolExecutor() as pool:
        with up(slow.base_url, "--ask", "", on_terminal=False) as (program, base_url):
            answer = pool.submit(ask, base_url, stream=True)
            wait_until(lambda: slow.seen, "the model server has it")
            wait_until(lambda: slow.seen[-1].request.path == "/v1/chat/completions", "it is the chat")
            program.process.send_signal(signal.SIGTERM)
            program.until("draining")
            wait_until(lambda: curl(f"{base_url}/v1/models").exit_code == 7, "no new connection is accepted")
            assert not answer.done()
            assert program.ended() == 0
        whole = answer.result()
        assert (whole.exit_code, whole.body.rstrip().endswith(b"data: [DONE]")) == (0, True)


# --- what goes wrong -----------------------------------------------------------------------------------------------


def refused(*arguments: str | Path) -> tuple[int, str]:
    """A call that ends before it starts anything."""
    ran = CliRunner().invoke(app, list(map(str, arguments)))
    assert ran.stdout == ""
    return ran.exit_code, ran.stderr


def test_nothing_is_named() -> None:
    """No server, and no configuration; or both."""
    sentence = "extproc up: name your model servers, such as http://127.0.0.1:8000, or a configuration with --config.\n"
    assert refused("up") == (2, sentence)
    assert refused("up", "http://a", "--config", "b") == (2, sentence)


def test_the_server_is_not_there() -> None:
    """With how to start one."""
    (port,) = free_ports(1)
    code, told = refused("up", f"http://127.0.0.1:{port}")
    assert (code, told.startswith(f"extproc up: http://127.0.0.1:{port} does not answer (connection refused).")) == (
        2,
        True,
    )


def test_the_port_is_taken(model: ModelServer) -> None:
    """Exit 3, and which option names another."""
    port = model.base_url.rpartition(":")[2]
    assert refused("up", model.base_url, "--port", port) == (
        3,
        f"extproc up: port {port} cannot be used (address already in use). Name another: --port\n",
    )


def test_there_is_no_envoy(model: ModelServer, tmp_path: Path) -> None:
    """The one that was named is no program."""
    (port,) = free_ports(1)
    assert refused("up", model.base_url, "--port", str(port), "--envoy", tmp_path) == (
        2,
        f"--envoy {tmp_path}: this is no program. Name Envoy's binary.\n",
    )


def test_an_envoy_that_ends_at_once_is_told(model: ModelServer, tmp_path: Path) -> None:
    """With what it said."""
    fake = tmp_path / "envoy"
    fake.write_text("#!/bin/sh\necho 'no such option' >&2\nexit 9\n")
    fake.chmod(0o755)
    (port,) = free_ports(1)
    ran = piped("up", model.base_url, "--port", str(port), "--envoy", fake)
    assert ran.returncode == 4
    assert ran.stderr.endswith("extproc: Envoy ended with code 9. no such option\n")


def test_the_folder_cannot_be_written(model: ModelServer, tmp_path: Path) -> None:
    """It would lie below a file."""
    (tmp_path / "file").touch()
    (port,) = free_ports(1)
    code, told = refused("up", model.base_url, "--port", str(port), "--save", tmp_path / "file" / "kept")
    assert (code, told) == (2, f"extproc up: {tmp_path / 'file' / 'kept'}: not a directory\n")


def test_what_the_processor_says_with_its_exit_code_is_said(model: ModelServer, tmp_path: Path) -> None:
    """Its metrics address is taken: exit 3, as of ``serve``."""
    listen, admin, processor = free_ports(3)
    config = tmp_path / "config.yaml"
    ran = piped("init", "-", "--endpoint", model.base_url.removeprefix("http://"))
    text = ran.stdout.replace("127.0.0.1:9090", model.base_url.removeprefix("http://"))
    for usual, free in ((10000, listen), (9901, admin), (50051, processor)):
        text = text.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{free}")
    config.write_text(text)
    ran = piped("run", config)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert "server.metrics: cannot listen on" in ran.stderr


def test_run_serves_a_configuration(model: ModelServer, tmp_path: Path) -> None:
    """The same without a person: its files in a folder of one's own."""
    ports = free_ports(4)
    config = tmp_path / "config.yaml"
    ran = piped("init", "-", "--model", "tiny-chat", "--endpoint", model.base_url.removeprefix("http://"))
    text = ran.stdout
    for usual, free in zip((10000, 9901, 50051, 9090), ports, strict=True):
        text = text.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{free}")
    config.write_text(text)
    with started("run", config, "--folder", tmp_path / "run" / "envoy") as program:
        program.until("Envoy and processor serve")
        assert ask(f"http://127.0.0.1:{ports[0]}").status == 200
        assert (tmp_path / "run" / "envoy" / "routes.yaml").exists()
        program.ctrl_c()
        assert program.ended() == 0
