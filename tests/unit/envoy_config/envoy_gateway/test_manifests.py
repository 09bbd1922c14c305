"""All objects of a Gateway as YAML and as a list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from extproc.config.document import Document
from extproc.config.routed import unknown_to
from extproc.envoy_config.envoy_gateway.manifests import gateway_objects, to_gateway_manifests
from extproc.envoy_config.kubernetes_objects import to_list
from extproc.envoy_config.stated_routes import statements, versions_as_routed
from tests.unit.envoy_config.envoy_gateway.test_place import PUBLIC, SOCKET
from tests.unit.envoy_config.istio.test_mesh import PROCESSOR, versions

Make = Callable[..., Document]

POLICIES = ["ClientTrafficPolicy", "EnvoyExtensionPolicy", "BackendTrafficPolicy"]
ROUTES = ["HTTPRouteFilter"] * 2 + ["HTTPRoute"] * 3
CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "shared": ({"envoy": PROCESSOR}, [*POLICIES, *ROUTES]),
    "in the pod": ({"server": SOCKET}, ["ClientTrafficPolicy", "Backend", *POLICIES[1:], *ROUTES]),
    "one server is picked": (
        {"envoy": PROCESSOR, "models": versions(pick="load")},
        [*POLICIES, "BackendTrafficPolicy", *ROUTES],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_text_is_the_list(case: str, document: Make) -> None:
    """Every object has its reason above it, and a name of its own among those of its kind."""
    changes, kinds = CASES[case]
    objects = gateway_objects(document(**{"models": versions(), **changes}), PUBLIC)
    text = to_gateway_manifests(objects)
    manifests = list(yaml.safe_load_all(text))
    assert manifests == to_list(objects)["items"]
    assert [each["kind"] for each in manifests] == kinds
    assert text.count("---\n# ") == len(manifests)
    named = {(each["kind"], each["metadata"]["namespace"], each["metadata"]["name"]) for each in manifests}
    assert len(named) == len(manifests)


def test_every_route_is_selected_once(document: Make) -> None:
    """By the policy that calls the processor, and by one of those for model servers."""
    objects = [each.manifest for each in gateway_objects(document(**CASES["one server is picked"][0]), PUBLIC)]
    for kind in ("EnvoyExtensionPolicy", "BackendTrafficPolicy"):
        wanted = [each["spec"]["targetSelectors"][0]["matchLabels"] for each in objects if each["kind"] == kind]
        for route in (each for each in objects if each["kind"] == "HTTPRoute"):
            assert sum(labels.items() <= route["metadata"]["labels"].items() for labels in wanted) == 1


def test_services_of_other_namespaces_are_granted(document: Make) -> None:
    """To the routes, and the processor's to the policy; the Gateway's own policy is where the Gateway is."""
    made = document(models=versions(), envoy=PROCESSOR)
    objects = [each.manifest for each in gateway_objects(made, PUBLIC._replace(namespace="edge"))]
    (grant,) = [each for each in objects if each["kind"] == "ReferenceGrant"]
    assert grant["metadata"]["namespace"] == "llm"
    assert [(each["kind"], each["namespace"]) for each in grant["spec"]["from"]] == [
        ("HTTPRoute", "edge"),
        ("EnvoyExtensionPolicy", "edge"),
    ]
    (client,) = [each for each in objects if each["kind"] == "ClientTrafficPolicy"]
    assert client["metadata"]["namespace"] == "infra"
    assert {each["metadata"]["namespace"] for each in objects if each["kind"] == "HTTPRoute"} == {"edge"}


def test_what_was_applied_can_be_compared(document: Make) -> None:
    """One route states which versions there are."""
    made = document(models=versions(), envoy=PROCESSOR)
    (stated,) = statements([each.manifest for each in gateway_objects(made, PUBLIC)])
    assert unknown_to(stated, versions_as_routed(made)).keys == ()
