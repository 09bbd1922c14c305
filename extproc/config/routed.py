"""What an Envoy states about its routes, so that no exchange is sent to a version that this Envoy does not have.

The processor takes a new configuration within seconds; an Envoy may have the old one for longer. So Envoy's routes
carry a list of the versions that they know, and Envoy sends it with every call, in the metadata ``x-llm-routes``:

    llama/v1=3fd1a0c2,llama/v2=91b0c7de.5e0d11aa

Each entry is MODEL/VERSION and a hash of its endpoints. A second hash is that of its fallback: then Envoy calls the
processor again for each attempt, in role egress, and only that call inserts the model's name and prompt. Envoy takes
list and routes from one resource, so what it states is true for the request at hand, whatever is reloaded meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from extproc.config.document import Version

STATEMENT_BYTES_MAX = 6_000
"""Below the limit for the headers of a call, with room for Envoy's own."""


def endpoints_hash(version: Version) -> str:
    """A short hash of the endpoints of a version, in any order, or of its provider's name."""
    places = sorted(version.endpoints) if version.provider is None else ["provider", version.provider]
    return hashlib.sha256("\n".join(places).encode()).hexdigest()[:8]


def route_statement(
    versions: Mapping[tuple[str, str], Version], fallbacks: Mapping[tuple[str, str], str] = MappingProxyType({})
) -> str:
    """The list for these versions, by (model, version). Args: fallbacks: the hash of each fallback."""
    return ",".join(
        f"{model}/{name}={endpoints_hash(version)}{_second(fallbacks.get((model, name), ''))}"
        for (model, name), version in versions.items()
    )


def _second(fallback: str) -> str:
    return f".{fallback}" if fallback else ""


class RoutedVersion(NamedTuple):
    """A version as an Envoy routes it: hashes of its endpoints and of its fallback, the second empty without one."""

    model: str
    version: str
    endpoints: str
    fallback: str = ""


class Unknown(NamedTuple):
    """What an Envoy does not know: versions without routes (MODEL/VERSION), and the keys of all that is new to it.

    ``through_egress``: versions (MODEL/VERSION) for which this Envoy calls the processor again.
    """

    versions: frozenset[str]
    keys: tuple[str, ...]
    through_egress: frozenset[str] = frozenset()


def unknown_to(stated: str, versions: Iterable[RoutedVersion]) -> Unknown:
    """Compare a statement with a configuration."""
    routed = parse_statement(stated)
    unrouted: list[str] = []
    keys: dict[str, None] = {}
    for one in versions:
        name, key = f"{one.model}/{one.version}", f"models.{one.model}.versions.{one.version}"
        if name not in routed:
            unrouted.append(name)
            keys[key] = None
            continue
        endpoints, _, fallback = routed[name].partition(".")
        if endpoints != one.endpoints:
            keys[f"{key}.endpoints"] = None
        if fallback != one.fallback:
            keys[f"models.{one.model}.fallback"] = None
    through_egress = frozenset(name for name, hashes in routed.items() if "." in hashes)
    return Unknown(frozenset(unrouted), tuple(keys), through_egress)


def parse_statement(text: str) -> dict[str, str]:
    """The hashes by MODEL/VERSION; what is no entry is skipped, as if that version were not there."""
    entries: Iterable[tuple[str, str, str]] = (entry.partition("=") for entry in text.split(","))
    return {name: hashes for name, equals, hashes in entries if equals}
