"""The component that lets processors write the weights of a route: no more rights than that takes, and no fewer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from extproc.ledger.rollouts.kubernetes.api import KubernetesApi
from extproc.ledger.rollouts.kubernetes.objects import KINDS, TrafficFailed, applied, is_same, places_of, share_in
from tests.deploy.components import COMPONENTS, TOKEN_FOLDER, allowed_by, built_with
from tests.deploy.manifests import Manifest, container, one, pod, require_module
from tests.deploy.pod_security import violations
from tests.unit.ledger.rollouts.kubernetes.api_server import ApiServer, kubeconfig, serving
from tests.unit.ledger.rollouts.kubernetes.samples import EXAMPLES

COMPONENT = COMPONENTS / "rollout-weights"
ROUTE = EXAMPLES["HTTPRoute"]


@pytest.fixture
def manifests(tmp_path: Path) -> list[Manifest]:
    """The base with the component."""
    return built_with(tmp_path, COMPONENT)


def test_what_it_builds_is_valid_and_restricted(manifests: list[Manifest]) -> None:
    """By Kubernetes' own schemas; and the pod passes the admission of its namespace."""
    kubernetes = require_module("kubernetes_validate", "kubernetes-validate")
    for manifest in manifests:
        kubernetes.validate(manifest, "1.34", strict=True)
    assert {"Role", "RoleBinding", "ServiceAccount"} <= {each["kind"] for each in manifests}
    assert violations(pod(manifests)["spec"]) == []


def test_the_role_is_for_one_object_and_two_verbs(manifests: list[Manifest]) -> None:
    """Reading and patching it: no list, no other object, nothing of the cluster."""
    role = one(manifests, "Role")
    kind = KINDS["HTTPRoute"]
    assert allowed_by(role) == {(verb, kind.group, kind.plural, "chat") for verb in ("get", "patch")}
    binding = one(manifests, "RoleBinding")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    account = one(manifests, "ServiceAccount")["metadata"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account["name"], "namespace": "llm"}]
    assert pod(manifests)["spec"]["serviceAccountName"] == account["name"]


def test_the_role_names_the_other_kinds_as_they_are() -> None:
    """In comments, for who shares traffic by another object."""
    text = (COMPONENT / "role.yaml").read_text()
    for kind in ("VirtualService", "LLMInferenceService"):
        assert f"{kind}: apiGroups [{KINDS[kind].group}], resources [{KINDS[kind].plural}]" in text


@pytest.fixture
def server(manifests: list[Manifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """An API server with the route, which allows what the Role does."""
    with serving(ApiServer(allowed=allowed_by(one(manifests, "Role")))) as server:
        server.create("httproutes", ROUTE.trees[0], "people", KINDS["HTTPRoute"].owns)
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, server.url)))
        yield server


def write_share() -> float | None:
    """Write a share. Returns: the one that is there then. Raises: TrafficFailed."""
    with closing(KubernetesApi()) as api:
        return share_in(ROUTE.traffic, api.apply(applied(ROUTE.traffic, api.read(places_of(ROUTE.traffic)), 0.05)))


@pytest.mark.usefixtures("server")
def test_the_role_is_enough_to_write_a_share() -> None:
    """By the official client, at an API server that looks at rights."""
    assert is_same(write_share(), 0.05)


@pytest.mark.parametrize("verb", ["get", "patch"])
def test_it_takes_both_verbs(server: ApiServer, verb: str) -> None:
    """So the Role has none too many."""
    assert server.allowed is not None
    server.allowed = {one for one in server.allowed if one[0] != verb}
    with pytest.raises(TrafficFailed, match=f"may not {verb} HTTPRoute llm/chat"):
        write_share()


def test_only_the_processor_has_a_token(manifests: list[Manifest]) -> None:
    """vLLM runs what a model brings along: it must not write routes."""
    template = pod(manifests)
    (volume,) = [each["name"] for each in template["spec"]["volumes"] if "token" in each["name"]]
    mounts = {
        name: [each["mountPath"] for each in container(template, name)["volumeMounts"] if each["name"] == volume]
        for name in ("llm-extproc", "vllm")
    }
    assert mounts == {"llm-extproc": [TOKEN_FOLDER], "vllm": []}
    assert one(manifests, "ServiceAccount")["automountServiceAccountToken"] is False


def test_every_file_is_used() -> None:
    """No manifest lies there without the kustomization naming it."""
    tree = yaml.safe_load((COMPONENT / "kustomization.yaml").read_text())
    named = {"kustomization.yaml", *tree["resources"], *(each["path"] for each in tree["patches"])}
    assert {each.name for each in COMPONENT.iterdir()} == named
