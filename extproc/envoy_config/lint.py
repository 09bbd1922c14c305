"""Problems that ``envoy --mode validate`` misses, and settings that would let traffic bypass the guards.

Envoy accepts a processor with an unknown cluster and per-route settings of an unknown filter; both show only when a
request fails, or is not inspected. Works on any bootstrap configuration with static resources, not only on ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from extproc.envoy_config.names import CANONICAL_FILTER_NAME, FILTER_NAME

DEFAULT_BUFFER_BYTES = 1_048_576
"""Envoy's default if the listener sets no limit."""

_EXT_PROC = "extensions.filters.http.ext_proc.v3.ExternalProcessor"
_UPSTREAM_TLS = "extensions.transport_sockets.tls.v3.UpstreamTlsContext"
_INTERNAL = "extensions.bootstrap.internal_listener.v3.InternalListener"
_DIRECTIONS = ("request", "response")

ConfigBlock = tuple[str, dict[str, Any]]


def lint(configuration: Mapping[str, Any], *, body_bytes_max: int = 0) -> list[str]:
    """Problems of a bootstrap configuration, as sentences: where, what, how to fix it. Empty if there are none.

    Args:
        configuration: parsed YAML of a bootstrap configuration.
        body_bytes_max: largest body to buffer for the processor [bytes]; 0 if unknown.
    """
    resources = _mapping(configuration.get("static_resources"))
    clusters = {str(cluster.get("name", "")) for cluster in _mappings(resources.get("clusters"))}
    problems = [*_malformed(configuration), *_unknown_clusters(resources, clusters), *_processor_tls(resources)]
    problems += _internal_listeners(configuration, resources)
    for index, listener in enumerate(_mappings(resources.get("listeners"))):
        where = f"static_resources.listeners[{index}]"
        problems += _per_route_keys(where, listener)
        problems += _anywhere(where, listener)
        for path, http_filter in _ext_proc_filters(where, listener):
            problems += _processor(path, http_filter)
            problems += _buffer(where, listener, http_filter["typed_config"], body_bytes_max)
    return problems


def _malformed(configuration: Mapping[str, Any]) -> Iterator[str]:
    """What could not be looked into; Envoy refuses it too."""
    resources = configuration.get("static_resources")
    if not isinstance(resources, dict | None):
        yield "static_resources: expected a mapping with `listeners:` and `clusters:`."
        return
    for key in ("listeners", "clusters"):
        listed = _mapping(resources).get(key)
        if listed is not None and not (isinstance(listed, list) and all(isinstance(one, dict) for one in listed)):
            yield f"static_resources.{key}: expected a list of mappings."


# --- names that must exist -----------------------------------------------------------------------------------------


def _unknown_clusters(resources: dict[str, Any], clusters: set[str]) -> Iterator[str]:
    known = ", ".join(sorted(clusters)) or "none"
    for path, block in _blocks("static_resources", resources):
        for key, name in _cluster_references(block):
            if name not in clusters:
                yield f"{path}.{key}: no cluster is called {name!r}. Clusters: {known}."


