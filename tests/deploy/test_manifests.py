"""What is under deploy/kustomize is valid, complete, and agrees with itself and with what the program does."""

from __future__ import annotations

import copy
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from extproc.config.problems import ConfigInvalid
from extproc.server.operations.config_files import read_config
from extproc.server.operations.health import Health
from extproc.server.operations.pages import OpsServer
from tests.deploy.manifests import (
    BASE,
    ISTIO_SIDECAR,
    Manifest,
    built,
    container,
    one,
    pod,
    require_module,
    written,
)
from tests.deploy.pod_security import violations
from tests.hangs import HANG_S

KUBERNETES = "1.34"
CUSTOM_KINDS = ("EnvoyFilter", "AuthorizationPolicy", "PeerAuthentication")
FOLDERS = [BASE, ISTIO_SIDECAR]
"""Those of one vLLM with its sidecar; `test_kustomize` and `test_gateway_overlays` have the others."""

by_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@pytest.fixture
def deployment() -> Manifest:
    """The base's Deployment with its sidecar, to be changed at will."""
    return copy.deepcopy(one(built(BASE), "Deployment"))


@pytest.fixture
def template(deployment: Manifest) -> Manifest:
    """Its pod."""
    result: Manifest = deployment["spec"]["template"]
    return result


def _validate(manifest: Manifest) -> None:
    """Raises: kubernetes_validate.ValidationError."""
    kubernetes = require_module("kubernetes_validate", "kubernetes-validate")
    kubernetes.validate(manifest, KUBERNETES, strict=True)


# --- schemas -------------------------------------------------------------------------------------------------------


def test_the_written_base_is_valid() -> None:
    """Each file is a valid object by itself, without kustomize."""
    manifests = written(BASE)
    assert [each["kind"] for each in manifests] == ["Namespace", "Deployment", "Service"]
    for manifest in manifests:
        _validate(manifest)


@by_folder
def test_what_kustomize_builds_is_valid(folder: Path) -> None:
    """Every object of Kubernetes' own, by its schemas, with unknown fields refused."""
    manifests = [each for each in built(folder) if each["kind"] not in CUSTOM_KINDS]
    assert {each["kind"] for each in manifests} == {"Namespace", "ConfigMap", "Service", "Deployment"}
    for manifest in manifests:
        _validate(manifest)


@by_folder
def test_everything_is_in_one_namespace(folder: Path) -> None:
    """An EnvoyFilter works in its own namespace only; a Service selects there."""
    manifests = built(folder)
    namespace = one(manifests, "Namespace")["metadata"]["name"]
    assert {each["metadata"].get("namespace") for each in manifests if each["kind"] != "Namespace"} == {namespace}


def test_a_misspelled_field_is_found(deployment: Manifest) -> None:
    """The validation is strict: what the API server would drop is an error here."""
    kubernetes = require_module("kubernetes_validate", "kubernetes-validate")
    sidecar = deployment["spec"]["template"]["spec"]["initContainers"][0]
    sidecar["restartpolicy"] = sidecar.pop("restartPolicy")
    with pytest.raises(kubernetes.ValidationError, match="restartpolicy"):
        _validate(deployment)


# --- pod security --------------------------------------------------------------------------------------------------


