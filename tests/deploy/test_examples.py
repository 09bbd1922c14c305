"""Each worked example renders, is valid, and agrees with itself; its page has few commands, and they are there.

`test_laptop` and `test_shared_gateway` run two of them.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.envoy_config.envoy_process import validation_error
from extproc.envoy_config.istio.manifests import mesh_objects
from extproc.envoy_config.istio.mesh import MeshOptions, MeshPlace
from extproc.envoy_config.lint import lint
from extproc.server.operations.config_files import read_config
from tests.deploy.helm_chart import KUBERNETES, objects_of, template_of
from tests.deploy.manifests import ROOT, Manifest, one, require_module
from tests.deploy.mesh_proxies import proxy
from tests.deploy.pod_security import violations
from tests.e2e.harness import require_envoy

EXAMPLES = ROOT / "deploy" / "examples"
EXAMPLE = EXAMPLES / "two-versions"
COMMANDS_MAX = 10
PROGRAM = "/opt/llm-extproc/bin/extproc"
"""In the image."""


def commands_of(page: Path) -> list[str]:
    """The commands on a page: its indented lines."""
    return [line.strip() for line in page.read_text().splitlines() if line.startswith("    ")]


# --- pages ---------------------------------------------------------------------------------------------------------

by_example = pytest.mark.parametrize("example", sorted(EXAMPLES.iterdir()), ids=lambda folder: folder.name)


@by_example
def test_a_page_has_few_commands(example: Path) -> None:
    """Whoever follows it types at most ten."""
    assert 3 <= len(commands_of(example / "README.md")) <= COMMANDS_MAX


@by_example
def test_what_its_commands_name_is_there(example: Path) -> None:
    """Files of the project, and commands and options of the program."""
    for command in commands_of(example / "README.md"):
        words = shlex.split(command)
        for word in words:
            if word.startswith("deploy/"):
                assert (ROOT / word).exists(), word
        if PROGRAM in words or words[0] == "extproc":
            of_program = words[words.index(PROGRAM if PROGRAM in words else "extproc") + 1 :]
            name = [word for word in of_program[:2] if not word.startswith("-")]
            options = {word for word in of_program if word.startswith("-")}
            told = CliRunner().invoke(app, [*_subcommand(name), "--help"], env={"COLUMNS": "200"})
            assert told.exit_code == 0, command
            assert all(option in told.output for option in options), command


def _subcommand(words: list[str]) -> list[str]:
    """The name of a command, of one or two words."""
    return words if CliRunner().invoke(app, [*words, "--help"]).exit_code == 0 else words[:1]


# --- two versions --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def servers() -> list[Manifest]:
    """The model servers."""
    return list(yaml.safe_load_all((EXAMPLE / "vllm.yaml").read_text()))


@pytest.fixture(scope="module")
def chart() -> list[Manifest]:
    """What Helm renders with the values of the example."""
    done = template_of(EXAMPLE / "values.yaml")
    assert done.returncode == 0, done.stderr
    return objects_of(done.stdout)


def config_of(chart: list[Manifest], folder: Path) -> Path:
    """The configuration as the pod has it, with its prompts and a file of keys."""
    (folder / "prompts").mkdir()
    (folder / "secrets").mkdir()
    for name, text in one(chart, "ConfigMap", "llm-llm-extproc-prompts")["data"].items():
        (folder / "prompts" / name).write_text(text)
    (folder / "secrets" / "keys.yaml").write_text("keys: []\n")
    file = folder / "config.yaml"
    file.write_text(one(chart, "ConfigMap", "llm-llm-extproc-config")["data"]["config.yaml"])
    return file


@pytest.mark.parametrize("version", KUBERNETES)
def test_it_is_valid(servers: list[Manifest], chart: list[Manifest], version: str) -> None:
    """Kubernetes' own objects, in each release that is supported."""
    kubernetes = require_module("kubernetes_validate", "kubernetes-validate")
    for manifest in [*servers, *chart]:
        if not manifest["apiVersion"].startswith(("monitoring.coreos.com", "networking.istio.io")):
            kubernetes.validate(manifest, version, strict=True)


def test_its_pods_are_restricted(servers: list[Manifest], chart: list[Manifest]) -> None:
    """All of them."""
    workloads = [each for each in [*servers, *chart] if each["kind"] in ("Deployment", "StatefulSet")]
    assert len(workloads) == 3
    for each in workloads:
        assert violations(each["spec"]["template"]["spec"]) == []


def test_versions_are_those_servers(servers: list[Manifest], chart: list[Manifest], tmp_path: Path) -> None:
    """Each endpoint is a Service, whose pods serve the model under the name that is asked for, on as many GPUs."""
    document = read_config(config_of(chart, tmp_path)).loaded.document
    assert document.gpus is not None
    gpus = {each.endpoint: each.gpus for each in document.gpus.servers}
    for version in document.models["assistant"].versions.values():
        (endpoint,) = version.endpoints
        service = one(servers, "Service", endpoint.partition(".")[0])
        pod = next(
            each["spec"]["template"]
            for each in servers
            if each["kind"] == "Deployment" and each["spec"]["selector"]["matchLabels"] == service["spec"]["selector"]
        )
        (container,) = pod["spec"]["containers"]
        assert f"--served-model-name={version.served_model}" in container["args"]
        assert container["resources"]["limits"]["nvidia.com/gpu"] == gpus[endpoint]
        assert service["spec"]["clusterIP"] == "None"  # the ledger knows each server by its address


def test_the_gateway_has_filter_and_routes(chart: list[Manifest], tmp_path: Path) -> None:
    """The chart's filter and the routes that the page's command prints, in one proxy, which Envoy and our lint take."""
    require_envoy()
    document = read_config(config_of(chart, tmp_path)).loaded.document
    options = MeshOptions(gateway="istio-ingress/public", hosts=("llm.example.com",), without_filter=True)
    printed = [each.manifest for each in mesh_objects(document, MeshPlace.GATEWAY, options)]
    (service,) = [each["metadata"] for each in chart if each["kind"] == "Service"]
    host = f"{service['name']}.llm.svc.cluster.local"
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 8001}}
    servers = {(f"vllm-{name}.llm.svc.cluster.local", 8000): address for name in ("v1", "v2")}
    objects = [*printed, one(chart, "EnvoyFilter")]
    bootstrap = proxy(MeshPlace.GATEWAY, objects, servers, {f"outbound|50051||{host}": address})
    file = tmp_path / "envoy.yaml"
    file.write_text(json.dumps(bootstrap))
    assert validation_error(file) is None
    assert lint(bootstrap) == []
