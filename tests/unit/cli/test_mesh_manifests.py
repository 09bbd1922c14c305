"""``extproc envoy-config --for``: the options reach the manifests, as YAML and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer import Exit
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.cli.mesh_manifests import ManifestPlace, selected_labels
from extproc.envoy_config.istio.mesh import MeshPlace
from tests.unit.config.conftest import MINIMAL

GATEWAY = ("--for", "istio-gateway", "--gateway", "istio-ingress/public")


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A version as a Service, and a processor in the pods of its proxies."""
    file = tmp_path / "llm-extproc.yaml"
    file.write_text(MINIMAL.replace("127.0.0.1:8001", "vllm.llm.svc.cluster.local:8000"))
    return str(file)


def manifests(*arguments: str) -> dict[str, Any]:
    """What is printed, by kind."""
    result = CliRunner().invoke(app, ["envoy-config", *arguments])
    assert (result.exit_code, result.stderr) == (0, "")
    return {each["kind"]: each for each in yaml.safe_load_all(result.stdout)}


def test_every_option_has_its_place(config: str) -> None:
    """Each in the object that it is for."""
    hosts = ("--host", "llm.example.com", "--host", "llm.example.org")
    labels = ("--selector", "app=edge,tier=public", "--selector", "track=stable")
    found = manifests(config, *GATEWAY, *hosts, *labels, "--namespace", "edge", "--model-port", "9000")
    selected = found["EnvoyFilter"]["spec"]["workloadSelector"]["labels"]
    assert selected == {"app": "edge", "tier": "public", "track": "stable"}
    assert found["EnvoyFilter"]["metadata"]["namespace"] == "edge"
    assert found["VirtualService"]["spec"]["hosts"] == ["llm.example.com", "llm.example.org"]
    assert found["VirtualService"]["spec"]["gateways"] == ["istio-ingress/public"]
    (rule,) = found["AuthorizationPolicy"]["spec"]["rules"]
    assert rule["from"] == [{"source": {"notNamespaces": ["edge"]}}]
    assert rule["to"][0]["operation"]["ports"] == ["9000"]


def test_the_filter_may_come_from_elsewhere(config: str) -> None:
    """From the Helm chart: all other objects are as they are with it."""
    with open(config, "a") as file:
        file.write("envoy: { processor: { address: 'llm-extproc.llm.svc.cluster.local:50051' } }\n")
    whole, rest = manifests(config, *GATEWAY), manifests(config, *GATEWAY, "--without-filter")
    assert whole.pop("EnvoyFilter")
    assert rest == whole


def test_json_is_one_list_of_the_same_objects(config: str, tmp_path: Path) -> None:
    """As `kubectl apply` takes it; `--output` takes either."""
    printed = CliRunner().invoke(app, ["envoy-config", config, *GATEWAY]).stdout
    output = tmp_path / "istio.json"
    result = CliRunner().invoke(app, ["envoy-config", config, *GATEWAY, "--json", "-o", str(output)])
    assert (result.exit_code, result.stdout) == (0, "")
    listed = json.loads(output.read_text())
    assert (listed["kind"], listed["items"]) == ("List", list(yaml.safe_load_all(printed)))


def test_what_was_applied_is_compared(config: str, tmp_path: Path) -> None:
    """`check --against` reads the manifests: which versions their routes have."""
    applied = str(tmp_path / "istio.yaml")
    assert CliRunner().invoke(app, ["envoy-config", config, *GATEWAY, "-o", applied]).exit_code == 0
    assert CliRunner().invoke(app, ["check", config, "--against", applied]).exit_code == 0
    file = Path(config)
    file.write_text(file.read_text().replace("vllm.llm", "vllm-b.llm"))
    result = CliRunner().invoke(app, ["check", config, "--against", applied])
    assert result.exit_code == 1
    assert "models.tiny-chat.versions.v1.endpoints is not known there" in result.stderr


def test_envoy_gateway_has_its_own(config: str) -> None:
    """The same command, with the options that a Gateway has."""
    socket = "server: { listen: unix:/run/llm-extproc/extproc.sock }\n"
    Path(config).write_text(socket + Path(config).read_text())
    options = ("--gateway", "infra/public", "--host", "llm.example.com", "--namespace", "edge")
    found = manifests(config, "--for", "envoy-gateway", *options)
    assert found["HTTPRoute"]["spec"]["hostnames"] == ["llm.example.com"]
    assert found["HTTPRoute"]["spec"]["parentRefs"] == [{"name": "public", "namespace": "infra"}]
    assert found["EnvoyExtensionPolicy"]["metadata"]["namespace"] == "edge"
    assert found["Backend"]["spec"]["endpoints"] == [{"unix": {"path": "/run/llm-extproc/extproc.sock"}}]


def test_every_place_of_istio_can_be_named() -> None:
    """And one more."""
    assert {*ManifestPlace} - {*MeshPlace} == {"envoy-gateway"}
    assert {*MeshPlace} <= {*ManifestPlace}


@pytest.mark.parametrize("given", ["app", "=a", "app=a,", "app=a b", "app==a"])
def test_what_is_no_label_is_told(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With an example of one."""
    with pytest.raises(Exit):
        selected_labels([given])
    assert "such as istio=ingressgateway" in capsys.readouterr().err
