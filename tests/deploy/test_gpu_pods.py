"""The component that lets processors look up the GPUs of servers: no more rights than that takes, and no fewer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from extproc.ledger.allocation.pods.look_ups import LookedUp, PodGpus, PodLookUps
from extproc.ledger.allocation.settings import PodSettings
from tests.deploy.components import COMPONENTS, TOKEN_FOLDER, allowed_by, built_with
from tests.deploy.manifests import Manifest, container, one, pod, require_module
from tests.deploy.pod_security import violations
from tests.hangs import HANG_S
from tests.unit.ledger.allocation.pods import samples
from tests.unit.ledger.allocation.test_sampling import until
from tests.unit.ledger.rollouts.kubernetes.api_server import ApiServer, kubeconfig, serving

COMPONENT = COMPONENTS / "gpu-pods"
WANTED = LookedUp("vllm-0", (1, 0), True, True)


@pytest.fixture
def manifests(tmp_path: Path) -> list[Manifest]:
    """The base with the component."""
    return built_with(tmp_path, COMPONENT)


def test_what_it_builds_is_valid_and_restricted(manifests: list[Manifest]) -> None:
    """By Kubernetes' own schemas; and the pod passes the admission of its namespace."""
    kubernetes = require_module("kubernetes_validate", "kubernetes-validate")
    for manifest in manifests:
        kubernetes.validate(manifest, "1.34", strict=True)
    assert violations(pod(manifests)["spec"]) == []


def test_the_roles_are_two_verbs(manifests: list[Manifest]) -> None:
    """Pods of one namespace, and nodes; nothing is written, and nothing is watched."""
    assert allowed_by(one(manifests, "Role"), one(manifests, "ClusterRole")) == {
        ("list", "", "pods", ""),
        ("get", "", "nodes", ""),
    }
    account = one(manifests, "ServiceAccount")["metadata"]
    for role, binding in (("Role", "RoleBinding"), ("ClusterRole", "ClusterRoleBinding")):
        bound = one(manifests, binding)
        assert bound["roleRef"]["name"] == one(manifests, role)["metadata"]["name"]
        assert bound["subjects"] == [{"kind": "ServiceAccount", "name": account["name"], "namespace": "llm"}]
    assert one(manifests, "Role")["metadata"]["namespace"] == "llm"
    assert pod(manifests)["spec"]["serviceAccountName"] == account["name"]


@pytest.fixture
def server(manifests: list[Manifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """An API server with a pod and its node, which allows what the roles do."""
    with serving(ApiServer(allowed=allowed_by(one(manifests, "Role"), one(manifests, "ClusterRole")))) as server:
        server.put(samples.pod(namespace="llm"))
        server.put(samples.node())
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, server.url)))
        yield server


@pytest.fixture
def look_ups() -> Iterator[PodLookUps]:
    """In role guard, as the base has it."""
    running = PodLookUps(PodSettings(("llm",), samples.GPU, samples.LABEL), True, pauses_s=(0.005,))
    running.start()
    yield running
    running.stop()
    running.join(HANG_S)


@pytest.mark.usefixtures("server")
def test_the_roles_are_enough_to_look_up(look_ups: PodLookUps) -> None:
    """By the official client, at an API server that looks at rights."""
    look_ups.want({WANTED})
    until(lambda: look_ups.answer(WANTED))
    assert look_ups.answer(WANTED) == PodGpus(2, samples.H100, "llm/vllm-0", "uid-llm-vllm-0")


@pytest.mark.parametrize("what", ["pods", "nodes"])
def test_it_takes_both(server: ApiServer, look_ups: PodLookUps, what: str) -> None:
    """So the roles have none too many."""
    assert server.allowed is not None
    server.allowed = {each for each in server.allowed if each[2] != what}
    look_ups.want({WANTED})
    until(look_ups.failures)
    (told,) = look_ups.failures()
    assert told.startswith("This service account may not ")
    assert look_ups.answer(WANTED) is None


def test_a_kind_that_is_written_takes_no_right_to_nodes(server: ApiServer, look_ups: PodLookUps) -> None:
    """As a comment says."""
    server.allowed = {("list", "", "pods", "")}
    without_kind = WANTED._replace(wants_kind=False)
    look_ups.want({without_kind})
    until(lambda: look_ups.answer(without_kind))
    assert look_ups.answer(without_kind) == PodGpus(2, "", "llm/vllm-0", "uid-llm-vllm-0")


def test_only_the_processor_has_a_token(manifests: list[Manifest]) -> None:
    """vLLM runs what a model brings along."""
    template = pod(manifests)
    (volume,) = [each["name"] for each in template["spec"]["volumes"] if "token" in each["name"]]
    mounts = {
        name: [each["mountPath"] for each in container(template, name)["volumeMounts"] if each["name"] == volume]
        for name in ("llm-extproc", "vllm")
    }
    assert mounts == {"llm-extproc": [TOKEN_FOLDER], "vllm": []}


def test_with_the_weights_of_rollouts(tmp_path: Path) -> None:
    """Both have one account."""
    manifests = built_with(tmp_path, COMPONENTS / "rollout-weights", COMPONENT / "roles")
    account = one(manifests, "ServiceAccount")["metadata"]["name"]
    bindings = [each for each in manifests if each["kind"] in ("RoleBinding", "ClusterRoleBinding")]
    assert len(bindings) == 3
    assert {subject["name"] for each in bindings for subject in each["subjects"]} == {account}


def test_every_file_is_used() -> None:
    """No manifest lies there without a kustomization naming it."""
    for folder in (COMPONENT, COMPONENT / "roles"):
        tree = yaml.safe_load((folder / "kustomization.yaml").read_text())
        named = {"kustomization.yaml", *tree["resources"], *tree.get("components", ())}
        named |= {each["path"] for each in tree.get("patches", ())}
        assert {each.name for each in folder.iterdir()} == named
