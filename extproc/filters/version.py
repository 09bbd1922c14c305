"""Chooses the route of an exchange, and the model version: weighted, and sticky.

The choice of a version is weighted rendezvous hashing: every version draws a number from (version, key), scaled by its
weight, and the highest wins. A key keeps its version while the weights are unchanged, on every replica alike; raising
one weight only moves keys to that version. A version draws the same number in every route, so this holds between routes
too.

Source: Schindelhauer and Schomaker, "Weighted distributed hash tables" (2005), the logarithmic method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, Self

from extproc.config.compiled_rollouts import among
from extproc.config.compiled_routes import CompiledRoute, CompiledRoutes
from extproc.config.data_rules import NO_RULES, DataRules, most_telling
from extproc.config.models import CompiledModel, CompiledVersion, find_version
from extproc.config.route_conditions import RouteFacts
from extproc.config.route_names import asked_name
from extproc.config.section import Mode, OnError
from extproc.domain.errors import ApiError
from extproc.domain.record import ExchangeRecord
from extproc.domain.rollouts import Arm
from extproc.domain.text import Speaker
from extproc.domain.token_rates import START
from extproc.filters.base import ExchangeContext, ExchangeFacts, Filter, Resources
from extproc.payload.model_names import unknown_model
from extproc.payload.request_size import size_of
from extproc.payload.view import RequestView

_DRAWS: Final = 1 << 64
UNROUTED: Final = ApiError(
    503, "server_error", "version_unavailable", "The chosen model version is not available yet. Please retry shortly."
)
NOT_ALLOWED: Final = ApiError(
    403,
    "invalid_request_error",
    "request_not_allowed",
    "The model may not be used for this request, but for others: by API, prompt size, streaming, tools or time.",
    "model",
)


def choose_version(versions: Sequence[CompiledVersion], key: bytes) -> CompiledVersion | None:
    """The version of a key, or None if every weight is 0."""
    best: CompiledVersion | None = None
    best_draw = math.inf
    for version in versions:
        if not version.weight:
            continue
        number = int.from_bytes(blake2b(version.salt + key, digest_size=8).digest())
        draw = -math.log((number + 1) / (_DRAWS + 1)) / version.weight
        if draw < best_draw:
            best, best_draw = version, draw
    return best


def sticky_key(model: CompiledModel, request: RequestView, headers: Mapping[str, str]) -> bytes:
    """The key that keeps a conversation on its version: a header, else the user, else the beginning of the
    conversation.

    The beginning is the first system text and the first user text, which every later turn of the conversation repeats.
    """
    if model.sticky_header and headers.get(model.sticky_header):
        return b"header\x00" + headers[model.sticky_header].encode()
    if model.sticky_user_field and request.user:
        return b"user\x00" + request.user.encode()
    digest = blake2b(digest_size=16)
    for speaker in (Speaker.SYSTEM, Speaker.USER):
        text = next((field.text for field in request.texts if field.source.speaker is speaker), "")
        digest.update(text.encode("utf-8", "replace") + b"\x00")
    return b"beginning\x00" + digest.digest()


def set_served_model(request: RequestView, version: CompiledVersion) -> None:
    """Ask for a version by its server's name; the client still sees the name that it asked for."""
    if version.served_model != request.model:
        if request.model is not None:
            request.shown["model"] = request.model
            request.served_model = version.served_model
        request.set(("model",), version.served_model)


class VersionFilter(Filter):
    """Chooses route and version, and sets the served model in the request; in shadow it changes nothing."""

    name = "version"

    @classmethod
    def build(cls, section: Any, resources: Resources) -> Self:
        """Build the filter with the routes."""
        return cls(section.mode, section.on_error, resources.routes, rules=resources.data_rules)

    def __init__(
        self,
        mode: Mode,
        on_error: OnError,
        routes: CompiledRoutes,
        fixed: str | None = None,
        rules: DataRules = NO_RULES,
    ) -> None:
        super().__init__(mode, on_error)
        self._routes = routes
        self._rules = rules
        self._fixed = fixed  # MODEL/VERSION: in the guard role the pod is already chosen

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Set the exchange's choice. An unknown model or pinned version is refused, except in shadow."""
        chosen = self._choose(request, exchange)
        if isinstance(chosen, ApiError):
            return chosen if self.enforced else None
        model, choice = chosen
        exchange.record.version = choice.facts
        if not self.enforced:
            exchange.record.arm = None
            return None
        exchange.choice = choice
        if exchange.is_egressed:
            if request.model is not None:
                request.shown["model"] = request.model
            return None
        other_name = self._fixed is not None and request.model != model.name  # an adapter's name, known to the server
        if not other_name:
            set_served_model(request, choice)
        return None

    def _choose(
        self, request: RequestView, exchange: ExchangeContext
    ) -> tuple[CompiledModel, CompiledVersion] | ApiError:
        fixed = find_version(exchange.facts.models, self._fixed) if self._fixed is not None else None
        if fixed is not None:
            _note_part(fixed, exchange.record)
            return fixed
        routes = self._routes
        facts = route_facts(request, exchange.record, exchange.facts, routes) if routes.reads else None
        route = routes.routes[-1] if facts is None else routes.first(facts)
        exchange.record.route = route.name
        model = route.model_for(request.model)
        if model is None:
            facts = facts or route_facts(request, exchange.record, exchange.facts, routes)
            return _nowhere(route, request.model, routes, facts)
        if model.has_provider:
            return self._of_model_with_providers(model, request, exchange)
        return _of_model(model, request, exchange)

    def _of_model_with_providers(
        self, model: CompiledModel, request: RequestView, exchange: ExchangeContext
    ) -> tuple[CompiledModel, CompiledVersion] | ApiError:
        """Likewise, of the versions that may answer this exchange."""
        record = exchange.record
        errors = [self._rules.error(record, version.facts, version.provider) for version in model.versions]
        open_to = [version for version, error in zip(model.versions, errors, strict=True) if error is None]
        narrowed = among(model, open_to)
        if not any(version.weight for version in narrowed.versions):
            return most_telling(errors)
        chosen = _of_model(narrowed, request, exchange)
        if isinstance(chosen, ApiError):
            return chosen
        pinned = chosen[1]
        return self._rules.error(record, pinned.facts, pinned.provider) or chosen


