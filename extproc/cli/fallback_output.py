"""What ``versions`` and ``explain`` print of a fallback: who is asked in turn, and on what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from extproc.cli.version_shapes import ChainedVersionJson, FallbackJson
from extproc.config.models import CompiledModel, CompiledVersion, find_version


def fallback_data(version: CompiledVersion, models: Mapping[str, CompiledModel]) -> FallbackJson | None:
    """The fallback of a version that is chosen; None if it has none."""
    fallback = version.fallback
    if fallback is None:
        return None
    chain = [found[1] for name in fallback.chain if (found := find_version(models, name)) is not None]
    return {
        "chain": list(map(_version, chain)),
        "on": list(fallback.on),
        "first_byte_ms": fallback.first_byte_ms or None,
        "unstreamed_first_byte_ms": fallback.unstreamed_first_byte_ms or None,
    }


def fallback_rows(data: FallbackJson) -> Iterator[tuple[str, str]]:
    """Who is asked in turn, and on what the next one is."""
    yield "fallback", ", then ".join(map(_version_words, data["chain"]))
    yield "falls back on", ", ".join(_reason_words(reason, data) for reason in data["on"])


def later_versions(model: str, data: FallbackJson | None) -> str:
    """Those that may answer in place of the version, as its model names them; empty if there are none."""
    later = [] if data is None else data["chain"][1:]
    return ", ".join(one["version"].removeprefix(f"{model}/") for one in later)


def _version(version: CompiledVersion) -> ChainedVersionJson:
    return {
        "version": version.name,
        "served_model": version.served_model,
        "context_tokens_max": version.context_tokens_max,
    }


def _version_words(one: ChainedVersionJson) -> str:
    tokens = one["context_tokens_max"]
    return one["version"] if tokens is None else f"{one['version']} (up to {tokens:,} tokens)"


def _reason_words(reason: str, data: FallbackJson) -> str:
    if reason != "timeout":
        return reason
    streamed, unstreamed = (
        "no limit" if limit is None else f"{limit:,} ms"
        for limit in (data["first_byte_ms"], data["unstreamed_first_byte_ms"])
    )
    return f"timeout ({streamed}; unstreamed: {unstreamed})"