@by_folder
def test_the_pod_is_restricted(folder: Path) -> None:
    """The pod passes the admission that its namespace asks for."""
    manifests = built(folder)
    assert one(manifests, "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert violations(pod(manifests)["spec"]) == []


def test_the_written_pod_is_restricted(template: Manifest) -> None:
    """As above, without kustomize; and the user is the image's."""
    assert violations(template["spec"]) == []
    assert template["spec"]["securityContext"]["runAsUser"] == 65532


LOOSENED: dict[str, Callable[[Manifest], object]] = {
    "hostNetwork": lambda spec: spec.update(hostNetwork=True),
    "volumes.host": lambda spec: spec["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
    "automountServiceAccountToken": lambda spec: spec.pop("automountServiceAccountToken"),
    "llm-extproc.runAsNonRoot": lambda spec: spec["securityContext"].pop("runAsNonRoot"),
    "vllm.runAsUser": lambda spec: spec["containers"][0]["securityContext"].update(runAsUser=0),
    "llm-extproc.seccompProfile": lambda spec: spec["securityContext"].pop("seccompProfile"),
    "llm-extproc.allowPrivilegeEscalation": lambda spec: _sidecar(spec).pop("allowPrivilegeEscalation"),
    "llm-extproc.privileged": lambda spec: _sidecar(spec).update(privileged=True),
    "llm-extproc.procMount": lambda spec: _sidecar(spec).update(procMount="Unmasked"),
    "llm-extproc.capabilities.drop": lambda spec: _sidecar(spec)["capabilities"].pop("drop"),
    "llm-extproc.capabilities.add": lambda spec: _sidecar(spec)["capabilities"].update(add=["NET_ADMIN"]),
    "llm-extproc.readOnlyRootFilesystem": lambda spec: _sidecar(spec).update(readOnlyRootFilesystem=False),
    "vllm.hostPort": lambda spec: spec["containers"][0]["ports"][0].update(hostPort=8000),
    "vllm.livenessProbe": lambda spec: spec["containers"][0]["livenessProbe"]["httpGet"].update(host="example.org"),
}


def _sidecar(spec: Manifest) -> Manifest:
    context: Manifest = spec["initContainers"][0]["securityContext"]
    return context


@pytest.mark.parametrize("what", LOOSENED)
def test_a_loosened_pod_is_found(what: str, template: Manifest) -> None:
    """Each rule of the check catches what breaks it, and says where."""
    LOOSENED[what](template["spec"])
    assert [each for each in violations(template["spec"]) if each.startswith(f"{what}:")] != []


# --- agreement -----------------------------------------------------------------------------------------------------


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """The configuration file as the container sees it: the ConfigMaps, projected where the sidecar mounts them."""
    template = pod(manifests := built(BASE))
    sidecar = container(template, "llm-extproc")
    (volume,) = [each for each in template["spec"]["volumes"] if each["name"] == "llm-extproc-config"]
    (mount,) = [each for each in sidecar["volumeMounts"] if each["name"] == volume["name"]]
    folder = tmp_path / mount["mountPath"].lstrip("/")
    for source in volume["projected"]["sources"]:
        data = one(manifests, "ConfigMap", source["configMap"]["name"])["data"]
        for item in source["configMap"]["items"]:
            file = folder / item["path"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(data[item["key"]])
    config: str = sidecar["args"][sidecar["args"].index("--config") + 1]
    return tmp_path / config.lstrip("/")


def test_the_mounted_configuration_can_be_used(mounted: Path) -> None:
    """The file that the sidecar is told to read is there, finds its prompt, and has neither errors nor warnings."""
    files = read_config(mounted)
    assert files.loaded.warnings == ()
    assert files.prompts == {"prompts/stable.txt": (BASE / "config" / "prompts" / "stable.txt").read_text()}


def test_the_written_configuration_can_be_used() -> None:
    """`extproc check` says ok to the file in the folder as well, where people change it."""
    assert read_config(BASE / "config" / "config.yaml").loaded.warnings == ()


def test_a_configuration_without_its_prompt_is_found(mounted: Path) -> None:
    """The test above can fail: without the second ConfigMap the configuration is refused."""
    (mounted.parent / "prompts" / "stable.txt").unlink()
    with pytest.raises(ConfigInvalid, match="is not a file"):
        read_config(mounted)


def test_the_configuration_fits_the_model_server(template: Manifest) -> None:
    """Role guard, one version, which is the model that vLLM is told to serve, at its port."""
    document = read_config(BASE / "config" / "config.yaml").loaded.document
    vllm = container(template, "vllm")
    (service_port,) = one(written(BASE), "Service")["spec"]["ports"]
    ((model, entry),) = document.models.items()
    ((version, only),) = entry.versions.items()
    assert document.role == "guard"
    assert document.guard_version == f"{model}/{version}"
    assert f"--served-model-name={model}" in vllm["args"]
    assert f"--port={service_port['targetPort']}" in vllm["args"]
    assert only.endpoints == (f"127.0.0.1:{service_port['targetPort']}",)


def test_the_processor_starts_first_and_stops_last(template: Manifest) -> None:
    """A native sidecar with a startup probe, so that vLLM never serves without it."""
    (sidecar,) = template["spec"]["initContainers"]
    assert sidecar["name"] == "llm-extproc"
    assert sidecar["restartPolicy"] == "Always"
    assert "startupProbe" in sidecar


def test_there_is_time_to_stop(template: Manifest) -> None:
    """Kubernetes kills nothing that is still ending: vLLM's pause and drain, then the processor's, fit in one row."""
    document = read_config(BASE / "config" / "config.yaml").loaded.document
    vllm = container(template, "vllm")
    (shutdown,) = [int(each.partition("=")[2]) for each in vllm["args"] if each.startswith("--shutdown-timeout=")]
    pause = vllm["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pause > 0
    assert template["spec"]["terminationGracePeriodSeconds"] >= pause + shutdown + document.server.drain_ms_max / 1_000


def test_the_selectors_select_the_pod() -> None:
    """Service, Deployment and, in the overlay, Istio's objects mean the same pods."""
    manifests = built(ISTIO_SIDECAR)
    labels = pod(manifests)["metadata"]["labels"].items()
    service, envoy_filter = one(manifests, "Service"), one(manifests, "EnvoyFilter")
    assert service["spec"]["selector"].items() <= labels
    assert one(manifests, "Deployment")["spec"]["selector"]["matchLabels"].items() <= labels
    assert envoy_filter["spec"]["workloadSelector"]["labels"].items() <= labels
    for kind in ("AuthorizationPolicy", "PeerAuthentication"):
        assert one(manifests, kind)["spec"]["selector"]["matchLabels"].items() <= labels


def test_the_mesh_knows_that_it_is_http() -> None:
    """Without the port's protocol Istio guesses, and may build a listener without HTTP filters."""
    (port,) = one(written(BASE), "Service")["spec"]["ports"]
    assert port["appProtocol"] == "http"


def test_prometheus_passes_the_mesh() -> None:
    """The port that the mesh leaves alone is the page's, and no other: all else goes through the guarded proxy."""
    document = read_config(BASE / "config" / "config.yaml").loaded.document
    annotations = pod(built(ISTIO_SIDECAR))["metadata"]["annotations"]
    port = document.server.metrics.rpartition(":")[2]
    assert annotations["traffic.sidecar.istio.io/excludeInboundPorts"] == port


# --- probes --------------------------------------------------------------------------------------------------------


class Program:
    """The program's own pages for probes, without the rest of it."""

    def __init__(self) -> None:
        self.health = Health()
        self.alive = True
        self.pages = OpsServer("127.0.0.1", 0, CollectorRegistry(), self.health, lambda: self.alive)

    def status(self, path: str) -> int:
        """Status of a page."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.pages.port}{path}", timeout=HANG_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture
def program() -> Iterator[Program]:
    """Not yet ready."""
    result = Program()
    yield result
    result.pages.close()


def test_probes_ask_pages_that_there_are(template: Manifest, program: Program) -> None:
    """Started and ready follow the program's readiness; alive does not, or a restart would cut a drain short."""
    sidecar = container(template, "llm-extproc")
    paths = {key: sidecar[f"{key}Probe"]["httpGet"]["path"] for key in ("startup", "readiness", "liveness")}

    def answers() -> dict[str, int]:
        return {key: program.status(path) for key, path in paths.items()}

    assert answers() == {"startup": 503, "readiness": 503, "liveness": 200}
    program.health.set_ready(True)
    assert answers() == {"startup": 200, "readiness": 200, "liveness": 200}
    program.health.drain()
    assert answers() == {"startup": 503, "readiness": 503, "liveness": 200}
    program.alive = False
    assert answers()["liveness"] == 503


def test_probes_reach_the_program(template: Manifest) -> None:
    """The kubelet asks at the pod's address: the pages listen there, and gRPC, which nobody else may ask, does not."""
    document = read_config(BASE / "config" / "config.yaml").loaded.document
    sidecar = container(template, "llm-extproc")
    ports = {each["name"]: each["containerPort"] for each in sidecar["ports"]}
    asked = {ports[sidecar[key]["httpGet"]["port"]] for key in ("startupProbe", "readinessProbe", "livenessProbe")}
    host, _, port = document.server.metrics.rpartition(":")
    assert (host, {int(port)}) == ("0.0.0.0", asked)
    assert document.server.listen.startswith("127.0.0.1:")
