"""What Envoy does not know is found before it costs a request: by its file, its folder, or its admin server."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from extproc.cli.init import starting_configuration
from extproc.config.load import load
from extproc.envoy_config.dynamic import ROUTES, resources, response
from extproc.envoy_config.generate import bootstrap, to_yaml
from extproc.envoy_config.names import FILTER_NAME
from tests.quiet_server import QuietServer

CONFIG = starting_configuration("llama", "127.0.0.1:8000")
NEW_VERSION = CONFIG.replace(
    "      v1:\n",
    "      v2:\n        weight: 1\n        endpoints: [vllm:1]\n"
    "        price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 }\n      v1:\n",
)
MOVED = CONFIG.replace("127.0.0.1:8000", "127.0.0.1:8001")
CASES = [
    (CONFIG, []),
    (NEW_VERSION, ["models.llama.versions.v2"]),
    (MOVED, ["models.llama.versions.v1.endpoints"]),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With what an Envoy of ``CONFIG`` has, in each form."""
    monkeypatch.chdir(tmp_path)
    document = load(CONFIG, "").document
    configuration = bootstrap(document)
    (tmp_path / "envoy.yaml").write_text(to_yaml(configuration))
    (tmp_path / "watched").mkdir()
    routes = response("route.v3.RouteConfiguration", [resources(document, tmp_path).routes], "1")
    (tmp_path / "watched" / ROUTES).write_text(to_yaml(routes))
    stated = configuration["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"][
        "route_config"
    ]["virtual_hosts"][0]["metadata"]["filter_metadata"][FILTER_NAME]["routes"]
    filter_patch = {"initial_metadata": [{"key": "x-llm-routes", "value": stated}]}
    (tmp_path / "envoy_filter.yaml").write_text(yaml.safe_dump({"spec": {"configPatches": [filter_patch]}}))
    (tmp_path / "dump.json").write_text(json.dumps({"configs": [configuration]}))
    return tmp_path


@pytest.fixture
def admin(folder: Path) -> Iterator[str]:
    """An admin server."""

    class Admin(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write((folder / "dump.json").read_bytes())

        def log_message(self, *_: object) -> None:
            pass

    with QuietServer(("127.0.0.1", 0), Admin) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def check(folder: Path, text: str, against: str, *options: str) -> Result:
    """``check --against``."""
    (folder / "llm-extproc.yaml").write_text(text)
    return CliRunner().invoke(app, ["check", "--against", against, *options])


@pytest.mark.parametrize(("text", "keys"), CASES)
@pytest.mark.parametrize("against", ["envoy.yaml", "watched", "envoy_filter.yaml", "dump.json", "admin"])
def test_what_envoy_does_not_know_is_named(folder: Path, admin: str, text: str, keys: list[str], against: str) -> None:
    """Exit 1, a line for each key; 0 and no line if there is none."""
    against = admin if against == "admin" else against
    result = check(folder, text, against)
    assert result.exit_code == bool(keys)
    assert result.stderr.splitlines() == [
        f"{against}: {key} is not known there. Generate Envoy's configuration again." for key in keys
    ]
    printed = check(folder, text, against, "--json")
    assert (printed.exit_code, json.loads(printed.stdout)["envoy_stale"]) == (bool(keys), keys)


@pytest.mark.parametrize(
    ("against", "sentence"),
    [
        ("absent.yaml", "extproc check: absent.yaml: no such file or directory"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1: no admin server of Envoy answers"),
        ("llm-extproc.yaml", "llm-extproc.yaml: it does not state which versions it routes"),
        ("text.txt", "text.txt: this is no configuration of Envoy"),
    ],
)
def test_what_is_no_envoy_is_refused(folder: Path, against: str, sentence: str) -> None:
    """Exit 2."""
    (folder / "text.txt").write_text("a: b: c")
    result = check(folder, CONFIG, against)
    assert (result.exit_code, result.stdout.startswith("llm-extproc.yaml: ok")) == (2, False)
    assert result.stderr.startswith(sentence)
