"""One parsed model of an Envoy's configuration, whatever it came from: what the checks of the doctor look at.

Every part keeps its path, which is what a finding says of its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from extproc.domain.contract import INTERNAL_HEADER_PREFIX, METADATA_NAMESPACE
from extproc.envoy_config.doctor.blocks import Block, PlacedBlock, blocks, mapping, mappings, named, type_of, unpacked
from extproc.envoy_config.names import EGRESS_FILTER_NAME, FILTER_NAME, PROCESSOR_CLUSTER

_EXT_PROC = "extensions.filters.http.ext_proc.v3.ExternalProcessor"
_OURS = (FILTER_NAME, EGRESS_FILTER_NAME)
_MARKS = (PROCESSOR_CLUSTER, "llm-extproc", FILTER_NAME)
"""In the name of a filter or a cluster, where a control plane makes names of its own."""


@dataclass(frozen=True)
class HttpFilter:
    """An HTTP filter in its chain. ``config``: of what it wraps, if it is skipped by a condition; ``path``: of that."""

    path: str
    name: str
    config: Block
    is_disabled: bool

    @property
    def type(self) -> str:
        """Of its configuration; empty if unknown."""
        return type_of(self.config)

    @property
    def is_ext_proc(self) -> bool:
        """Whether it calls an external processor, ours or another."""
        return self.type.endswith(_EXT_PROC)

    @property
    def processor(self) -> str:
        """Name of the cluster that it calls; empty if there is none."""
        return named(mapping(mapping(self.config.get("grpc_service")).get("envoy_grpc")), "cluster_name")

    @cached_property
    def is_ours(self) -> bool:
        """Whether it calls llm-extproc: by its name, its cluster, or what it states."""
        if not self.is_ext_proc:
            return False
        if self.name in _OURS or any(mark in text for mark in _MARKS for text in (self.name, self.processor)):
            return True
        namespaces = mapping(mapping(self.config.get("metadata_options")).get("receiving_namespaces")).get("untyped")
        stated = mappings(mapping(self.config.get("grpc_service")).get("initial_metadata"))
        return METADATA_NAMESPACE in (namespaces if isinstance(namespaces, list) else ()) or any(
            named(one, "key").startswith(INTERNAL_HEADER_PREFIX) for one in stated
        )

    @property
    def modes(self) -> list[Block]:
        """Its mode, and those that the processor may choose from."""
        return [mapping(self.config.get("processing_mode")), *mappings(self.config.get("allowed_override_modes"))]

    @property
    def sees_answers(self) -> bool:
        """Whether answers pass the processor; the second call before a version's server is for the request alone."""
        return mapping(self.config.get("processing_mode")).get("response_header_mode") != "SKIP"


@dataclass(frozen=True)
class Destination:
    """A cluster to which a route of a virtual host sends. ``settings``: of filters by name, the most specific one."""

    path: str
    cluster: str
    settings: Block
    route: Block
    host: Block

    def has(self, one: HttpFilter) -> bool:
        """Whether requests that take this way pass the filter."""
        setting = self.settings.get(one.name)
        return not one.is_disabled if setting is None else not self.disables(one)

    def disables(self, one: HttpFilter) -> bool:
        """Whether the route says that the filter is left out."""
        return unpacked(mapping(self.settings.get(one.name))).get("disabled") is True


@dataclass(frozen=True)
class HttpChain:
    """An HTTP connection manager: its filters in order, and where its routes lead."""

    path: str
    manager: Block
    filters: tuple[HttpFilter, ...]
    routes: PlacedBlock
    destinations: tuple[Destination, ...]

    @property
    def ours(self) -> tuple[HttpFilter, ...]:
        """The filters that call llm-extproc."""
        return tuple(one for one in self.filters if one.is_ours)

    @property
    def foreign(self) -> frozenset[str]:
        """The names of all other filters."""
        return frozenset(one.name for one in self.filters if not one.is_ours and one.name)

    def guards(self, way: Destination) -> bool:
        """Whether what takes this way passes llm-extproc."""
        return any(way.has(one) for one in self.ours)

    def removes(self, header: str) -> bool:
        """Whether a header of a client is gone before anything reads it; by its name or by a prefix of it."""
        for _, block in blocks("", self.manager.get("early_header_mutation_extensions")):
            if named(block, "remove").lower() == header:
                return True
            prefix = named(mapping(mapping(block.get("remove_on_match")).get("key_matcher")), "prefix").lower()
            if prefix and header.startswith(prefix):
                return True
        return False


@dataclass(frozen=True)
class EnvoyListener:
    """A listener. ``streams``: clusters to which it sends connections without reading HTTP, with their paths."""

    path: str
    block: Block
    chains: tuple[HttpChain, ...]
    streams: tuple[tuple[str, str], ...]

    @property
    def is_internal(self) -> bool:
        """Whether only Envoy itself connects to it."""
        return "internal_listener" in self.block


@dataclass(frozen=True)
class EnvoyCluster:
    """A cluster. ``addresses``: of its endpoints, as far as they are known; ``parts``: clusters it stands for."""

    path: str
    name: str
    block: Block
    addresses: frozenset[str]
    parts: tuple[str, ...]


