"""Fallback: which versions answer in place of one that is down, overloaded or silent.

A version that was chosen has a *chain*: itself, then the versions of its model's list, or of its route's, without
itself. Envoy tries them in that order, each once. Lists are never followed from one model to the next, so two models
may name each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field

from extproc.config.section import Section, VersionName

if TYPE_CHECKING:
    from extproc.config.document import Document
    from extproc.config.routes import Route

FallbackReason = Literal["connect_failure", "reset", "gateway_error", "rate_limit", "timeout"]
"""Why the next version is asked; the words are Envoy's."""

VersionKey = tuple[str, str]
"""(model, version)."""


class Fallback(Section):
    """The versions that answer in place of another, and when. Envoy asks them; the processor sends nothing itself."""

    to: tuple[VersionName, ...] = Field(
        min_length=1, max_length=8, description="MODEL/VERSION, or VERSION of this model, in the order of the attempts"
    )
    on: tuple[FallbackReason, ...] = Field(
        default=("connect_failure", "reset", "gateway_error", "rate_limit", "timeout"),
        min_length=1,
        description=(
            "what starts it, before the first byte of an answer: no connection; a reset; status 502, 503 or 504; "
            "status 429; no response headers in time"
        ),
    )
    first_byte_ms: int = Field(
        default=3_000,
        ge=50,
        le=600_000,
        description="`timeout` of a stream: time to its response headers. The last version of a chain has no limit",
    )
    unstreamed_first_byte_ms: int | None = Field(
        default=None,
        ge=50,
        le=3_600_000,
        description="the same for an unstreamed answer, whose headers come when it is complete; default: no limit",
    )


def named_version(document: Document, model: str | None, name: str) -> VersionKey | None:
    """The version that an entry of a list names: VERSION of this model, if it is that of one, else MODEL/VERSION."""
    if model is not None and name in document.models[model].versions:
        return model, name
    known = (key for key in possible_keys(name) if key[0] in document.models)
    return next((key for key in known if key[1] in document.models[key[0]].versions), None)


def possible_keys(name: str) -> Iterator[VersionKey]:
    """What MODEL/VERSION may mean: either part may contain a slash."""
    parts = name.split("/")
    return (("/".join(parts[:count]), "/".join(parts[count:])) for count in range(1, len(parts)))


class FallbackChain(NamedTuple):
    """A version that was chosen, and those that may answer in its place.

    Attributes:
        route: the route whose exchanges these are; empty: those of every other route.
        versions: in the order in which they are asked, the chosen one first.
        fallback: what the list is from; None for a version at a provider, which goes through an egress alone.
    """

    route: str
    versions: tuple[VersionKey, ...]
    fallback: Fallback | None

    @property
    def chosen(self) -> VersionKey:
        """The version that was chosen."""
        return self.versions[0]

    @property
    def on(self) -> tuple[FallbackReason, ...]:
        """What starts it."""
        return () if self.fallback is None else self.fallback.on


def chain_of(document: Document, model: str, version: str) -> FallbackChain:
    """The chain of a version by its model's fallback; of it alone where there is none."""
    return _chain(document, "", (model, version), document.models[model].fallback)


def route_chains(document: Document, route: Route) -> list[FallbackChain]:
    """The chains of a route that has a fallback of its own, one for each version that it may choose."""
    if route.fallback is None:
        return []
    return [_chain(document, route.name, key, route.fallback) for key in targets_of(document, route)]


def targets_of(document: Document, route: Route) -> list[VersionKey]:
    """The versions of which a route chooses one; none if it leaves that to the requested model."""
    if route.model is not None:
        entry = document.models.get(route.model)
        return [] if entry is None else [(route.model, name) for name in entry.versions]
    listed = [share.version for share in route.split] if route.version is None else [route.version]
    found = [named_version(document, None, name) for name in listed]
    return list(dict.fromkeys(key for key in found if key is not None))


def chains_of(document: Document) -> list[FallbackChain]:
    """The chains that Envoy must know; one of a route stands before that of its version in all other routes.

    A version that has one anywhere has one everywhere, if only of itself: what Envoy inserts for it never depends on
    the route.
    """
    own = [chain_of(document, model, name) for model, entry in document.models.items() for name in entry.versions]
    of_routes = [chain for route in document.routes for chain in route_chains(document, route)]
    versions = {key for chain in (*own, *of_routes) if len(chain.versions) > 1 for key in (chain.chosen,)}
    versions |= {key for chain in own for key in (chain.chosen,) if is_at_provider(document, key)}
    return [chain for chain in (*of_routes, *own) if chain.chosen in versions]


def is_at_provider(document: Document, key: VersionKey) -> bool:
    """Whether a provider answers for a version."""
    return document.models[key[0]].versions[key[1]].provider is not None


def chain_hashes(chains: Iterable[FallbackChain]) -> dict[VersionKey, str]:
    """A short hash of what Envoy knows of the chains of each version that has any. Args: chains: of a document."""
    lines: dict[VersionKey, list[str]] = {}
    for chain in chains:
        named = ["/".join(key) for key in chain.versions]
        lines.setdefault(chain.chosen, []).append("\n".join([chain.route, *named, *sorted(chain.on)]))
    return {key: hashlib.sha256("\n\n".join(each).encode()).hexdigest()[:8] for key, each in lines.items()}


def _chain(document: Document, route: str, chosen: VersionKey, fallback: Fallback | None) -> FallbackChain:
    model = None if route else chosen[0]
    named = () if fallback is None else [named_version(document, model, name) for name in fallback.to]
    return FallbackChain(route, tuple(dict.fromkeys((chosen, *(key for key in named if key is not None)))), fallback)
