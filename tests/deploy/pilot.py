"""Applies an EnvoyFilter to a proxy's configuration as Istio's control plane ("pilot") does, for the patches we ship.

Pilot says nothing when a patch finds no place, and the traffic then passes unguarded; here that is an error.
Written from the behaviour of istio/istio, pilot/pkg/networking/core/envoyfilter.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from tests.deploy.manifests import Manifest

CONTEXTS_OF_CLUSTERS_WITHOUT_ONE = ("SIDECAR_OUTBOUND", "GATEWAY")

Block = dict[str, Any]


class PatchMissed(AssertionError):
    """A patch that changes nothing; the message says which."""


def patched(envoy_filter: Manifest, bootstrap: Block, context: str) -> Block:
    """A copy of a bootstrap configuration with all patches applied.

    Args: context: what the proxy's configuration is made for, such as ``SIDECAR_INBOUND``.
    Raises: PatchMissed, when a patch finds no place; NotImplementedError for patches that are not known here.
    """
    result = copy.deepcopy(bootstrap)
    for index, patch in enumerate(envoy_filter["spec"]["configPatches"]):
        if not _apply(patch, result["static_resources"], context):
            raise PatchMissed(f"spec.configPatches[{index}] ({patch['applyTo']}) finds no place in {context}")
    return result


def _apply(patch: Block, resources: Block, context: str) -> int:
    """Returns: the number of places that were changed."""
    where, what = patch.get("match", {}), patch["patch"]
    wanted = where.get("context", "ANY")
    if wanted not in ("ANY", context):
        return 0
    match (patch["applyTo"], what["operation"]):
        case ("CLUSTER", "ADD"):
            if wanted == "ANY" and context not in CONTEXTS_OF_CLUSTERS_WITHOUT_ONE:
                return 0
            resources["clusters"].append(copy.deepcopy(what["value"]))
            return 1
        case ("LISTENER", "MERGE"):
            listeners = list(_listeners(resources, where.get("listener", {})))
            for listener in listeners:
                listener.update(_scalars(what["value"]))
            return len(listeners)
        case ("HTTP_FILTER", "INSERT_BEFORE"):
            managers = list(_managers(resources, where.get("listener", {})))
            return sum(_insert_before(manager, where["listener"], what["value"]) for manager in managers)
        case other:
            raise NotImplementedError(f"patches of the kind {other}")


def _scalars(value: Block) -> Block:
    """Merging scalars is replacing them; merging more than that is not known here."""
    if any(isinstance(each, (dict, list)) for each in value.values()):
        raise NotImplementedError("merging blocks or lists")
    return value


def _listeners(resources: Block, match: Block) -> Iterator[Block]:
    """Listeners that a patch of listeners means: by name, and by the port they listen on themselves."""
    for listener in resources["listeners"]:
        port = listener["address"]["socket_address"]["port_value"]
        if match.get("name", listener["name"]) == listener["name"] and match.get("portNumber", port) == port:
            yield listener


def _managers(resources: Block, match: Block) -> Iterator[Block]:
    """HTTP connection managers that a patch of filters means; the port is the chain's, not the listener's."""
    wanted = match.get("filterChain", {}).get("filter", {}).get("name")
    for listener in resources["listeners"]:
        if match.get("name", listener["name"]) != listener["name"]:
            continue
        for chain in listener["filter_chains"]:
            port = chain.get("filter_chain_match", {}).get("destination_port")
            if match.get("portNumber", port) == port:
                named = [each for each in chain["filters"] if wanted in (None, each["name"])]
                yield from (each["typed_config"] for each in named if "http_filters" in each["typed_config"])


def _insert_before(manager: Block, match: Block, value: Block) -> int:
    """Before the named filter; before all of them, authorisation too, when none is named."""
    names = [each["name"] for each in manager["http_filters"]]
    anchor = match["filterChain"]["filter"].get("subFilter", {}).get("name", names[0])
    if anchor not in names:
        return 0
    manager["http_filters"].insert(names.index(anchor), copy.deepcopy(value))
    return 1
