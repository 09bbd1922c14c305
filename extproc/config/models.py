"""Compiled models and versions, from which the version filter chooses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from extproc.config.compiled_rollouts import CompiledRollout, with_rollout
from extproc.config.document import Document, Model, Version
from extproc.config.endpoints import may_be_several
from extproc.config.fallback import FallbackChain, FallbackReason, VersionKey, chain_hashes, chains_of, possible_keys
from extproc.config.prompt_template import CompiledPrompt
from extproc.config.providers import CompiledProvider, compile_providers
from extproc.config.routed import endpoints_hash
from extproc.config.version_units import Parts, changed_parts, fingerprint_of, parts_of, served_model, version_prompt
from extproc.domain.fingerprint import fingerprint_of_text
from extproc.domain.record import VersionFacts
from extproc.domain.rollouts import RolloutShare
from extproc.domain.usage import Prices


@dataclass(frozen=True, slots=True)
class CompiledFallback:
    """What happens if a version cannot answer.

    Attributes:
        chain: the versions that are asked in turn (MODEL/VERSION), itself first.
        on: what makes Envoy ask the next one.
        first_byte_ms: time to the response headers of a stream; 0: no limit.
        unstreamed_first_byte_ms: the same for an unstreamed answer.
        prompt_bytes_max: of the constant text of the longest prompt in the chain. [bytes]
        hash: as Envoy states it with its routes.
    """

    hash: str
    chain: tuple[str, ...]
    on: tuple[FallbackReason, ...]
    first_byte_ms: int
    unstreamed_first_byte_ms: int
    prompt_bytes_max: int
    has_tokenizer: bool  # of a version in the chain


@dataclass(frozen=True, slots=True)
class CompiledVersion:
    """One unit of weights, serving configuration and prompt."""

    facts: VersionFacts
    parts: Parts  # what the fingerprint is of
    weight: int
    served_model: str
    prompt: CompiledPrompt | None
    salt: bytes  # makes draws of versions independent
    name: str  # MODEL/VERSION
    endpoints_hash: str  # as Envoy states it with its routes
    picked_from: tuple[str, ...]  # endpoints of which the processor picks one; empty: Envoy does
    context_tokens_max: int | None
    provider: CompiledProvider | None = None  # who answers in place of servers of one's own
    fallback: CompiledFallback | None = None

    @property
    def keeps_texts(self) -> bool:
        """Whether texts are kept to the end of an exchange, as a version that may answer has a tokenizer."""
        return bool(self.facts.tokenizer) or (self.fallback is not None and self.fallback.has_tokenizer)


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """A model name that clients request."""

    name: str
    versions: tuple[CompiledVersion, ...]
    by_name: Mapping[str, CompiledVersion]
    sticky_header: str | None
    sticky_user_field: bool
    pin_header: str | None
    pin_teams: frozenset[str]  # whose pin is obeyed
    has_provider: bool = False  # of one version at least
    rollout: CompiledRollout | None = None  # between two of the versions


def compile_models(
    document: Document, prompts: Mapping[str, str], rollouts: Sequence[RolloutShare] = ()
) -> dict[str, CompiledModel]:
    """Compile all models of a valid document.

    Args:
        prompts: content of each prompt, by ``Prompt.key``.
        rollouts: those that can be in force are, of each model one.
    Raises: KeyError for a prompt that was not read: a caller bug.
    """
    providers = compile_providers(document.providers)
    models = {name: _compile_model(name, model, prompts, providers) for name, model in document.models.items()}
    fallbacks = compile_fallbacks(document, models, "")
    if fallbacks:
        models = {name: _with_fallbacks(model, fallbacks) for name, model in models.items()}
    return {name: with_rollout(model, rollouts) for name, model in models.items()} if rollouts else models


def find_version(models: Mapping[str, CompiledModel], name: str) -> tuple[CompiledModel, CompiledVersion] | None:
    """The version named MODEL/VERSION; either part may contain a slash."""
    for model_name, version_name in possible_keys(name):
        model = models.get(model_name)
        version = model.by_name.get(version_name) if model else None
        if model and version:
            return model, version
    return None


class RevisedVersion(NamedTuple):
    """A version that means something else under its name: fingerprints, and the parts that changed.

    ``route``: the route whose prompt it has; empty if it has its own.
    """

    route: str
    model: str
    version: str
    before: str
    fingerprint: str
    changed: list[str]


VersionPlace = tuple[str, str]
"""The route whose prompt a version has (empty: its own), and MODEL/VERSION."""


def revised(
    before: Mapping[VersionPlace, CompiledVersion], after: Mapping[VersionPlace, CompiledVersion]
) -> Iterator[RevisedVersion]:
    """The versions that both configurations have and that differ."""
    for place, version in after.items():
        old, facts = before.get(place), version.facts
        if old is not None and old.facts.fingerprint != facts.fingerprint:
            changed = changed_parts(old.parts, version.parts)
            yield RevisedVersion(
                place[0], facts.model, facts.version, old.facts.fingerprint, facts.fingerprint, changed
            )


def _compile_model(
    name: str, model: Model, prompts: Mapping[str, str], providers: Mapping[str, CompiledProvider]
) -> CompiledModel:
    versions = tuple(
        compile_version(name, key, version, version_prompt(version, prompts), providers.get(version.provider or ""))
        for key, version in model.versions.items()
    )
    return CompiledModel(
        name=name,
        versions=versions,
        by_name={version.facts.version: version for version in versions},
        sticky_header=model.sticky.header,
        sticky_user_field=model.sticky.user_field,
        pin_header=model.pin_header,
        pin_teams=frozenset(model.pin_teams),
        has_provider=any(version.provider is not None for version in versions),
    )


def compile_fallbacks(
    document: Document, models: Mapping[str, CompiledModel], route: str
) -> dict[str, CompiledFallback]:
    """Of a route, or where that is empty of all models, by MODEL/VERSION of the version that was chosen."""
    chains = chains_of(document)
    hashes = chain_hashes(chains)
    return {"/".join(one.chosen): _compile_fallback(one, models, hashes) for one in chains if one.route == route}


def _compile_fallback(
    chain: FallbackChain, models: Mapping[str, CompiledModel], hashes: Mapping[VersionKey, str]
) -> CompiledFallback:
    section = chain.fallback if chain.fallback is not None and "timeout" in chain.on else None
    versions = [models[key[0]].by_name[key[1]] for key in chain.versions]
    return CompiledFallback(
        hash=hashes[chain.chosen],
        chain=tuple("/".join(key) for key in chain.versions),
        on=chain.on,
        first_byte_ms=0 if section is None else section.first_byte_ms,
        unstreamed_first_byte_ms=0 if section is None else section.unstreamed_first_byte_ms or 0,
        prompt_bytes_max=max(
            0 if version.prompt is None else len(version.prompt.constant_text.encode()) for version in versions
        ),
        has_tokenizer=any(version.facts.tokenizer for version in versions),
    )


def _with_fallbacks(model: CompiledModel, fallbacks: Mapping[str, CompiledFallback]) -> CompiledModel:
    versions = tuple(replace(version, fallback=fallbacks.get(version.name)) for version in model.versions)
    return replace(model, versions=versions, by_name={version.facts.version: version for version in versions})


def compile_version(
    model: str, name: str, version: Version, prompt: CompiledPrompt | None, provider: CompiledProvider | None = None
) -> CompiledVersion:
    """Compile a version of a model with a system prompt, which is its own or that of a route."""
    price = version.price
    parts = parts_of(model, version, prompt)
    cached = (
        price.prompt_micro_usd_per_mtok if price.cached_micro_usd_per_mtok is None else price.cached_micro_usd_per_mtok
    )
    completion = price.completion_micro_usd_per_mtok
    return CompiledVersion(
        facts=VersionFacts(
            model=model,
            version=name,
            fingerprint=fingerprint_of(parts),
            prices=Prices(price.prompt_micro_usd_per_mtok, cached, completion),
            prompt="" if prompt is None else prompt.name,
            prompt_fingerprint="" if prompt is None else prompt.fingerprint,
            price_revision=fingerprint_of_text(f"{price.prompt_micro_usd_per_mtok} {cached} {completion}"),
            tokenizer=version.tokenizer_file or "",
            provider="" if provider is None else provider.api,
        ),
        parts=parts,
        weight=version.weight,
        served_model=served_model(model, version),
        prompt=prompt,
        salt=f"{model}\x00{name}\x00".encode(),
        name=f"{model}/{name}",
        endpoints_hash=endpoints_hash(version),
        picked_from=version.endpoints if version.pick == "load" and may_be_several(version.endpoints) else (),
        context_tokens_max=version.context_tokens_max,
        provider=provider,
    )
