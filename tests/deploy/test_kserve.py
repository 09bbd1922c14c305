"""Versions as objects of KServe: routes lead to what KServe makes of them, and to nothing else.

Names are those of KServe 0.20: the Service ``NAME-predictor`` of an InferenceService in mode Standard, and the
InferencePool ``NAME-inference-pool`` of an LLMInferenceService with a scheduler.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.custom_resources import schema_problems
from tests.deploy.manifests import Manifest
from tests.deploy.test_envoy_gateway import definition_of
from tests.deploy.test_gateway_overlays import objects_of

POOLED = ("kserve-llm", "inference-pools")


def of_kind(objects: list[Manifest], kind: str) -> list[Manifest]:
    """All objects of a kind."""
    return [each for each in objects if each["kind"] == kind]


def backends(objects: list[Manifest]) -> list[dict[str, Any]]:
    """What the routes lead to."""
    return [
        each
        for route in of_kind(objects, "HTTPRoute")
        for rule in route["spec"]["rules"]
        for each in rule.get("backendRefs", ())
    ]


def test_versions_are_the_services_of_inference_services() -> None:
    """In the namespace of the routes, on the port that KServe gives them."""
    objects = objects_of("kserve")
    services = of_kind(objects, "InferenceService")
    assert {(each["name"], each["port"]) for each in backends(objects)} == {
        (f"{each['metadata']['name']}-predictor", 80) for each in services
    }
    for each in services:
        assert each["metadata"]["namespace"] == "llm"
        assert each["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"


def test_the_network_policy_is_for_all_versions() -> None:
    """By the label that KServe gives the pods of an InferenceService."""
    objects = objects_of("kserve")
    (policy,) = of_kind(objects, "NetworkPolicy")
    (selected,) = policy["spec"]["podSelector"]["matchExpressions"]
    assert (selected["key"], selected["operator"]) == ("serving.kserve.io/inferenceservice", "In")
    assert selected["values"] == [each["metadata"]["name"] for each in of_kind(objects, "InferenceService")]


def test_kserve_shares_no_traffic_itself() -> None:
    """What it shared below a version would be one version for llm-extproc; and none is reached from outside."""
    for each in of_kind(objects_of("kserve"), "InferenceService"):
        assert "canary" not in each["spec"]
        assert "canaryTrafficPercent" not in each["spec"]["predictor"]
        assert each["metadata"]["labels"]["networking.kserve.io/visibility"] == "cluster-local"
    for each in of_kind(objects_of("kserve-llm"), "LLMInferenceService"):
        assert "route" not in each["spec"]["router"]


def test_versions_are_the_pools_of_llm_inference_services() -> None:
    """Their Services speak TLS, and a picker knows the servers."""
    objects = objects_of("kserve-llm")
    made = {f"{each['metadata']['name']}-inference-pool" for each in of_kind(objects, "LLMInferenceService")}
    assert {each["name"] for each in backends(objects)} == made


def test_pickers_reach_the_servers_of_their_pools() -> None:
    """They read the load of each, past the policy that lets in the Gateway alone."""
    objects = objects_of("inference-pools")
    (policy,) = of_kind(objects, "NetworkPolicy")
    _, rule = policy["spec"]["ingress"]
    ((allowed,),) = [each["podSelector"]["matchExpressions"] for each in rule["from"]]
    pools = of_kind(objects, "InferencePool")
    assert allowed["values"] == [each["spec"]["endpointPickerRef"]["name"] for each in pools]
    assert {each["spec"]["targetPorts"][0]["number"] for each in pools} == {rule["ports"][0]["port"]}


@pytest.mark.parametrize("name", POOLED)
def test_each_version_leads_to_its_pool(name: str) -> None:
    """By its kind and group; none of them to a Service."""
    objects = objects_of(name)
    for version in ("v1", "v2"):
        (route,) = [each for each in of_kind(objects, "HTTPRoute") if each["metadata"]["name"].endswith(version)]
        ((backend,),) = [rule["backendRefs"] for rule in route["spec"]["rules"]]
        assert backend == {
            "group": "inference.networking.k8s.io",
            "kind": "InferencePool",
            "name": f"llama-{version}-inference-pool",
        }


def test_pools_are_there_and_fail_closed() -> None:
    """Those without KServe are written down; Envoy cannot fail open with a picker in full duplex."""
    pools = of_kind(objects_of("inference-pools"), "InferencePool")
    assert [each["metadata"]["name"] for each in pools] == ["llama-v1-inference-pool", "llama-v2-inference-pool"]
    assert {each["spec"]["endpointPickerRef"]["failureMode"] for each in pools} == {"FailClose"}


def test_a_misspelled_field_is_found() -> None:
    """What KServe's API server would drop."""
    service, *_ = of_kind(objects_of("kserve"), "InferenceService")
    broken = {**service, "spec": {"predictor": {**service["spec"]["predictor"], "minReplica": 1}}}
    (problem,) = schema_problems(definition_of(service), broken)
    assert "minReplica" in problem
