"""The template by which Istio injects the processor, merged into a pod as the API server merges.

Istio renders each template that a pod names, and merges it into the pod by Kubernetes' strategic merge
(``pkg/kube/inject``: ``applyOverlay``). kubectl has the same code, and needs no cluster for it. Then Istio puts its own
init containers first (``reorderPod``), which `reordered` does here.
"""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.helm_chart import program, rendered
from tests.deploy.manifests import BASE, ISTIO_SIDECAR, Manifest, built, container, one, require_module, written
from tests.deploy.pod_security import violations

PROXY: Manifest = {
    "name": "istio-proxy",
    "image": "istio/proxyv2",
    "restartPolicy": "Always",
    "securityContext": {
        "runAsUser": 1337,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
}
"""What Istio's own template adds, as far as it matters here; istio-cni is there, so no istio-init."""
FIRST = ("istio-init", "istio-proxy")


def pod_of_vllm() -> Manifest:
    """A pod of a model server that knows nothing of the processor, but asks for it."""
    template = copy.deepcopy(one(written(BASE), "Deployment")["spec"]["template"])
    template["spec"]["initContainers"] = [{"name": "download", "image": "busybox"}]
    metadata = {**template["metadata"], "name": "vllm", "namespace": "llm"}
    metadata["annotations"]["inject.istio.io/templates"] = "sidecar,llm-extproc"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


@pytest.fixture
def vllm() -> Manifest:
    """To be changed at will."""
    return pod_of_vllm()


def template_text(*values: str) -> str:
    """The template that the chart has for istiod."""
    config_map = one(rendered("sidecar", *values), "ConfigMap", "llm-llm-extproc-injection")
    written_values = yaml.safe_load(config_map["data"]["istiod-values.yaml"])
    found: str = written_values["sidecarInjectorWebhook"]["templates"]["llm-extproc"]
    return found


def merged(pod: Manifest, overlay: Manifest, folder: Path) -> Manifest:
    """By kubectl, without a cluster."""
    (folder / "pod.yaml").write_text(yaml.safe_dump(pod))
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    command = [program("kubectl"), "patch", "--local", "--type", "strategic", "-o", "json"]
    files = ["-f", str(folder / "pod.yaml"), "--patch-file", str(folder / "overlay.yaml")]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: Manifest = json.loads(done.stdout)
    return found


def injected(pod: Manifest, folder: Path, *values: str) -> Manifest:
    """As Istio does it for `inject.istio.io/templates: sidecar,llm-extproc`."""
    with_proxy = merged(pod, {"spec": {"initContainers": [PROXY]}}, folder)
    return reordered(merged(with_proxy, yaml.safe_load(template_text(*values)), folder))


def reordered(pod: Manifest) -> Manifest:
    """Istio's own init containers come first, the others stay in order."""
    containers: list[dict[str, Any]] = pod["spec"]["initContainers"]
    own = [one for name in FIRST for one in containers if one["name"] == name]
    pod["spec"]["initContainers"] = [*own, *(one for one in containers if one["name"] not in FIRST)]
    return pod


def test_the_template_has_nothing_that_istio_renders() -> None:
    """Braces would be Go's; a prompt or a path cannot bring any."""
    assert "{{" not in template_text()


def test_a_pod_with_the_annotation_has_the_processor(vllm: Manifest, tmp_path: Path) -> None:
    """As a native sidecar behind Envoy and before the model server, whose own things stay."""
    pod = injected(vllm, tmp_path)
    names = [one["name"] for one in pod["spec"]["initContainers"]]
    assert names[0] == "istio-proxy"
    assert set(names) == {"istio-proxy", "llm-extproc", "download"}
    processor = container(pod, "llm-extproc")
    assert processor["restartPolicy"] == "Always"
    assert pod["spec"]["containers"] == vllm["spec"]["containers"]
    volumes = {one["name"] for one in pod["spec"]["volumes"]}
    assert {one["name"] for one in processor["volumeMounts"]} <= volumes
    assert {one["name"] for one in vllm["spec"]["volumes"]} <= volumes
    assert pod["metadata"]["annotations"]["traffic.sidecar.istio.io/excludeInboundPorts"] == "9464"


def test_such_a_pod_is_valid_and_restricted(vllm: Manifest, tmp_path: Path) -> None:
    """In the namespace of the base; the user's own init container is its own matter."""
    pod = injected(vllm, tmp_path)
    kubernetes = require_module("kubernetes_validate", "kubernetes-validate")
    kubernetes.validate(pod, "1.34", strict=True)
    assert [one for one in violations(pod["spec"]) if not one.startswith("download.")] == []


def test_the_processor_is_restricted_in_a_pod_that_is_not(vllm: Manifest, tmp_path: Path) -> None:
    """A model server that runs as root does not make the processor root."""
    vllm["spec"]["securityContext"] = {"runAsUser": 0}
    pod = injected(vllm, tmp_path)
    assert [one for one in violations(pod["spec"]) if one.startswith("llm-extproc.")] == []
    assert container(pod, "llm-extproc")["securityContext"]["runAsUser"] == 65532


SOCKET = ("--set", "config.server.listen=unix:/var/run/llm-extproc/extproc.sock")


def test_a_socket_is_for_envoy_and_the_processor(vllm: Manifest, tmp_path: Path) -> None:
    """No other container has its folder, and Envoy's cluster has its path."""
    pod = injected(vllm, tmp_path, *SOCKET)
    assert [one["name"] for one in pod["spec"]["initContainers"]] == ["istio-proxy", "llm-extproc", "download"]
    proxy = container(pod, "istio-proxy")
    assert {key: value for key, value in proxy.items() if key != "volumeMounts"} == PROXY
    reached = {
        one["name"]
        for one in [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]
        for mount in one.get("volumeMounts", [])
        if mount["name"] == "llm-extproc-socket"
    }
    assert reached == {"istio-proxy", "llm-extproc"}
    require_module("kubernetes_validate", "kubernetes-validate").validate(pod, "1.34", strict=True)
    patches = one(rendered("sidecar", *SOCKET), "EnvoyFilter")["spec"]["configPatches"]
    (cluster,) = [each["patch"]["value"] for each in patches if each["applyTo"] == "CLUSTER"]
    (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert endpoint["endpoint"]["address"] == {"pipe": {"path": "/var/run/llm-extproc/extproc.sock"}}


def test_injecting_twice_is_injecting_once(vllm: Manifest, tmp_path: Path) -> None:
    """A webhook may be called again, and a pod may have the container of the overlay already."""
    pod = injected(vllm, tmp_path)
    again = injected(copy.deepcopy(pod), tmp_path)
    assert again["spec"]["initContainers"] == pod["spec"]["initContainers"]
    by_name = {one["name"]: one for one in pod["spec"]["volumes"]}
    assert {one["name"]: one for one in again["spec"]["volumes"]} == by_name


def test_the_processor_is_that_of_the_overlay() -> None:
    """Who injects it and who writes it down gets the same container, but for its image and its data."""
    (ours,) = yaml.safe_load(template_text())["spec"]["initContainers"]
    theirs = container(one(built(BASE), "Deployment")["spec"]["template"], "llm-extproc")
    for name in (
        "args",
        "startupProbe",
        "readinessProbe",
        "livenessProbe",
        "resources",
        "restartPolicy",
    ):
        assert ours[name] == theirs[name], name
    overlay = one(built(ISTIO_SIDECAR), "Deployment")["spec"]["template"]["metadata"]["annotations"]
    key = "traffic.sidecar.istio.io/excludeInboundPorts"
    assert yaml.safe_load(template_text())["metadata"]["annotations"][key] == overlay[key]