def _note_part(fixed: tuple[CompiledModel, CompiledVersion], record: ExchangeRecord) -> None:
    """Note the arm of a rollout whose traffic a mesh shares."""
    model, version = fixed
    if model.rollout is not None and model.rollout.by_mesh and model.rollout.measures:
        record.arm = model.rollout.part_next_to(version, record.id)


def _nowhere(route: CompiledRoute, asked: str | None, routes: CompiledRoutes, facts: RouteFacts) -> ApiError:
    """The error for a model that is denied, or that does not exist: a caller is not told which, unless it may request
    that model otherwise.
    """
    if route.denies:
        if routes.may_request(asked, facts):
            return NOT_ALLOWED
        asked = asked_name(asked, route.models)
    return unknown_model(asked, routes.names_for(facts))


def route_facts(
    request: RequestView, record: ExchangeRecord, known: ExchangeFacts, routes: CompiledRoutes
) -> RouteFacts:
    """What the conditions of routes look at: what costs time only if one of them needs it."""
    return RouteFacts(
        request.model or "",
        record.endpoint,
        record.team,
        record.tier,
        record.tag,
        known.headers,
        START.prompt_tokens(size_of(request, known.dialect)) if routes.reads_size else 0,
        request.streamed,
        "tools" in routes.reads and request.tool_count > 0,
        known.utc_s,
        known.exhausted,
    )


def _of_model(
    model: CompiledModel, request: RequestView, exchange: ExchangeContext
) -> tuple[CompiledModel, CompiledVersion] | ApiError:
    """The version of a model, or of a route's set of versions, for one exchange."""
    pinned = _pin(model, exchange)
    choice = model.by_name.get(pinned) if pinned else _drawn(model, request, exchange)
    if choice is None:
        message = "The pinned model version does not exist."
        return ApiError(400, "invalid_request_error", "version_not_found", message)
    if choice.name in exchange.facts.unrouted:
        exchange.record.unrouted = choice.facts
        choice = None if pinned else _drawn(_routed(model, exchange), request, exchange)
    return UNROUTED if choice is None else (model, choice)


def _pin(model: CompiledModel, exchange: ExchangeContext) -> str | None:
    """The version that a client may choose and does; the pin of a team that may not is noted."""
    pinned = exchange.facts.headers.get(model.pin_header) if model.pin_header else None
    if pinned and exchange.record.team not in model.pin_teams:
        exchange.record.ignored_pin = model.name
        return None
    return pinned


def _drawn(model: CompiledModel, request: RequestView, exchange: ExchangeContext) -> CompiledVersion | None:
    """The version of the sticky key; notes the arm of a rollout that compares. None if every weight is 0."""
    key = sticky_key(model, request, exchange.facts.headers)
    rollout = model.rollout
    if rollout is None:
        return choose_version(model.versions, key)
    choice = choose_version(rollout.drawn, key)
    if choice is None or choice.name != rollout.stable.name:
        return choice
    record, unrouted = exchange.record, exchange.facts.unrouted
    if rollout.teams and record.team not in rollout.teams:
        return rollout.stable
    part = rollout.part_of(key)
    if rollout.measures and rollout.stable.name not in unrouted and rollout.canary.name not in unrouted:
        record.arm = part
    return rollout.canary if part.arm is Arm.CANARY else rollout.stable


def _routed(model: CompiledModel, exchange: ExchangeContext) -> CompiledModel:
    """The calling Envoy would refuse the drawn version: those that it routes."""
    return among(model, [version for version in model.versions if version.name not in exchange.facts.unrouted])
