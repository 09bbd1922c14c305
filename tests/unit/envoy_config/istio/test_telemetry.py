"""Which proxies send more in their spans, and what."""

from __future__ import annotations

from collections.abc import Callable

from extproc.config.document import Document
from extproc.domain.contract import MODEL_HEADER, VERSION_HEADER
from extproc.envoy_config.istio.mesh import MeshOptions, MeshPlace, mesh_of
from extproc.envoy_config.istio.telemetry import telemetry_spec
from tests.unit.envoy_config.istio.test_mesh import IN_GATEWAY, PROCESSOR, versions


def test_spans_name_what_the_processor_has_chosen(document: Callable[..., Document]) -> None:
    """By the headers of routes, which a client cannot set."""
    spec = telemetry_spec(mesh_of(document(models=versions(), envoy=PROCESSOR), MeshPlace.GATEWAY, IN_GATEWAY))
    (tracing,) = spec["tracing"]
    assert [tag["header"]["name"] for tag in tracing["customTags"].values()] == [MODEL_HEADER, VERSION_HEADER]
    assert spec["selector"] == {"matchLabels": {"istio": "ingressgateway"}}


def test_a_waypoint_is_named(document: Callable[..., Document]) -> None:
    """It has no labels that a configuration could know."""
    spec = telemetry_spec(mesh_of(document(models=versions(), envoy=PROCESSOR), MeshPlace.WAYPOINT, MeshOptions()))
    assert "selector" not in spec
    assert [each["name"] for each in spec["targetRefs"]] == ["waypoint"]
