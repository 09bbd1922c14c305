"""Fallback: which versions answer in place of one that is down, overloaded or silent.

A version that was chosen has a *chain*: itself, then the versions of its model's list without itself. Envoy tries them
in that order, each once. Lists are never followed from one model to the next, so two models may name each other.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from extproc.config.section import Section, VersionName

if TYPE_CHECKING:
    from extproc.config.document import Document

FallbackReason = Literal["connect_failure", "reset", "gateway_error", "rate_limit", "timeout"]
"""Why the next version is asked; the words are Envoy's."""

VersionKey = tuple[str, str]
"""(model, version)."""


class Fallback(Section):
    """The versions that answer in place of another, and when. Envoy asks them; the processor sends nothing itself."""

    to: tuple[VersionName, ...] = Field(
        min_length=1, max_length=8, description="VERSION of this model or MODEL/VERSION, in the order of the attempts"
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


def named_version(document: Document, model: str, name: str) -> VersionKey | None:
    """The version that an entry of a model's list names: VERSION of this model, else MODEL/VERSION."""
    if name in document.models[model].versions:
        return model, name
    parts = name.split("/")
    for count in range(1, len(parts)):
        key = "/".join(parts[:count]), "/".join(parts[count:])
        if key[0] in document.models and key[1] in document.models[key[0]].versions:
            return key
    return None


def chain_of(document: Document, model: str, version: str) -> tuple[VersionKey, ...]:
    """The versions that may answer where this one was chosen, itself first; it alone where it has no fallback."""
    fallback = document.models[model].fallback
    named = () if fallback is None else [named_version(document, model, name) for name in fallback.to]
    return tuple(dict.fromkeys(((model, version), *(key for key in named if key is not None))))


def chains_of(document: Document) -> dict[VersionKey, tuple[VersionKey, ...]]:
    """The chain of each version that has a fallback."""
    every = {
        (model, name): chain_of(document, model, name)
        for model, entry in document.models.items()
        for name in entry.versions
        if entry.fallback is not None
    }
    return {key: chain for key, chain in every.items() if len(chain) > 1}


def chain_hash(document: Document, model: str, version: str) -> str:
    """A short hash of what Envoy knows of a version's fallback; empty if it has none."""
    fallback, chain = document.models[model].fallback, chain_of(document, model, version)
    if fallback is None or len(chain) == 1:
        return ""
    written = "\n".join(["/".join(key) for key in chain] + sorted(fallback.on))
    return hashlib.sha256(written.encode()).hexdigest()[:8]
