"""All objects of a place as YAML and as a list."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from extproc.config.document import Document
from extproc.envoy_config.istio.manifests import mesh_objects, to_manifests
from extproc.envoy_config.istio.mesh import MeshOptions, MeshPlace
from extproc.envoy_config.kubernetes_objects import to_list
from tests.unit.envoy_config.istio.test_mesh import GUARD, IN_GATEWAY, PROCESSOR, versions

Make = Callable[..., Document]

KINDS = {
    MeshPlace.GATEWAY: ["DestinationRule"] * 3 + ["EnvoyFilter", "VirtualService", "AuthorizationPolicy"],
    MeshPlace.SIDECAR: ["DestinationRule"] * 3 + ["EnvoyFilter", "VirtualService", "AuthorizationPolicy"],
    MeshPlace.INBOUND: ["EnvoyFilter", "AuthorizationPolicy", "PeerAuthentication"],
    MeshPlace.WAYPOINT: ["DestinationRule"] * 3 + ["EnvoyFilter", "VirtualService", "AuthorizationPolicy"],
}


@pytest.mark.parametrize("place", MeshPlace)
def test_the_text_is_the_list(place: MeshPlace, document: Make) -> None:
    """Every object has its reason above it, and a name of its own among those of its kind."""
    made = document(**GUARD) if place is MeshPlace.INBOUND else document(models=versions(), envoy=PROCESSOR)
    objects = mesh_objects(made, place, IN_GATEWAY if place is MeshPlace.GATEWAY else MeshOptions())
    text = to_manifests(objects, place)
    manifests = list(yaml.safe_load_all(text))
    assert manifests == to_list(objects)["items"]
    assert [each["kind"] for each in manifests] == KINDS[place]
    assert text.count("---\n# ") == len(manifests)
    assert f"llm-extproc-{place.removeprefix('istio-')}" in [each["metadata"]["name"] for each in manifests]
    named = {(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in manifests}
    assert len(named) == len(manifests)
