"""Applies an EnvoyFilter to a proxy's configuration as Istio's control plane ("pilot") does, for the patches we ship.

Pilot says nothing when a patch finds no place, and the traffic then passes unguarded; here that is an error.
Written from the behavior of istio/istio, pilot/pkg/networking/core/envoyfilter.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from tests.deploy.manifests import Manifest

CONTEXTS_OF_ADDITIONS_WITHOUT_ONE = ("SIDECAR_OUTBOUND", "GATEWAY")
VIRTUAL_LISTENERS = ("virtualInbound", "virtualOutbound")
"""Every port is redirected to them: a patch of what is inside means the port of a chain, not theirs."""
WAYPOINT_LISTENER = "main_internal"
"""Pilot patches no routes there."""

ONE_OF_ROUTE = ("route", "redirect", "direct_response")
"""The actions of a route, of which it has one."""

Block = dict[str, Any]


class PatchMissed(AssertionError):
    """A patch that changes nothing; the message says which."""


def patched(envoy_filter: Manifest, bootstrap: Block, context: str) -> Block:
    """A copy of a bootstrap configuration with all patches applied.

    Args: context: what the proxy's configuration is made for, such as ``SIDECAR_INBOUND``.
    Raises: PatchMissed, when a patch finds no place; NotImplementedError for patches that are not known here.
    """
    result = copy.deepcopy(bootstrap)
    patches = list(enumerate(envoy_filter["spec"]["configPatches"]))
    # What is added is not patched.
    for index, patch in sorted(patches, key=lambda each: each[1]["patch"]["operation"] == "ADD"):
        if not _apply(patch, result["static_resources"], context):
            raise PatchMissed(f"spec.configPatches[{index}] ({patch['applyTo']}) finds no place in {context}")
    return result


def _apply(patch: Block, resources: Block, context: str) -> int:
    """Returns: the number of places that were changed."""
    where, what = patch.get("match", {}), patch["patch"]
    wanted = where.get("context", "ANY")
    if wanted not in ("ANY", context):
        return 0
    value = copy.deepcopy(what["value"])
    match (patch["applyTo"], what["operation"]):
        case ("CLUSTER" | "LISTENER", "ADD"):
            if wanted == "ANY" and context not in CONTEXTS_OF_ADDITIONS_WITHOUT_ONE:
                return 0
            resources[f"{patch['applyTo'].lower()}s"].append(value)
            return 1
        case ("LISTENER", "MERGE"):
            return _merged_into(list(_listeners(resources, where.get("listener", {}))), value)
        case ("NETWORK_FILTER", "MERGE"):
            return _merged_into(list(_network_filters(resources, where["listener"])), value)
        case ("HTTP_FILTER", "INSERT_BEFORE"):
            managers = [each["typed_config"] for each in _network_filters(resources, where["listener"])]
            return sum(_insert_before(manager, where["listener"], value) for manager in managers)
        case ("VIRTUAL_HOST", "MERGE"):
            return _merged_into(list(_virtual_hosts(resources, where["routeConfiguration"], context)), value)
        case ("HTTP_ROUTE", "MERGE"):
            return _merged_into(list(_routes(resources, where["routeConfiguration"], context)), value)
        case other:
            raise NotImplementedError(f"patches of the kind {other}")


def _merged_into(places: list[Block], value: Block) -> int:
    for place in places:
        _merge(place, value)
    return len(places)


def _merge(into: Block, value: Block) -> None:
    """As protobuf merges: scalars are replaced, lists grow, messages are merged, and of a oneof the new one is left."""
    for key, new in value.items():
        for other in ONE_OF_ROUTE if key in ONE_OF_ROUTE else ():
            if other != key:
                into.pop(other, None)
        old = into.get(key)
        if isinstance(new, dict) and isinstance(old, dict):
            _merge(old, new)
        elif isinstance(new, list) and isinstance(old, list):
            old.extend(copy.deepcopy(new))
        else:
            into[key] = copy.deepcopy(new)


def _listeners(resources: Block, match: Block) -> Iterator[Block]:
    """Listeners that a patch of listeners means: by name, and by the port they listen on themselves."""
    for listener in resources["listeners"]:
        port = _own_port(listener)
        if match.get("name", listener["name"]) == listener["name"] and match.get("portNumber", port) == port:
            yield listener


def _own_port(listener: Block) -> int | None:
    """None of an internal listener."""
    address = listener.get("address", {}).get("socket_address", {})
    port: int | None = address.get("port_value")
    return port


def _network_filters(resources: Block, match: Block) -> Iterator[Block]:
    """HTTP connection managers that a patch means."""
    wanted = match.get("filterChain", {}).get("filter", {}).get("name")
    for listener in resources["listeners"]:
        if match.get("name", listener["name"]) != listener["name"]:
            continue
        for chain in listener["filter_chains"]:
            port = _own_port(listener)
            if listener["name"] in VIRTUAL_LISTENERS:
                port = chain.get("filter_chain_match", {}).get("destination_port")
            if match.get("portNumber", port) == port:
                named = [each for each in chain["filters"] if wanted in (None, each["name"])]
                yield from (each for each in named if "http_filters" in each["typed_config"])


def _insert_before(manager: Block, match: Block, value: Block) -> int:
    """Before the named filter; before all of them, authorization too, when none is named."""
    names = [each["name"] for each in manager["http_filters"]]
    anchor = match["filterChain"]["filter"].get("subFilter", {}).get("name", names[0])
    if anchor not in names:
        return 0
    manager["http_filters"].insert(names.index(anchor), copy.deepcopy(value))
    return 1


def _routes(resources: Block, match: Block, context: str) -> Iterator[Block]:
    """Routes by their own name and action, and by their virtual host."""
    wanted = match["vhost"].get("route", {})
    if unknown := set(wanted) - {"name", "action"}:
        raise NotImplementedError(f"matching routes by {unknown}")
    for host in _virtual_hosts(resources, match, context):
        for route in host["routes"]:
            is_meant = wanted.get("name", route["name"]) == route["name"]
            if is_meant and wanted.get("action", "ANY") in ("ANY", _action(route)):
                yield route


def _action(route: Block) -> str:
    return next(name.upper() for name in ONE_OF_ROUTE if name in route)


def _virtual_hosts(resources: Block, match: Block, context: str) -> Iterator[Block]:
    """By their name, and by one of their domains."""
    vhost = match["vhost"]
    if unknown := set(match) - {"vhost"} | set(vhost) - {"name", "domainName", "route"}:
        raise NotImplementedError(f"matching virtual hosts by {unknown}")
    for manager in _network_filters(resources, {}):
        if context == "SIDECAR_INBOUND" and manager in _waypoint_filters(resources):
            continue
        for host in manager["typed_config"]["route_config"]["virtual_hosts"]:
            is_named = vhost.get("name", host["name"]) == host["name"]
            if is_named and vhost.get("domainName", host["domains"][0]) in host["domains"]:
                yield host


def _waypoint_filters(resources: Block) -> list[Block]:
    return list(_network_filters(resources, {"name": WAYPOINT_LISTENER}))
