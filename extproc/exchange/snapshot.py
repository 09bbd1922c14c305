"""A compiled configuration: immutable, with a revision. An exchange keeps the one it started with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from extproc.config.classifiers import Classifier
from extproc.config.compiled_budgets import CompiledBudgets, compile_budgets
from extproc.config.compiled_rate_limits import CompiledRateLimits, compile_rate_limits
from extproc.config.compiled_rollouts import not_edited
from extproc.config.compiled_routes import CompiledRoutes, compile_routes, version_places
from extproc.config.data_rules import DataRules, compile_data_rules
from extproc.config.document import Document, Limits, Role, Unreadable
from extproc.config.identity import Identity
from extproc.config.load import revision_of
from extproc.config.models import CompiledModel, CompiledVersion, VersionPlace, compile_models
from extproc.config.tokenizers import tokenizer_files
from extproc.domain.record import VersionFacts
from extproc.domain.rollouts import RolloutShare
from extproc.exchange.caller import CallerSources, compile_sources, user_key_of
from extproc.exchange.feedback_terms import FeedbackTerms, feedback_terms
from extproc.exchange.hop_terms import HopTerms, compile_hops
from extproc.exchange.policies import CompiledPolicy, compile_policies
from extproc.exchange.trace_contexts import TracingTerms, tracing_terms
from extproc.filters.base import Filter, Resources
from extproc.filters.registry import build_filters
from extproc.payload.view import RequestPolicy


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The parts of a configuration that ``Exchange`` needs."""

    revision: str
    limits: Limits
    identity: Identity
    callers: CallerSources | None  # None: the headers of ``identity`` are believed
    user_key: bytes  # of user hashes
    teams: frozenset[str]  # known ones, likewise ``tiers`` and ``tags``; empty: all
    tiers: frozenset[str]
    tags: frozenset[str]
    requests: RequestPolicy
    allowed: frozenset[str]  # "METHOD /path"
    lists_models: bool  # by their configured names; otherwise the model server lists them, which may serve more
    models: Mapping[str, CompiledModel]
    routes: CompiledRoutes
    rollouts: tuple[RolloutShare, ...]  # also those that are not in force
    data_rules: DataRules
    rate_limits: CompiledRateLimits | None
    budgets: CompiledBudgets | None  # that act
    first_filters: tuple[Filter, ...]  # in order: these, the guards of the policy, then the last ones
    last_filters: tuple[Filter, ...]
    policies: tuple[CompiledPolicy, ...]  # the first that matches applies; the last one matches everything
    classifiers: Mapping[str, Classifier]  # that guards may use
    tokenizers: Mapping[str, str]  # SHA-256 of each file, by its path in the document
    logs_text: bool
    tracing: TracingTerms | None  # None: exchanges have no spans
    reviews: bool  # findings are recorded for reviewers
    excerpt_chars_max: int | None  # text around each finding, on either side; None: no text is kept
    keeps_ledger: bool  # each exchange has a durable entry
    feedback: FeedbackTerms | None  # None: it is not taken
    full_duplex: bool  # the body mode of guarded streams
    endpoint_picker: bool  # one stands before us, and its word counts
    hops: HopTerms | None  # None: marks are neither set nor read
    server: str  # the name of the one next to us, in role guard; empty: Envoy says which server answered
    long_message_timeout_ms: int  # Envoy's timeout while a long request is checked

    @property
    def versions(self) -> dict[VersionPlace, CompiledVersion]:
        """Of every model, and with the prompts of routes."""
        return version_places(self.models, self.routes)

    @property
    def weights(self) -> dict[VersionFacts, float]:
        """Of these versions, as they are in force: with the shares of rollouts."""
        weights: dict[VersionFacts, float] = {one.facts: one.weight for one in self.versions.values()}
        sets = [route.target for route in self.routes.routes if route.target is not None]
        prompted = [model for route in self.routes.routes for model in route.models.values()]
        for model in (*sets, *prompted, *self.models.values()):  # of one revision at several places the model's own
            if model.rollout is not None:
                weights |= {facts: weight for facts, weight in model.rollout.weights.items() if facts in weights}
        return weights

    @property
    def picked_endpoints(self) -> set[str]:
        """Of the versions whose endpoint the processor picks."""
        return {endpoint for version in self.versions.values() for endpoint in version.picked_from}


def compile_snapshot(
    document: Document,
    prompts: Mapping[str, str],
    mask_keys: Mapping[str, bytes] = MappingProxyType({}),
    rollouts: Sequence[RolloutShare] = (),
) -> Snapshot:
    """Compile a validated document.

    Args:
        prompts: text of each prompt and facts file, and SHA-256 of each tokenizer, by its path in the document.
        mask_keys: content of each file with keys, by its path in the document; the key of this process is under
            ``PROCESS_KEY``. Needed only if masks are hashes, or ``identity`` names such files.
        rollouts: those that can be in force are; see ``rollout_problems``. They are no part of the revision.
    """
    unread, review, otel = document.requests, document.review, document.otel
    chosen = [one for one in rollouts if document.role is Role.GUARD or not one.by_mesh]
    applied = not_edited(document.models, chosen)
    models = compile_models(document, prompts, applied)
    routes = compile_routes(document, models, prompts, applied)
    data_rules = compile_data_rules(document)
    resources = Resources(models, routes, prompts, mask_keys, data_rules)
    first_filters, last_filters = build_filters(document, resources)
    policies = compile_policies(document, (*first_filters, *last_filters), resources)
    return Snapshot(
        revision=revision_of(document, prompts),
        limits=document.limits,
        identity=document.identity,
        callers=compile_sources(document.identity, mask_keys),
        user_key=user_key_of(document.identity, mask_keys),
        teams=frozenset(document.identity.teams),
        tiers=frozenset(document.identity.tiers),
        tags=frozenset(document.identity.tags),
        requests=RequestPolicy(
            json_depth_max=document.limits.json_depth_max,
            token_ids_pass=unread.token_ids is Unreadable.PASS,
            media_pass=unread.media is Unreadable.PASS,
            template_kwargs=frozenset(unread.template_kwargs),
        ),
        allowed=frozenset(unread.allow_paths),
        lists_models=document.role is Role.ROUTE,
        models=models,
        routes=routes,
        rollouts=tuple(rollouts),
        data_rules=data_rules,
        rate_limits=compile_rate_limits(document),
        budgets=compile_budgets(document),
        first_filters=first_filters,
        last_filters=last_filters,
        policies=policies,
        classifiers=document.classifiers,
        tokenizers={file: prompts[file] for _, file in tokenizer_files(document) if file in prompts},
        logs_text=document.log.text,
        tracing=None if otel is None else tracing_terms(otel.ratio, otel.forward, otel.texts),
        reviews=review is not None,
        excerpt_chars_max=None if review is None or review.texts == "none" else review.excerpt_chars_max,
        keeps_ledger=document.ledger is not None,
        feedback=feedback_terms(document, mask_keys),
        full_duplex=document.envoy.response_stream_mode == "full_duplex",
        endpoint_picker=document.envoy.endpoint_picker,
        hops=compile_hops(document, prompts, mask_keys),
        server=(document.gpus.server or "") if document.gpus is not None else "",
        long_message_timeout_ms=document.envoy.long_message_timeout_ms,
    )
