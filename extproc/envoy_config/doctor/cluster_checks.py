"""Checks of names that must exist, of the processor's cluster, and of certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from extproc.envoy_config.doctor.blocks import Block, blocks, mapping, mappings, named, type_of
from extproc.envoy_config.doctor.check import Examined, FoundPlace, error, quoted, warning
from extproc.envoy_config.doctor.model import EnvoyCluster, EnvoyModel

DAYS_LEFT_MIN: Final = 14
_NAMES_SHOWN_MAX: Final = 10
_UPSTREAM_TLS: Final = "extensions.transport_sockets.tls.v3.UpstreamTlsContext"
_INTERNAL: Final = "extensions.bootstrap.internal_listener.v3.InternalListener"
_FROM_ELSEWHERE: Final = ("EDS", "ORIGINAL_DST")


@error("malformed", "A part that Envoy would refuse")
def malformed(examined: Examined) -> Iterator[FoundPlace]:
    """Nothing in it could be looked into. Envoy says more: `envoy --mode validate -c FILE`."""
    for where, what in examined.model.malformed:
        yield FoundPlace(where, what, "")


@error("cluster-unknown", "A route leads to a cluster that is not there")
def cluster_unknown(examined: Examined) -> Iterator[FoundPlace]:
    """Requests that take this route get 503. Envoy checks the names of a static route only, and not where
    `validate_clusters` is false. Often the cluster has another name in this Envoy, or waits for its DNS.
    """
    yield from _unknown(examined.model, _routed_clusters)


@error("grpc-cluster-unknown", "A gRPC service names a cluster that is not there")
def grpc_cluster_unknown(examined: Examined) -> Iterator[FoundPlace]:
    """Envoy accepts a filter whose `grpc_service` names no cluster, and each request fails then. In Istio a patch
    `CLUSTER` `ADD` needs a `context`: with `ANY` it is not added to inbound proxies.
    """
    yield from _unknown(examined.model, _grpc_clusters)


def _unknown(model: EnvoyModel, references: Callable[[Block], Iterator[tuple[str, str]]]) -> Iterator[FoundPlace]:
    if not model.clusters and not model.bootstrap:
        return  # only listeners or routes were given
    known = sorted(model.by_name)
    listed = ", ".join(known[:_NAMES_SHOWN_MAX]) + (", ..." if len(known) > _NAMES_SHOWN_MAX else "") or "none"
    for root, tree in model.roots:
        for path, block in blocks(root, tree):
            for key, name in references(block):
                if name not in model.by_name:
                    yield FoundPlace(f"{path}.{key}", f"no cluster is called {quoted(name)}.", f"Clusters: {listed}.")


def _routed_clusters(block: Block) -> Iterator[tuple[str, str]]:
    """Key and name of each cluster to which this route sends."""
    route = block.get("route")
    if isinstance(route, dict):
        if "cluster" in route:
            yield "route.cluster", str(route["cluster"])
        for index, share in enumerate(mappings(mapping(route.get("weighted_clusters")).get("clusters"))):
            yield f"route.weighted_clusters.clusters[{index}].name", str(share.get("name", ""))
        for index, mirror in enumerate(mappings(route.get("request_mirror_policies"))):
            yield f"route.request_mirror_policies[{index}].cluster", str(mirror.get("cluster", ""))


def _grpc_clusters(block: Block) -> Iterator[tuple[str, str]]:
    grpc = block.get("envoy_grpc")
    if isinstance(grpc, dict):
        yield "envoy_grpc.cluster_name", str(grpc.get("cluster_name", ""))


# --- the processor -------------------------------------------------------------------------------------------------


@error("processor-without-endpoints", "The processor's cluster has no endpoint")
def processor_without_endpoints(examined: Examined) -> Iterator[FoundPlace]:
    """Each request fails. Look whether the processor's Service selects pods that are ready, and whether the name in the
    cluster is that of the Service.
    """
    for one in _processors(examined.model):
        told = None if examined.health is None else examined.health.get(one.name)
        is_told_later = one.block.get("type") in _FROM_ELSEWHERE or not one.block.get("load_assignment")
        is_empty = told.hosts == 0 if told is not None else not one.addresses and not is_told_later
        if is_empty:
            yield FoundPlace(
                f"{one.path}.load_assignment",
                f"{quoted(one.name)}, the cluster of the processor, has no endpoint.",
                "Name the address of llm-extproc there.",
            )


@error("processor-unhealthy", "No endpoint of the processor is healthy")
def processor_unhealthy(examined: Examined) -> Iterator[FoundPlace]:
    """Envoy has endpoints and takes none of them for healthy: by a health check, by outlier detection, or by what the
    control plane says. Ask the processor with `extproc status`.
    """
    for one in _processors(examined.model):
        told = (examined.health or {}).get(one.name)
        if told is not None and told.hosts and not told.healthy:
            yield FoundPlace(
                one.path,
                f"none of the {told.hosts} endpoints of {quoted(one.name)} is healthy.",
                "Look at `extproc status`, and at /clusters of Envoy's admin server.",
            )


@error("processor-tls-alpn", "TLS to the processor without HTTP/2")
def processor_tls_alpn(examined: Examined) -> Iterator[FoundPlace]:
    """gRPC needs HTTP/2, which Envoy offers in TLS only as `alpn_protocols` say."""
    for path, common in _tls(examined.model):
        if "h2" not in (common.get("alpn_protocols") or ()):
            yield FoundPlace(
                f"{path}.alpn_protocols",
                "gRPC is HTTP/2, and the processor closes a connection without it.",
                "Set [h2].",
            )


@error("processor-tls-unverified", "TLS to a processor that nobody verifies")
def processor_tls_unverified(examined: Examined) -> Iterator[FoundPlace]:
    """Prompts and answers go to any server at the address. Name the CA, and the name that the certificate must have."""
    for path, common in _tls(examined.model):
        if not any("validation_context" in key for key in common):
            yield FoundPlace(
                f"{path}.validation_context",
                "without it Envoy sends requests to any server at the address.",
                "Set trusted_ca and match_typed_subject_alt_names.",
            )


def _processors(model: EnvoyModel) -> list[EnvoyCluster]:
    called = {one.processor for _, _, one in model.ours}
    return [one for one in model.clusters if one.name in called]


def _tls(model: EnvoyModel) -> Iterator[tuple[str, Block]]:
    """The part that both sides of TLS have, of clusters of the processor that use it."""
    for one in _processors(model):
        context = mapping(mapping(one.block.get("transport_socket")).get("typed_config"))
        if type_of(context).endswith(_UPSTREAM_TLS):
            path = f"{one.path}.transport_socket.typed_config.common_tls_context"
            yield path, mapping(context.get("common_tls_context"))


# --- internal listeners --------------------------------------------------------------------------------------------


@error("internal-listener-unknown", "A cluster leads to an internal listener that is not there")
def internal_listener_unknown(examined: Examined) -> Iterator[FoundPlace]:
    """The fallback to another version, and the way to a provider, go through internal listeners. Their names must be
    those that the clusters lead to.
    """
    known = [named(one.block) for one in examined.model.listeners if one.is_internal]
    if not examined.model.listeners:
        return
    for one in examined.model.clusters:
        for path, block in blocks(one.path, one.block):
            name = mapping(block.get("envoy_internal_address")).get("server_listener_name")
            if name is not None and name not in known:
                yield FoundPlace(
                    f"{path}.envoy_internal_address",
                    f"no internal listener is called {quoted(name)}.",
                    f"Internal listeners: {', '.join(known[:_NAMES_SHOWN_MAX]) or 'none'}.",
                )


@error("internal-listeners-off", "Internal listeners without the part of the bootstrap that makes them work")
def internal_listeners_off(examined: Examined) -> Iterator[FoundPlace]:
    """Envoy reads `bootstrap_extensions` at its start only. `extproc envoy-config` writes it where a fallback or a
    provider needs it.
    """
    if not examined.model.bootstrap or not any(one.is_internal for one in examined.model.listeners):
        return
    extensions = mappings(examined.model.bootstrap.get("bootstrap_extensions"))
    if not any(type_of(mapping(one.get("typed_config"))).endswith(_INTERNAL) for one in extensions):
        yield FoundPlace(
            "bootstrap_extensions",
            "Envoy has no internal listeners without envoy.bootstrap.internal_listener.",
            "Add it, as in envoy/fallback.yaml.",
        )


# --- certificates --------------------------------------------------------------------------------------------------


@error("certificate-expired", "A certificate that Envoy uses has expired")
def certificate_expired(examined: Examined) -> Iterator[FoundPlace]:
    """Connections with it fail. Renew it; Envoy reads files again only where SDS names them, see
    `envoy.processor.sds_folder`. It is looked for with `--admin`.
    """
    for one in examined.certificates:
        if one.days_left <= 0:
            yield FoundPlace(f"/certs {one.path}", "it has expired.", "Renew it.")


@warning("certificate-ends-soon", "A certificate that Envoy uses ends within two weeks")
def certificate_ends_soon(examined: Examined) -> Iterator[FoundPlace]:
    """Its renewal may have stopped. Certificates that live for less than two weeks, as those of a mesh do, are not
    meant: those of Istio have the path `<inline>`. It is looked for with `--admin`.
    """
    for one in examined.certificates:
        if 0 < one.days_left < DAYS_LEFT_MIN and one.path != "<inline>":
            yield FoundPlace(f"/certs {one.path}", f"it ends in {one.days_left} days.", "Renew it.")
