"""Reads what people have of an Envoy's configuration: a file of Envoy, a `config_dump`, the output of istioctl.

Sources: Envoy's ``admin.v3.ConfigDump``, its ``DiscoveryResponse`` in files, `egctl config envoy-proxy ... -o json`,
and `istioctl proxy-config ... -o json`, which prints the names of fields in camel case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import orjson
import yaml

from extproc.envoy_config.doctor.blocks import Block, PlacedBlock, mapping, mappings, named, type_of
from extproc.envoy_config.doctor.model import EnvoyModel, model_of

FILE_BYTES_MAX: Final = 64 << 20
YAML_BYTES_MAX: Final = 4 << 20
"""YAML is read a hundred times slower than JSON; what is larger is a dump, and that is JSON."""
NODES_MAX: Final = 8_000_000
DEPTH_MAX: Final = 200

_WANTED: Final = (
    "expected a configuration of Envoy: a bootstrap file, a `config_dump`, or the output of `istioctl proxy-config all"
    " POD -o json`"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")
_OF_NAMES = {"typed_per_filter_config", "filter_metadata", "typed_extension_protocol_options"}
"""Their keys are names, and stay."""


class EnvoyUnreadableError(ValueError):
    """It is no configuration of Envoy; the message is a sentence for the person who gave it, and quotes nothing."""


def parsed(content: bytes) -> Any:
    """JSON or YAML as plain data, with field names as in Envoy's own files. Raises: EnvoyUnreadableError."""
    if len(content) > FILE_BYTES_MAX:
        raise EnvoyUnreadableError(f"it has more than {FILE_BYTES_MAX >> 20} MiB. Give the `config_dump` of one Envoy.")
    data = _decoded(content)
    if _has_camel_case(data):
        data = _in_snake_case(data)
    return data


def _decoded(content: bytes) -> Any:
    try:
        data = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        if content.lstrip()[:1] in (b"{", b"[") and len(content) > YAML_BYTES_MAX:
            raise EnvoyUnreadableError(
                f"line {error.lineno}, column {error.colno}: this is no JSON; {_WANTED}."
            ) from None
        data = _from_yaml(content)
    return data