def _cluster_references(block: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Key and name of each cluster that this block references."""
    yield from _grpc_clusters(block)
    route = block.get("route")
    if isinstance(route, dict):
        if "cluster" in route:
            yield "route.cluster", str(route["cluster"])
        for index, share in enumerate(_mappings(_mapping(route.get("weighted_clusters")).get("clusters"))):
            yield f"route.weighted_clusters.clusters[{index}].name", str(share.get("name", ""))
        for index, mirror in enumerate(_mappings(route.get("request_mirror_policies"))):
            yield f"route.request_mirror_policies[{index}].cluster", str(mirror.get("cluster", ""))


def _grpc_clusters(block: dict[str, Any]) -> Iterator[tuple[str, str]]:
    grpc = block.get("envoy_grpc")
    if isinstance(grpc, dict):
        yield "envoy_grpc.cluster_name", str(grpc.get("cluster_name", ""))


def _internal_listeners(configuration: Mapping[str, Any], resources: dict[str, Any]) -> Iterator[str]:
    """Clusters that lead to internal listeners, which need a name and a part of the bootstrap."""
    listeners = _mappings(resources.get("listeners"))
    internal = [str(listener.get("name", "")) for listener in listeners if "internal_listener" in listener]
    for path, block in _blocks("static_resources.clusters", resources.get("clusters")):
        name = _mapping(block.get("envoy_internal_address")).get("server_listener_name")
        if name is not None and name not in internal:
            yield (
                f"{path}.envoy_internal_address: no internal listener is called {name!r}."
                f" Internal listeners: {', '.join(internal) or 'none'}."
            )
    extensions = _mappings(configuration.get("bootstrap_extensions"))
    if internal and not any(_type_of(_mapping(one.get("typed_config"))).endswith(_INTERNAL) for one in extensions):
        yield (
            "bootstrap_extensions: Envoy has no internal listeners without envoy.bootstrap.internal_listener. Add it,"
            " as in envoy/fallback.yaml."
        )


def _per_route_keys(where: str, listener: dict[str, Any]) -> Iterator[str]:
    for path, manager in _blocks(where, listener):
        if "http_filters" not in manager:
            continue
        names = [str(http_filter.get("name", "")) for http_filter in _mappings(manager["http_filters"])]
        for inner, block in _blocks(path, manager):
            for key in _mapping(block.get("typed_per_filter_config")):
                if key not in names:
                    yield (
                        f"{inner}.typed_per_filter_config: no HTTP filter is called {key!r}, so this has no effect."
                        f" Filters: {', '.join(names)}."
                    )


# --- the processor's filter ----------------------------------------------------------------------------------------


def _processor(path: str, http_filter: dict[str, Any]) -> Iterator[str]:
    config = http_filter["typed_config"]
    if http_filter.get("name") == CANONICAL_FILTER_NAME:
        yield (
            f"{path}.name: per-route settings of Istio's InferencePool for {CANONICAL_FILTER_NAME!r} would hit this"
            f" filter. Name it {FILTER_NAME!r}."
        )
    if not config.get("allow_mode_override"):
        yield (
            f"{path}.typed_config.allow_mode_override: without it Envoy ignores the body mode that the processor"
            " chooses for an exchange. Set it to true."
        )
    if "message_timeout" not in config:
        yield (
            f"{path}.typed_config.message_timeout: Envoy waits 200 ms for a reply when it is not set, too short for a"
            " large body. Set it, for example to 2s."
        )


def _processor_tls(resources: dict[str, Any]) -> Iterator[str]:
    """Problems of TLS to the processor; TLS itself is not required."""
    filters = list(_ext_proc_filters("", resources))
    processors = {name for _, block in filters for _, found in _blocks("", block) for _, name in _grpc_clusters(found)}
    for index, cluster in enumerate(_mappings(resources.get("clusters"))):
        context = _mapping(_mapping(cluster.get("transport_socket")).get("typed_config"))
        if str(cluster.get("name")) not in processors or not _type_of(context).endswith(_UPSTREAM_TLS):
            continue
        path = f"static_resources.clusters[{index}].transport_socket.typed_config.common_tls_context"
        common = _mapping(context.get("common_tls_context"))
        if "h2" not in (common.get("alpn_protocols") or ()):
            yield f"{path}.alpn_protocols: gRPC is HTTP/2, and the processor closes a connection without it. Set [h2]."
        if not any("validation_context" in key for key in common):
            yield (
                f"{path}.validation_context: without it Envoy sends requests to any server at the address."
                " Set trusted_ca and match_typed_subject_alt_names."
            )


def _anywhere(where: str, listener: dict[str, Any]) -> Iterator[str]:
    """Problems that may occur anywhere: in the filter, its allowed modes, or route overrides."""
    for path, block in _blocks(where, listener):
        if block.get("failure_mode_allow"):
            yield (
                f"{path}.failure_mode_allow: true lets requests pass unguarded when the processor fails."
                " Set it to false."
            )
        for direction in _DIRECTIONS:
            duplex = block.get(f"{direction}_body_mode") == "FULL_DUPLEX_STREAMED"
            if duplex and block.get(f"{direction}_trailer_mode") != "SEND":
                yield f"{path}.{direction}_trailer_mode: FULL_DUPLEX_STREAMED bodies need trailers. Set it to SEND."


def _buffer(where: str, listener: dict[str, Any], config: dict[str, Any], body_bytes_max: int) -> Iterator[str]:
    modes = [_mapping(config.get("processing_mode")), *_mappings(config.get("allowed_override_modes"))]
    if not any(mode.get(f"{direction}_body_mode") == "BUFFERED" for mode in modes for direction in _DIRECTIONS):
        return
    key = f"{where}.per_connection_buffer_limit_bytes"
    limit = listener.get("per_connection_buffer_limit_bytes")
    if limit is None:
        yield (
            f"{key}: not set, so bodies above {DEFAULT_BUFFER_BYTES} bytes get 413 instead of being inspected."
            f" Set it to {max(body_bytes_max, DEFAULT_BUFFER_BYTES)} or more."
        )
    elif isinstance(limit, int) and limit < body_bytes_max:
        yield f"{key}: {limit} is less than the {body_bytes_max} bytes of a body to be held. Set it to that or more."


# --- walking -------------------------------------------------------------------------------------------------------


def _ext_proc_filters(where: str, listener: dict[str, Any]) -> Iterator[ConfigBlock]:
    for path, block in _blocks(where, listener):
        if _type_of(_mapping(block.get("typed_config"))).endswith(_EXT_PROC):
            yield path, block


def _type_of(config: dict[str, Any]) -> str:
    return str(config.get("@type", ""))


def _mapping(node: Any) -> dict[str, Any]:
    """A mapping, or an empty one in place of anything else."""
    return node if isinstance(node, dict) else {}


def _mappings(node: Any) -> list[dict[str, Any]]:
    """A list of mappings, each where it was; others are empty."""
    return [_mapping(one) for one in node] if isinstance(node, list) else []


def _blocks(path: str, node: Any) -> Iterator[ConfigBlock]:
    """Every mapping in the tree, with its path, outermost first."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from _blocks(f"{path}.{key}", value)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _blocks(f"{path}[{index}]", value)
