"""The lint finds what Envoy's own validation lets pass, and has nothing to say about what we generate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.document import Document
from extproc.envoy_config.generate import bootstrap
from extproc.envoy_config.lint import lint

Make = Callable[..., Document]
Change = Callable[[dict[str, Any], dict[str, Any]], None]


def rename_processor_cluster(_: dict[str, Any], filters: dict[str, Any]) -> None:
    """The gRPC service names a cluster that is not there."""
    filters["typed_config"]["grpc_service"]["envoy_grpc"]["cluster_name"] = "gone"


def unknown_route_cluster(listener: dict[str, Any], _: dict[str, Any]) -> None:
    """A route goes to a cluster that is not there."""
    routes(listener)[0]["route"]["cluster"] = "gone"


def unknown_weighted_cluster(listener: dict[str, Any], _: dict[str, Any]) -> None:
    """A share of a weighted route goes to a cluster that is not there."""
    routes(listener)[0]["route"] |= {"cluster": "", "weighted_clusters": {"clusters": [{"name": "gone", "weight": 1}]}}
    del routes(listener)[0]["route"]["cluster"]


def setting_for_no_filter(listener: dict[str, Any], _: dict[str, Any]) -> None:
    """A per-route setting names a filter that is not there."""
    routes(listener)[0]["typed_per_filter_config"] = {"llm.extprog": {"disabled": True}}


def fail_open(_: dict[str, Any], filters: dict[str, Any]) -> None:
    """Traffic passes when the processor fails."""
    filters["typed_config"]["failure_mode_allow"] = True


def canonical_name(listener: dict[str, Any], _: dict[str, Any]) -> None:
    """The filter has the name that others override per route."""
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    manager["http_filters"][0]["name"] = "envoy.filters.http.ext_proc"


def default_buffer(listener: dict[str, Any], _: dict[str, Any]) -> None:
    """No buffer limit is set."""
    del listener["per_connection_buffer_limit_bytes"]


def small_buffer(listener: dict[str, Any], _: dict[str, Any]) -> None:
    """The buffer is smaller than a body that is to be held."""
    listener["per_connection_buffer_limit_bytes"] = 999_999


def duplex_without_trailers(_: dict[str, Any], filters: dict[str, Any]) -> None:
    """A mode that the processor may choose would not work."""
    filters["typed_config"]["allowed_override_modes"] = [
        {"response_body_mode": "FULL_DUPLEX_STREAMED", "response_trailer_mode": "SKIP"}
    ]


def route_fails_open(listener: dict[str, Any], _: dict[str, Any]) -> None:
    """One route overrides what the filter says."""
    overrides = {"overrides": {"failure_mode_allow": True}}
    routes(listener)[0]["typed_per_filter_config"] = {"llm.extproc": overrides}


def no_override(_: dict[str, Any], filters: dict[str, Any]) -> None:
    """The processor's choice of body mode is ignored."""
    del filters["typed_config"]["allow_mode_override"]


def default_timeout(_: dict[str, Any], filters: dict[str, Any]) -> None:
    """Envoy waits 200 ms."""
    del filters["typed_config"]["message_timeout"]


def routes(listener: dict[str, Any]) -> list[dict[str, Any]]:
    """The routes of a listener."""
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    found: list[dict[str, Any]] = manager["route_config"]["virtual_hosts"][0]["routes"]
    return found


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (rename_processor_cluster, "envoy_grpc.cluster_name: no cluster is called 'gone'. Clusters: chat__v1"),
        (unknown_route_cluster, "route.cluster: no cluster is called 'gone'"),
        (unknown_weighted_cluster, "route.weighted_clusters.clusters[0].name: no cluster is called 'gone'"),
        (setting_for_no_filter, "typed_per_filter_config: no HTTP filter is called 'llm.extprog'"),
        (fail_open, "failure_mode_allow: true lets requests pass unguarded"),
        (route_fails_open, "llm.extproc.overrides.failure_mode_allow: true lets requests pass"),
        (canonical_name, "Name it 'llm.extproc'"),
        (default_buffer, "not set, so bodies above 1048576 bytes get 413"),
        (small_buffer, "999999 is less than the 1000000 bytes of a body"),
        (duplex_without_trailers, "allowed_override_modes[0].response_trailer_mode: FULL_DUPLEX_STREAMED"),
        (no_override, "allow_mode_override: without it"),
        (default_timeout, "message_timeout: Envoy waits 200 ms"),
    ],
)
def test_each_mistake_is_found_and_told_apart(document: Make, change: Change, expected: str) -> None:
    """One mistake in a sound configuration gives one problem, which says where it is and what to do."""
    configuration = bootstrap(document())
    listener = configuration["static_resources"]["listeners"][0]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    change(listener, manager["http_filters"][0]["typed_config"]["extension_config"])
    (problem,) = lint(configuration, body_bytes_max=1_000_000)
    assert expected in problem
    assert problem.startswith("static_resources.listeners[0]")


def test_what_we_generate_has_no_problem(document: Make) -> None:
    """Both roles are clean."""
    guard = document(role="guard", guard_version="chat/v1", filters=[{"filter": "meter"}])
    for made in (document(), guard):
        limits = made.limits
        largest = max(limits.request_body_bytes_max, limits.response_body_bytes_max)
        assert lint(bootstrap(made), body_bytes_max=largest) == []


def test_a_file_without_static_resources_has_nothing_to_find() -> None:
    """A configuration by xDS is not looked into."""
    assert lint({"dynamic_resources": {}}) == []


KEYS = sorted(
    {
        *("static_resources", "listeners", "clusters", "name", "route", "cluster", "weighted_clusters", "typed_config"),
        *("http_filters", "typed_per_filter_config", "request_mirror_policies", "envoy_grpc", "cluster_name", "@type"),
        *("transport_socket", "common_tls_context", "alpn_protocols", "processing_mode", "allowed_override_modes"),
        *("per_connection_buffer_limit_bytes", "request_body_mode", "response_body_mode", "grpc_service"),
    }
)
TYPES = (
    "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(("BUFFERED", "FULL_DUPLEX_STREAMED", *TYPES)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


@given(listeners=VALUES, clusters=VALUES, resources=VALUES)
def test_any_shape_is_looked_into(listeners: Any, clusters: Any, resources: Any) -> None:
    """A file that Envoy would refuse gives sentences or nothing, and no exception."""
    for found in (resources, {"listeners": listeners, "clusters": clusters}, {"listeners": [listeners]}):
        problems = lint({"static_resources": found}, body_bytes_max=5)
        assert all(problem.startswith("static_resources") for problem in problems)