def _from_yaml(content: bytes) -> Any:
    if len(content) > YAML_BYTES_MAX:
        raise EnvoyUnreadableError(f"YAML of more than {YAML_BYTES_MAX >> 20} MiB. Give the `config_dump` as JSON.")
    try:
        return yaml.load(content.decode(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise EnvoyUnreadableError(f"{where}this is neither JSON nor YAML; {_WANTED}.") from None
    except (ValueError, TypeError, RecursionError, OverflowError, yaml.YAMLError):
        raise EnvoyUnreadableError(f"this is neither JSON nor YAML; {_WANTED}.") from None


def _has_camel_case(data: Any) -> bool:
    """Whether names of fields are in camel case. Raises: EnvoyUnreadableError if it is deeper or larger than any."""
    found, count, level = False, 0, [data]
    for _ in range(DEPTH_MAX):
        below: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                found = found or not node.keys().isdisjoint(_CAMEL_FIELDS)
                below += [value for value in node.values() if isinstance(value, dict | list)]
                count += len(node)
            else:
                below += [value for value in node if isinstance(value, dict | list)] if isinstance(node, list) else ()
                count += 1
            if count + len(below) > NODES_MAX:
                raise EnvoyUnreadableError(f"it has more than {NODES_MAX} values. Give the `config_dump` of one Envoy.")
        if not below:
            return found
        level = below
    raise EnvoyUnreadableError(f"it is nested deeper than {DEPTH_MAX} levels; {_WANTED}.")


_CAMEL_FIELDS = frozenset(
    (
        *(
            "filterChains",
            "virtualHosts",
            "loadAssignment",
            "connectTimeout",
            "httpFilters",
            "typedConfig",
            "routeConfig",
        ),
        *("staticListeners", "dynamicListeners", "dynamicActiveClusters", "staticResources", "hostStatuses"),
    )
)


def _in_snake_case(node: Any, keeps_keys: bool = False) -> Any:
    if isinstance(node, dict):
        converted = {}
        for key, value in node.items():
            name = key if keeps_keys or not isinstance(key, str) else _snake(key)
            converted[name] = _in_snake_case(value, name in _OF_NAMES)
        return converted
    return [_in_snake_case(one) for one in node] if isinstance(node, list) else node


def _snake(key: str) -> str:
    return _CAMEL.sub(r"_\1", key).lower() if key[:1].islower() and key.isalnum() else key


# --- what it is ----------------------------------------------------------------------------------------------------


class _Parts:
    """What was found in one or several files."""

    def __init__(self) -> None:
        self.listeners: list[PlacedBlock] = []
        self.clusters: list[PlacedBlock] = []
        self.routes: list[PlacedBlock] = []
        self.endpoints: list[Block] = []
        self.bootstrap: Block = {}
        self.malformed: list[tuple[str, str]] = []


def model_from(sources: Iterable[Any]) -> EnvoyModel:
    """The model of one Envoy, from one or several sources (such as the files of `istioctl proxy-config`).

    Raises: EnvoyUnreadableError.
    """
    parts = _Parts()
    for data in sources:
        _add(parts, data)
    return model_of(
        parts.listeners,
        parts.clusters,
        parts.routes,
        parts.endpoints,
        bootstrap=parts.bootstrap,
        malformed=tuple(parts.malformed),
    )


def _add(parts: _Parts, data: Any) -> None:
    data = _of_one_proxy(data)
    if isinstance(data, list):
        if not all(_add_resource(parts, one) for one in mappings(data)) or not data:
            raise EnvoyUnreadableError(f"a list of something else; {_WANTED}.")
    elif isinstance(data, dict) and isinstance(data.get("configs"), list):
        for one in mappings(data["configs"]):
            _add_dump(parts, one)
    elif isinstance(data, dict) and type_of(data).endswith("ConfigDump"):
        _add_dump(parts, data)
    elif isinstance(data, dict) and ("static_resources" in data or "dynamic_resources" in data):
        _add_bootstrap(parts, data)
    elif isinstance(data, dict) and isinstance(data.get("resources"), list):
        _add(parts, data["resources"])
    elif not (isinstance(data, dict) and _add_resource(parts, data)):
        raise EnvoyUnreadableError(_not_envoys(data))


def _of_one_proxy(data: Any) -> Any:
    """What `egctl config envoy-proxy` prints has the namespace and the name of the pod around it."""
    for _ in range(2):
        if isinstance(data, dict) and len(data) == 1 and data.keys().isdisjoint(_WHOLE):
            (only,) = data.values()
            data = only if isinstance(only, dict) else data
    return data


_WHOLE = frozenset(("configs", "static_resources", "dynamic_resources", "resources", "models", "policies"))


def _not_envoys(data: Any) -> str:
    if isinstance(data, dict) and ("models" in data or "policies" in data):
        return (
            f"{_WANTED}; this is a configuration of llm-extproc, which goes before --file. Envoy's is written by"
            " `extproc envoy-config`."
        )
    return f"{_WANTED}."


def _add_bootstrap(parts: _Parts, data: Block) -> None:
    """Static resources of a file; what is malformed is told, and looked into as far as that is possible."""
    parts.bootstrap = data
    resources = data.get("static_resources")
    if not isinstance(resources, dict | None):
        parts.malformed.append(("static_resources", "expected a mapping with `listeners:` and `clusters:`."))
    resources = mapping(resources)
    for key, into in (("listeners", parts.listeners), ("clusters", parts.clusters)):
        listed = resources.get(key)
        if listed is not None and not (isinstance(listed, list) and all(isinstance(one, dict) for one in listed)):
            parts.malformed.append((f"static_resources.{key}", "expected a list of mappings."))
        into += [(f"static_resources.{key}[{index}]", one) for index, one in enumerate(mappings(listed))]


def _add_resource(parts: _Parts, one: Block) -> bool:
    """Returns: whether it is known what it is."""
    kind = type_of(one)
    if kind.endswith("route.v3.RouteConfiguration") or "virtual_hosts" in one:
        parts.routes.append((f"routes[{named(one)}]", one))
    elif kind.endswith("listener.v3.Listener") or not _LISTENER_FIELDS.isdisjoint(one):
        parts.listeners.append((f"listeners[{named(one)}]", one))
    elif kind.endswith("ClusterLoadAssignment") or ("cluster_name" in one and "endpoints" in one):
        parts.endpoints.append(one)
    elif kind.endswith("cluster.v3.Cluster") or not {"connect_timeout", "load_assignment", "lb_policy"}.isdisjoint(one):
        parts.clusters.append((f"clusters[{named(one)}]", one))
    else:
        # istioctl prints listeners without chains and passthrough clusters too
        return "name" in one
    return True


_LISTENER_FIELDS = frozenset(("filter_chains", "default_filter_chain", "internal_listener"))


def _add_dump(parts: _Parts, dump: Block) -> None:
    """One part of a `config_dump`. What an Envoy warms up, or has refused, is not in force and is left out."""
    if "bootstrap" in dump:
        parts.bootstrap = mapping(dump["bootstrap"])
    found: list[Any] = [one.get("cluster") for key in _CLUSTERS for one in mappings(dump.get(key))]
    found += [one.get("listener") for one in mappings(dump.get("static_listeners"))]
    active = [mapping(one.get("active_state")) for one in mappings(dump.get("dynamic_listeners"))]
    found += [one.get("listener") for one in active]
    found += [one.get("route_config") for key in _ROUTES for one in mappings(dump.get(key))]
    found += [one.get("endpoint_config") for key in _ENDPOINTS for one in mappings(dump.get(key))]
    for one in found:
        _add_resource(parts, mapping(one))


_CLUSTERS = ("static_clusters", "dynamic_active_clusters")
_ROUTES = ("static_route_configs", "dynamic_route_configs")
_ENDPOINTS = ("static_endpoint_configs", "dynamic_endpoint_configs")
