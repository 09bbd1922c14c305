"""Policies by place; ``tests/deploy`` asks them whom they refuse."""

from __future__ import annotations

from collections.abc import Callable

from extproc.config.document import Document
from extproc.envoy_config.istio.access import inbound_policy_spec, policies_by_namespace, strict_tls_spec
from extproc.envoy_config.istio.mesh import MeshOptions, MeshPlace, mesh_of
from tests.unit.envoy_config.istio.test_mesh import GUARD, IN_GATEWAY, PROCESSOR, versions

Make = Callable[..., Document]


def test_each_namespace_has_one_policy(document: Make) -> None:
    """Where both are, its policy is for the model servers and the processor."""
    made = document(models=versions("vllm-v1.blue.svc.cluster.local:8000"), envoy=PROCESSOR)
    policies = policies_by_namespace(mesh_of(made, MeshPlace.GATEWAY, IN_GATEWAY))
    ports = {
        namespace: [rule["to"][0]["operation"]["ports"] for rule in spec["rules"]]
        for namespace, spec in policies.items()
    }
    assert ports == {"blue": [["8000"]], "llm": [["8000"], ["50051"]]}


def test_the_port_is_that_of_the_pods(document: Make) -> None:
    """A policy is for connections to pods, whatever port their Service has."""
    mesh = mesh_of(document(models=versions()), MeshPlace.GATEWAY, IN_GATEWAY._replace(model_port=9000))
    (spec,) = policies_by_namespace(mesh).values()
    assert spec["rules"][0]["to"][0]["operation"]["ports"] == ["9000"]


def test_both_objects_of_a_guard_mean_its_pods(document: Make) -> None:
    """By the labels that the EnvoyFilter has."""
    mesh = mesh_of(document(**GUARD), MeshPlace.INBOUND, MeshOptions(labels={"app": "vllm"}))
    assert inbound_policy_spec(mesh)["selector"] == strict_tls_spec(mesh)["selector"]
    assert strict_tls_spec(mesh)["selector"] == {"matchLabels": {"app": "vllm"}}
