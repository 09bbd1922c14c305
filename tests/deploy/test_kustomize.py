"""Components and overlays of kustomize: what is built is valid and restricted, and its Envoy half is the program's.

`test_manifests` looks closer at the pod of one vLLM.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.config.document import Document
from extproc.config.problems import Severity
from extproc.envoy_config.envoy_process import validation_error
from extproc.envoy_config.istio.manifests import mesh_objects, to_manifests
from extproc.envoy_config.istio.mesh import MeshOptions, MeshPlace
from extproc.server.operations.config_files import read_config
from tests.deploy.components import COMPONENTS, built_with
from tests.deploy.custom_resources import rule_problems, schema_problems
from tests.deploy.helm_chart import KUBERNETES
from tests.deploy.manifests import (
    BASE,
    ISTIO_SIDECAR,
    OVERLAYS,
    PROCESSOR,
    Manifest,
    built,
    container,
    kustomization_of,
    one,
    pod,
    require_module,
    written,
)
from tests.deploy.mesh_proxies import proxy, skeleton
from tests.deploy.pilot import patched
from tests.deploy.pod_security import violations
from tests.deploy.test_mesh_manifests import definition_of
from tests.e2e.harness import require_envoy

SOCKET = "unix:/var/run/llm-extproc/extproc.sock"
GATEWAY = MeshOptions(gateway="istio-ingress/public", hosts=("llm.example.com",))
GENERATED: dict[str, tuple[Path, Path, MeshPlace, MeshOptions, str]] = {
    "loopback": (COMPONENTS / "loopback", BASE, MeshPlace.INBOUND, MeshOptions(), ""),
    "uds": (COMPONENTS / "uds", BASE, MeshPlace.INBOUND, MeshOptions(), SOCKET),
    "istio-gateway": (OVERLAYS / "istio-gateway", PROCESSOR, MeshPlace.GATEWAY, GATEWAY, ""),
    "waypoint": (OVERLAYS / "waypoint", PROCESSOR, MeshPlace.WAYPOINT, MeshOptions(gateway="waypoint"), ""),
}
"""Folder of a generated `istio.yaml`, that of its configuration, place and options, and where the processor listens."""
OF_THE_MESH = ("istio.io",)

ADDRESS = {"socket_address": {"address": "127.0.0.1", "port_value": 8001}}


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Manifest]]:
    """What kustomize builds, by name."""
    return {
        "istio-sidecar": built(ISTIO_SIDECAR),
        "istio-gateway": built(OVERLAYS / "istio-gateway"),
        "waypoint": built(OVERLAYS / "waypoint"),
        "uds": built_with(tmp_path_factory.mktemp("uds"), COMPONENTS / "uds"),
    }


by_tree = pytest.mark.parametrize("tree", ["istio-sidecar", "istio-gateway", "waypoint", "uds"])


def is_of_the_mesh(manifest: Manifest) -> bool:
    """Whether Istio defines its kind."""
    return str(manifest["apiVersion"].partition("/")[0]).endswith(OF_THE_MESH)


def document_of(folder: Path, monkeypatch: pytest.MonkeyPatch, listen: str) -> Document:
    """The configuration in a folder, as a pod with the component has it."""
    if listen:
        monkeypatch.setenv("LLM_EXTPROC_LISTEN", listen)
    return read_config(folder / "config" / "config.yaml").loaded.document


# --- what is built -------------------------------------------------------------------------------------------------


@by_tree
@pytest.mark.parametrize("version", KUBERNETES)
def test_objects_of_kubernetes_are_valid(trees: dict[str, list[Manifest]], tree: str, version: str) -> None:
    """In each release that is supported, with unknown fields refused."""
    kubernetes = require_module("kubernetes_validate", "kubernetes-validate")
    for manifest in trees[tree]:
        if not is_of_the_mesh(manifest):
            kubernetes.validate(manifest, version, strict=True)


@by_tree
def test_objects_of_istio_are_valid(trees: dict[str, list[Manifest]], tree: str) -> None:
    """By their real definitions, with their rules in CEL."""
    ours = [each for each in trees[tree] if is_of_the_mesh(each)]
    assert "EnvoyFilter" in [each["kind"] for each in ours]
    for manifest in ours:
        definition = definition_of(manifest)
        assert schema_problems(definition, manifest) == rule_problems(definition, manifest) == []


@by_tree
def test_pods_are_restricted(trees: dict[str, list[Manifest]], tree: str) -> None:
    """And none has the user of Istio's proxy, who goes past its interception."""
    template = pod(trees[tree])
    assert violations(template["spec"]) == []
    assert "1337" not in json.dumps(template)


@by_tree
def test_selectors_select(trees: dict[str, list[Manifest]], tree: str) -> None:
    """The Service and the Deployment mean the pods of the Deployment."""
    labels = pod(trees[tree])["metadata"]["labels"].items()
    for kind, path in (("Service", ("selector",)), ("Deployment", ("selector", "matchLabels"))):
        found: Any = one(trees[tree], kind)["spec"]
        for key in path:
            found = found[key]
        assert found.items() <= labels


