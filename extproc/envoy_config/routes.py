"""Route table: routes by the version that the processor chose, and for exchanges without one."""

from __future__ import annotations

from typing import Any

from extproc.config.document import Document, Role
from extproc.config.fallback import FallbackChain, VersionKey, chain_hashes, chains_of, is_at_provider
from extproc.config.filters import VersionSection
from extproc.config.routed import STATEMENT_BYTES_MAX, route_statement
from extproc.config.section import Mode, OnError
from extproc.domain.contract import MODEL_HEADER, MODELS_PATH, ROUTE_HEADER, SERVED_VERSION_HEADER, VERSION_HEADER
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.fallback import next_version
from extproc.envoy_config.names import FILTER_NAME, ROUTES_KEY, chain_name
from extproc.envoy_config.retries import UNREACHED

_REFUSED = {"name": "refused", "match": {"prefix": "/"}, "direct_response": {"status": 404}}
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
                    "retry_on": UNREACHED,
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
    stated = route_statement(versions, chain_hashes(chains_of(document)))
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
    chains: dict[VersionKey, list[FallbackChain]] = {}
    for chain in chains_of(document):
        chains.setdefault(chain.chosen, []).append(chain)
    chosen = []
    for key, cluster in clusters.items():
        if key not in chains:
            chosen.append(_forward("/".join(key), {"prefix": "/", "headers": _version_match(*key)}, cluster))
        chosen += [_through_chain(document, chain, cluster) for chain in chains.get(key, ())]
    return [*chosen, _unknown_version(), *_without_version(document, clusters)]


def _through_chain(document: Document, chain: FallbackChain, cluster: str) -> dict[str, Any]:
    """The chain of a route stands before that of all others."""
    name, headers = "/".join(chain.chosen), _version_match(*chain.chosen)
    if chain.route:
        name, headers = f"{name} by {chain.route}", [*headers, _exact(ROUTE_HEADER, chain.route)]
    route = _forward(name, {"prefix": "/", "headers": headers}, chain_name(cluster, chain.route))
    if len(chain.versions) > 1:
        route["route"]["retry_policy"] = next_version(document, chain)
    return route


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
    default = default_version(document)
    if default is None:
        return [_REFUSED]
    cluster = clusters[default]
    if not _version_is_always_chosen(document):
        return [_forward("default", {"prefix": "/"}, cluster)]
    allowed = []
    for rule in document.requests.allow_paths:
        if rule == _ANSWERED_HERE:
            continue
        method, _, path = rule.partition(" ")
        match = {"path": path, "headers": [_exact(":method", method)]}
        allowed.append(_forward(f"unread {rule}", match, cluster))
    return [*allowed, _REFUSED]


def default_version(document: Document) -> VersionKey | None:
    """The version for forwarded paths: the first with traffic, and never one at a provider; None if there is none."""
    every = [(model, name) for model, entry in document.models.items() for name in entry.versions]
    own = [key for key in every if not is_at_provider(document, key)]
    return next((key for key in own if document.models[key[0]].versions[key[1]].weight), own[0] if own else None)


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