@dataclass(frozen=True)
class EnvoyModel:
    """A configuration of Envoy. Args: shape: what could not be looked into, by path."""

    listeners: tuple[EnvoyListener, ...]
    clusters: tuple[EnvoyCluster, ...]
    route_configs: tuple[PlacedBlock, ...] = ()
    bootstrap: Block = field(default_factory=dict)
    malformed: tuple[tuple[str, str], ...] = ()

    @property
    def chains(self) -> Iterator[tuple[EnvoyListener, HttpChain]]:
        """Every HTTP connection manager, with its listener."""
        return ((listener, chain) for listener in self.listeners for chain in listener.chains)

    @property
    def ours(self) -> Iterator[tuple[EnvoyListener, HttpChain, HttpFilter]]:
        """Every filter that calls llm-extproc, with its place."""
        return ((listener, chain, one) for listener, chain in self.chains for one in chain.ours)

    @property
    def roots(self) -> Iterator[PlacedBlock]:
        """Where a walk over all of it begins."""
        yield from ((one.path, one.block) for one in self.listeners)
        yield from self.route_configs
        yield from ((one.path, one.block) for one in self.clusters)

    @cached_property
    def by_name(self) -> dict[str, EnvoyCluster]:
        """Clusters by their names."""
        return {one.name: one for one in self.clusters}

    def addresses(self, cluster: str) -> frozenset[str]:
        """Where a cluster leads, through those that it stands for."""
        found: set[str] = set()
        waiting, seen = [cluster], set[str]()
        while waiting:
            one = self.by_name.get(waiting.pop())
            if one is not None and one.name not in seen:
                seen.add(one.name)
                found |= one.addresses
                waiting += one.parts
        return frozenset(found)


def model_of(
    listeners: list[PlacedBlock],
    clusters: list[PlacedBlock],
    route_configs: list[PlacedBlock],
    endpoints: list[Block] | None = None,
    **more: Any,
) -> EnvoyModel:
    """Parse what a source has. Args: endpoints: ``ClusterLoadAssignment`` of clusters that have them from elsewhere."""
    by_name = {named(block): (path, block) for path, block in route_configs}
    told = {named(one, "cluster_name"): one for one in endpoints or ()}
    return EnvoyModel(
        tuple(_listener(path, block, by_name) for path, block in listeners),
        tuple(_cluster(path, block, told) for path, block in clusters),
        tuple(route_configs),
        **more,
    )


def _listener(path: str, block: Block, route_configs: dict[str, PlacedBlock]) -> EnvoyListener:
    chains, streams = [], []
    for inner, found in blocks(path, block):
        if "http_filters" in found:
            chains.append(_chain(inner, found, route_configs))
        elif type_of(found).endswith("tcp_proxy.v3.TcpProxy"):
            shares = mappings(mapping(found.get("weighted_clusters")).get("clusters"))
            streams += [(inner, name) for one in (named(found, "cluster"), *map(named, shares)) if (name := one)]
    return EnvoyListener(path, block, tuple(chains), tuple(streams))


def _chain(path: str, manager: Block, route_configs: dict[str, PlacedBlock]) -> HttpChain:
    filters = tuple(
        _filter(f"{path}.http_filters[{index}]", one) for index, one in enumerate(mappings(manager["http_filters"]))
    )
    routes: PlacedBlock = (f"{path}.route_config", mapping(manager.get("route_config")))
    if not routes[1]:
        routes = route_configs.get(named(mapping(manager.get("rds")), "route_config_name"), routes)
    return HttpChain(path, manager, filters, routes, tuple(_destinations(*routes)))


def _filter(path: str, block: Block) -> HttpFilter:
    config, name = unpacked(mapping(block.get("typed_config"))), named(block)
    is_disabled = block.get("disabled") is True
    inner = unpacked(mapping(mapping(config.get("extension_config")).get("typed_config")))
    if inner:
        return HttpFilter(f"{path}.typed_config.extension_config", name, inner, is_disabled)
    return HttpFilter(path, name, config, is_disabled)


def _destinations(path: str, routes: Block) -> Iterator[Destination]:
    of_all = _settings(routes)
    for number, host in enumerate(mappings(routes.get("virtual_hosts"))):
        of_host = {**of_all, **_settings(host)}
        for index, route in enumerate(mappings(host.get("routes"))):
            where, action = f"{path}.virtual_hosts[{number}].routes[{index}]", mapping(route.get("route"))
            settings = {**of_host, **_settings(route)}
            if named(action, "cluster"):
                yield Destination(f"{where}.route.cluster", named(action, "cluster"), settings, route, host)
            for share, one in enumerate(mappings(mapping(action.get("weighted_clusters")).get("clusters"))):
                place = f"{where}.route.weighted_clusters.clusters[{share}]"
                yield Destination(f"{place}.name", named(one), {**settings, **_settings(one)}, route, host)


def _settings(block: Block) -> Block:
    return mapping(block.get("typed_per_filter_config"))


def _cluster(path: str, block: Block, told: dict[str, Block]) -> EnvoyCluster:
    name = named(block)
    service = named(mapping(block.get("eds_cluster_config")), "service_name") or name
    places = [mapping(block.get("load_assignment")), told.get(service, told.get(name, {}))]
    parts = mapping(mapping(block.get("cluster_type")).get("typed_config")).get("clusters")
    return EnvoyCluster(
        path,
        name,
        block,
        frozenset(address for one in places for address in addresses_of(one)),
        tuple(one for one in parts if isinstance(one, str)) if isinstance(parts, list) else (),
    )


def addresses_of(assignment: Block) -> Iterator[str]:
    """HOST:PORT, or the path of a socket, of each endpoint of a ``ClusterLoadAssignment``."""
    for locality in mappings(assignment.get("endpoints")):
        for one in mappings(locality.get("lb_endpoints")):
            address = mapping(mapping(one.get("endpoint")).get("address"))
            place, pipe = mapping(address.get("socket_address")), named(mapping(address.get("pipe")), "path")
            internal = named(mapping(address.get("envoy_internal_address")), "server_listener_name")
            if place:
                yield f"{named(place, 'address')}:{place.get('port_value')}"
            elif pipe or internal:
                yield pipe or f"internal listener {internal}"