# --- the Envoy half ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GENERATED)
def test_the_file_is_generated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte for byte what `extproc envoy-config CONFIG --for PLACE` prints; write it again with that."""
    folder, of, place, options, listen = GENERATED[name]
    objects = mesh_objects(document_of(of, monkeypatch, listen), place, options)
    assert (folder / "istio.yaml").read_text() == to_manifests(objects, place)


@pytest.mark.parametrize("name", GENERATED)
def test_the_real_envoy_accepts_it(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the proxy of its place, where each patch finds something to change."""
    require_envoy()
    folder, of, place, _, listen = GENERATED[name]
    manifests = written(folder)
    if place is MeshPlace.INBOUND:
        bootstrap = patched(one(manifests, "EnvoyFilter"), skeleton(place), "SIDECAR_INBOUND")
    else:
        document = document_of(of, monkeypatch, listen)
        hosts = [version.endpoints[0] for version in document.models["qwen3-0.6b"].versions.values()]
        servers = {(host.partition(":")[0], 8000): ADDRESS for host in hosts}
        bootstrap = proxy(place, manifests, servers, {f"outbound|50051||{_host(document)}": ADDRESS})
    file = tmp_path / "envoy.yaml"
    file.write_text(json.dumps(bootstrap))
    assert validation_error(file) is None


def _host(document: Document) -> str:
    return str(document.envoy.processor.address).partition(":")[0]


@pytest.mark.parametrize("folder", [BASE, PROCESSOR], ids=lambda folder: folder.name)
def test_the_configuration_has_no_problem(folder: Path) -> None:
    """Nor a warning."""
    warnings = read_config(folder / "config" / "config.yaml").loaded.warnings
    assert [one for one in warnings if one.severity is not Severity.ERROR] == []


def test_the_envoy_half_calls_the_service_that_is_built(trees: dict[str, list[Manifest]]) -> None:
    """By its name, and a gateway by a headless one, a waypoint by one with an address."""
    for tree, is_headless in (("istio-gateway", True), ("waypoint", False)):
        service = one(trees[tree], "Service")
        config = one(trees[tree], "ConfigMap")["data"]["config.yaml"]
        address = yaml.safe_load(config)["envoy"]["processor"]["address"]
        assert address == f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc.cluster.local:50051"
        assert (service["spec"].get("clusterIP") == "None") is is_headless
    namespaces = {each["metadata"]["namespace"] for each in trees["istio-gateway"] if each["kind"] == "VirtualService"}
    assert namespaces == {"istio-ingress"}


# --- the socket ----------------------------------------------------------------------------------------------------


def test_the_socket_is_where_both_look_for_it(
    trees: dict[str, list[Manifest]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that llm-extproc and Istio's proxy mount, and that their common group may use; vLLM does not have it."""
    template = pod(trees["uds"])
    sidecar = container(template, "llm-extproc")
    (env,) = sidecar["env"]
    monkeypatch.setenv(env["name"], env["value"])
    assert read_config(BASE / "config" / "config.yaml").loaded.document.server.listen == SOCKET
    (mount,) = [each for each in sidecar["volumeMounts"] if each["name"] == "llm-extproc-uds"]
    assert SOCKET.startswith(f"unix:{mount['mountPath']}/")
    (key,) = [key for key in template["metadata"]["annotations"] if key.endswith("userVolumeMount")]
    assert json.loads(template["metadata"]["annotations"][key]) == {
        "llm-extproc-uds": {"mountPath": mount["mountPath"]}
    }
    assert template["spec"]["securityContext"]["fsGroup"] == 65532
    assert "llm-extproc-uds" not in json.dumps(container(template, "vllm"))


def test_a_socket_and_a_port_differ_in_nothing_else(trees: dict[str, list[Manifest]]) -> None:
    """One address of one cluster."""

    def patches(tree: str) -> list[Any]:
        found = json.loads(json.dumps(one(trees[tree], "EnvoyFilter")["spec"]["configPatches"]))
        for each in found:
            if each["applyTo"] == "CLUSTER":
                (endpoints,) = each["patch"]["value"]["load_assignment"]["endpoints"]
                del endpoints["lb_endpoints"][0]["endpoint"]["address"]
        return list(found)

    assert patches("uds") == patches("istio-sidecar")


# --- a model server of one's own -----------------------------------------------------------------------------------


def test_components_add_the_processor_to_any_model_server(tmp_path: Path) -> None:
    """By a label: whatever its Deployment is called, and others in the tree stay as they are."""
    mine: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "mine", "labels": {"app.kubernetes.io/component": "model-server"}},
        "spec": {"template": {"spec": {"containers": [{"name": "sglang", "image": "sglang"}]}}},
    }
    other = {**mine, "metadata": {"name": "other"}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump_all([mine, other]))
    tree = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["mine.yaml"],
        "components": [os.path.relpath(COMPONENTS / name, tmp_path) for name in ("sidecar", "loopback")],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(tree))
    deployments = {each["metadata"]["name"]: each for each in built(tmp_path) if each["kind"] == "Deployment"}
    template = deployments["mine"]["spec"]["template"]
    assert [each["name"] for each in template["spec"]["initContainers"]] == ["llm-extproc"]
    assert template["metadata"]["labels"]["llm-extproc.dev/sidecar"] == "true"
    assert template["spec"]["containers"] == mine["spec"]["template"]["spec"]["containers"]
    assert deployments["other"]["spec"] == other["spec"]


# --- files ---------------------------------------------------------------------------------------------------------

FOLDERS = [BASE, PROCESSOR, ISTIO_SIDECAR, *sorted({folder for folder, *_ in GENERATED.values()})]


def _files_named(kustomization: Manifest) -> Iterator[str]:
    yield from kustomization.get("resources", ())
    yield from (each["path"] for each in kustomization.get("patches", ()) if "path" in each)
    yield from (file for each in kustomization.get("configMapGenerator", ()) for file in each["files"])


@pytest.mark.parametrize("folder", [*FOLDERS, COMPONENTS / "sidecar"], ids=lambda folder: folder.name)
def test_every_file_is_used(folder: Path) -> None:
    """No manifest lies in a folder without its kustomization naming it."""
    named = {each for each in _files_named(kustomization_of(folder)) if not each.startswith("..")}
    files = {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}
    assert files == {"kustomization.yaml", *named}
