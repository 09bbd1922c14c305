"""Route table: routes by the version that the processor chose, and for exchanges without one."""

from __future__ import annotations

from typing import Any

from extproc.config.document import Document, Role
from extproc.config.fallback import chain_hash, chains_of
from extproc.config.filters import VersionSection
from extproc.config.routed import STATEMENT_BYTES_MAX, route_statement
from extproc.config.section import Mode, OnError
from extproc.domain.contract import MODEL_HEADER, MODELS_PATH, SERVED_VERSION_HEADER, VERSION_HEADER
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.fallback import next_version
from extproc.envoy_config.names import FILTER_NAME, ROUTES_KEY, chain_name

_ANSWERED_HERE = f"GET {MODELS_PATH}"  # set by the processor where it chooses versions


def route_config(document: Document, clusters: dict[tuple[str, str], str]) -> dict[str, Any]:
    """``RouteConfiguration`` with one virtual host.

    Args:
        clusters: cluster name by (model, version); one entry in role guard.
    """
    return {
        "name": "llm",
        "virtual_hosts": [
            {
                "name": "llm",
                "domains": ["*"],
                **_statement(document, clusters),
                # from the endpoint that replied, so it is true regardless of the request
                "response_headers_to_add": [
                    {
                        "header": {"key": SERVED_VERSION_HEADER, "value": "%UPSTREAM_METADATA(envoy.lb:version)%"},
                        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                    }
                ],
                # only failures that cannot have reached the model: a generation must not be billed twice
                "retry_policy": {
                    "retry_on": "connect-failure,refused-stream,reset-before-request",
                    "num_retries": 2,
                    "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"},
                },
                "routes": _routes(document, clusters),
            }
        ],
    }


def _statement(document: Document, clusters: dict[tuple[str, str], str]) -> dict[str, Any]:
    """What Envoy tells the processor of these routes, see ``config.routed``. Raises: EnvoyConfigError."""
    if document.role is Role.GUARD:
        return {}
    versions = {(model, name): document.models[model].versions[name] for model, name in clusters}
    stated = route_statement(versions, {key: chain_hash(document, *key) for key in clusters})
    if len(stated) > STATEMENT_BYTES_MAX:
        raise EnvoyConfigError(
            f"models: Envoy lists the names of all versions in each call, which takes {len(stated)} bytes; at most"
            f" {STATEMENT_BYTES_MAX} are possible. Use shorter names, or several gateways."
        )
    return {"metadata": {"filter_metadata": {FILTER_NAME: {ROUTES_KEY: stated}}}}


def _routes(document: Document, clusters: dict[tuple[str, str], str]) -> list[dict[str, Any]]:
    if document.role is Role.GUARD:
        (cluster,) = clusters.values()
        return [_forward("guarded", {"prefix": "/"}, cluster)]
    chains = chains_of(document)
    chosen = []
    for key, cluster in clusters.items():
        route = _forward("/".join(key), {"prefix": "/", "headers": _version_match(*key)}, cluster)
        if key in chains:
            route["route"] |= {"cluster": chain_name(cluster), "retry_policy": next_version(document, chains[key])}
        chosen.append(route)
    return [*chosen, _unknown_version(), *_without_version(document, clusters)]


def _version_match(model: str, version: str) -> list[dict[str, Any]]:
    return [_exact(MODEL_HEADER, model), _exact(VERSION_HEADER, version)]


def _unknown_version() -> dict[str, Any]:
    """The processor has reloaded its configuration and this Envoy has not: report it instead of choosing another
    version.
    """
    return {
        "name": "unknown-version",
        "match": {"prefix": "/", "headers": [{"name": VERSION_HEADER, "present_match": True}]},
        "direct_response": {"status": 503},
    }


def _without_version(document: Document, clusters: dict[tuple[str, str], str]) -> list[dict[str, Any]]:
    """Exchanges without a chosen version go to the default version, if that is allowed."""
    cluster = clusters[default_version(document)]
    if not _version_is_always_chosen(document):
        return [_forward("default", {"prefix": "/"}, cluster)]
    allowed = []
    for rule in document.requests.allow_paths:
        if rule == _ANSWERED_HERE:
            continue
        method, _, path = rule.partition(" ")
        match = {"path": path, "headers": [_exact(":method", method)]}
        allowed.append(_forward(f"unread {rule}", match, cluster))
    return [*allowed, {"name": "refused", "match": {"prefix": "/"}, "direct_response": {"status": 404}}]


def default_version(document: Document) -> tuple[str, str]:
    """(model, version) for forwarded paths: the first version with traffic."""
    every = [(model, name, v) for model, entry in document.models.items() for name, v in entry.versions.items()]
    model, name, _ = next((entry for entry in every if entry[2].weight > 0), every[0])
    return model, name


def _version_is_always_chosen(document: Document) -> bool:
    """Whether an exchange has no version only if nothing inspected it; those may only use the allowed paths."""
    return any(
        isinstance(entry, VersionSection) and entry.mode is Mode.ENFORCE and entry.on_error is OnError.CLOSED
        for entry in document.filters
    )


def _forward(name: str, match: dict[str, Any], cluster: str) -> dict[str, Any]:
    """Route without a total timeout: a stream may be long; ``stream_idle_timeout`` limits its silences."""
    return {"name": name, "match": match, "route": {"cluster": cluster, "timeout": "0s"}}


def _exact(header: str, value: str) -> dict[str, Any]:
    return {"name": header, "string_match": {"exact": value}}
