"""Chooses the model version of an exchange: weighted, and sticky.

The choice is weighted rendezvous hashing: every version draws a number from (version, key), scaled by its weight, and
the highest wins. A key keeps its version while the weights are unchanged, on every replica alike; raising one weight
only moves keys to that version.

Source: Schindelhauer and Schomaker, "Weighted distributed hash tables" (2005), the logarithmic method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from extproc.config.models import CompiledModel, CompiledVersion, find_version
from extproc.config.section import Mode, OnError
from extproc.domain.errors import ApiError
from extproc.domain.text import Speaker
from extproc.filters.base import ExchangeContext, Filter
from extproc.payload.model_names import unknown_model
from extproc.payload.view import RequestView

_DRAWS = 1 << 64
UNROUTED = ApiError(
    503, "server_error", "version_unavailable", "The chosen model version is not available yet. Please retry shortly."
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


class VersionFilter(Filter):
    """Chooses the version, and sets the served model in the request; in shadow it changes nothing."""

    name = "version"

    def __init__(self, mode: Mode, on_error: OnError, fixed: str | None = None) -> None:
        super().__init__(mode, on_error)
        self._fixed = fixed  # MODEL/VERSION: in the guard role the pod is already chosen

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Set the exchange's choice. An unknown model or pinned version is refused, except in shadow."""
        chosen = self._choose(request, exchange)
        if isinstance(chosen, ApiError):
            return chosen if self.enforced else None
        model, choice = chosen
        exchange.record.version = choice.facts
        if not self.enforced:
            return None
        exchange.choice = choice
        other_name = self._fixed is not None and request.model != model.name  # an adapter's name, known to the server
        if choice.served_model != request.model and not other_name:
            if request.model is not None:
                request.shown["model"] = request.model
            request.set(("model",), choice.served_model)
        return None

    def _choose(
        self, request: RequestView, exchange: ExchangeContext
    ) -> tuple[CompiledModel, CompiledVersion] | ApiError:
        models = exchange.facts.models
        fixed = find_version(models, self._fixed) if self._fixed is not None else None
        if fixed is not None:
            return fixed
        only = next(iter(models.values())) if request.model is None and len(models) == 1 else None
        model = only or models.get(request.model or "")
        if model is None:
            return unknown_model(request.model, models)
        pinned = exchange.facts.headers.get(model.pin_header) if model.pin_header else None
        if pinned:
            choice = model.by_name.get(pinned)
        else:
            choice = choose_version(model.versions, sticky_key(model, request, exchange.facts.headers))
        if choice is None:
            message = "The pinned model version does not exist."
            return ApiError(400, "invalid_request_error", "version_not_found", message)
        if choice.name in exchange.facts.unrouted:
            exchange.record.unrouted = choice.facts
            choice = None if pinned else _routed_instead(model, request, exchange)
        return UNROUTED if choice is None else (model, choice)


def _routed_instead(model: CompiledModel, request: RequestView, exchange: ExchangeContext) -> CompiledVersion | None:
    """The calling Envoy would refuse the drawn version: draw among those that it routes."""
    facts = exchange.facts
    routed = [version for version in model.versions if version.name not in facts.unrouted]
    return choose_version(routed, sticky_key(model, request, facts.headers))
