"""Finds what an Envoy's configuration states of the versions that it routes; ``config.routed`` has the format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extproc.config.document import Document
from extproc.config.fallback import chain_hashes, chains_of
from extproc.config.routed import RoutedVersion, endpoints_hash
from extproc.domain.contract import ROUTES_HEADER
from extproc.envoy_config.names import FILTER_NAME, ROUTES_ANNOTATION, ROUTES_KEY, ROUTES_STATED


def statements(node: Any) -> Iterator[str]:
    """What its routes state, or its filter where the routes are not ours (Istio), or an HTTPRoute."""
    if isinstance(node, dict):
        named = node.get(FILTER_NAME)
        if isinstance(named, dict) and isinstance(named.get(ROUTES_KEY), str):
            yield named[ROUTES_KEY]
        if node.get("key") == ROUTES_HEADER and isinstance(node.get("value"), str) and node["value"] != ROUTES_STATED:
            yield node["value"]
        if isinstance(node.get(ROUTES_ANNOTATION), str):
            yield node[ROUTES_ANNOTATION]
        for part in node.values():
            yield from statements(part)
    elif isinstance(node, list):
        for part in node:
            yield from statements(part)


def versions_as_routed(document: Document) -> list[RoutedVersion]:
    """The versions of a configuration, to be compared with a statement."""
    hashes = chain_hashes(chains_of(document))
    return [
        RoutedVersion(model, name, endpoints_hash(version), hashes.get((model, name), ""))
        for model, entry in document.models.items()
        for name, version in entry.versions.items()
    ]
