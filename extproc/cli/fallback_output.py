"""What ``versions`` and ``explain`` print of a fallback: who is asked in turn and on what, and who never is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from extproc.cli.version_shapes import ChainedVersionJson, FallbackJson, WithheldJson
from extproc.config.data_rules import DataRules
from extproc.config.models import CompiledModel, CompiledVersion, find_version
from extproc.domain.record import ExchangeRecord


def fallback_data(version: CompiledVersion, models: Mapping[str, CompiledModel]) -> FallbackJson | None:
    """The fallback of a version that is chosen; None if it has none."""
    fallback = version.fallback
    if fallback is None or len(fallback.chain) == 1:
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
        "provider": None if version.provider is None else version.provider.name,
        "context_tokens_max": version.context_tokens_max,
    }


def _version_words(one: ChainedVersionJson) -> str:
    tokens, provider = one["context_tokens_max"], one["provider"]
    words = [] if provider is None else [f"provider {provider}"]
    words += [] if tokens is None else [f"up to {tokens:,} tokens"]
    return f"{one['version']} ({', '.join(words)})" if words else one["version"]


def withheld_data(record: ExchangeRecord, models: Mapping[str, CompiledModel], rules: DataRules) -> list[WithheldJson]:
    """The versions at providers that cannot answer an exchange."""
    found: list[WithheldJson] = []
    for version in (one for model in models.values() for one in model.versions):
        provider = version.provider
        if provider is None:
            continue
        rule = rules.forbidden_by(record, version.facts)
        if not rule and record.version is not None:
            rule = rules.forbidden_by(record, record.version)
        if rule or record.endpoint not in provider.apis:
            found.append({"version": version.name, "provider": provider.name, "rule": rule or None})
    return found


def withheld_rows(data: Sequence[WithheldJson]) -> Iterator[tuple[str, str]]:
    """A row for each of them."""
    for one in data:
        why = f"forbidden by {one['rule']}" if one["rule"] else f"the API is not served by provider {one['provider']}"
        yield "never asked", f"{one['version']}: {why}"


def _reason_words(reason: str, data: FallbackJson) -> str:
    if reason != "timeout":
        return reason
    streamed, unstreamed = (
        "no limit" if limit is None else f"{limit:,} ms"
        for limit in (data["first_byte_ms"], data["unstreamed_first_byte_ms"])
    )
    return f"timeout ({streamed}; unstreamed: {unstreamed})"
