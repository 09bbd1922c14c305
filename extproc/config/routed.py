"""What an Envoy states about its routes, so that no exchange is sent to a version that this Envoy does not have.

The processor takes a new configuration within seconds; an Envoy may have the old one for longer. So Envoy's routes
carry a list of the versions that they know, and Envoy sends it with every call, in the metadata ``x-llm-routes``:

    llama/v1=3fd1a0c2,llama/v2=91b0c7de

Each entry is MODEL/VERSION and a hash of its endpoints. Envoy takes list and routes from one resource, so what it
states is true for the request at hand, whatever is reloaded meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from extproc.config.document import Version

STATEMENT_BYTES_MAX = 6_000
"""Below the limit for the headers of a call, with room for Envoy's own."""


def endpoints_hash(version: Version) -> str:
    """A short hash of the endpoints of a version, in any order."""
    return hashlib.sha256("\n".join(sorted(version.endpoints)).encode()).hexdigest()[:8]


def route_statement(versions: Mapping[tuple[str, str], Version]) -> str:
    """The list for these versions, by (model, version)."""
    return ",".join(f"{model}/{name}={endpoints_hash(version)}" for (model, name), version in versions.items())


class Unknown(NamedTuple):
    """What an Envoy does not know: versions without routes (MODEL/VERSION), and the keys of all that is new to it."""

    versions: frozenset[str]
    keys: tuple[str, ...]


def unknown_to(stated: str, versions: Iterable[tuple[str, str, str]]) -> Unknown:
    """Compare a statement with a configuration.

    Args: versions: (model, version, hash of its endpoints).
    """
    routed = parse_statement(stated)
    unrouted, keys = [], []
    for model, version, endpoints in versions:
        name, key = f"{model}/{version}", f"models.{model}.versions.{version}"
        if name not in routed:
            unrouted.append(name)
            keys.append(key)
        elif routed[name] != endpoints:
            keys.append(f"{key}.endpoints")
    return Unknown(frozenset(unrouted), tuple(keys))


def parse_statement(text: str) -> dict[str, str]:
    """The hash of the endpoints by MODEL/VERSION; what is no entry is skipped, as if that version were not there."""
    entries: Iterable[tuple[str, str, str]] = (entry.partition("=") for entry in text.split(","))
    return {name: endpoints for name, equals, endpoints in entries if equals}
