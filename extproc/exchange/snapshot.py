"""One configuration, compiled: immutable, with a revision. An exchange takes one and keeps it to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from extproc.config.classifiers import Classifier
from extproc.config.document import Document, Identity, Limits, Unreadable
from extproc.config.load import revision_of
from extproc.config.models import CompiledModel, compile_models
from extproc.exchange.policies import CompiledPolicy, compile_policies
from extproc.filters.base import Filter
from extproc.filters.registry import build_filters
from extproc.payload.view import RequestPolicy


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What ``Exchange`` needs of a configuration."""

    revision: str
    limits: Limits
    identity: Identity
    teams: frozenset[str]
    requests: RequestPolicy
    allowed: frozenset[str]  # "METHOD /path"
    models: Mapping[str, CompiledModel]
    first_filters: tuple[Filter, ...]  # in order: these, the guards of the policy, then the last ones
    last_filters: tuple[Filter, ...]
    policies: tuple[CompiledPolicy, ...]  # the first that fits an exchange is its; the last one fits all
    classifiers: Mapping[str, Classifier]  # what guards may ask
    logs_text: bool
    full_duplex: bool  # how guarded streams are asked for


def compile_snapshot(document: Document, prompts: Mapping[str, str]) -> Snapshot:
    """Compile a checked document.

    Args:
        prompts: text of each prompt file, by the path that stands in the document.
    """
    first_filters, last_filters = build_filters(document)
    unread = document.requests
    return Snapshot(
        revision=revision_of(document, prompts),
        limits=document.limits,
        identity=document.identity,
        teams=frozenset(document.identity.teams),
        requests=RequestPolicy(
            json_depth_max=document.limits.json_depth_max,
            token_ids_pass=unread.token_ids is Unreadable.PASS,
            media_pass=unread.media is Unreadable.PASS,
            template_kwargs=frozenset(unread.template_kwargs),
        ),
        allowed=frozenset(unread.allow_paths),
        models=compile_models(document, prompts),
        first_filters=first_filters,
        last_filters=last_filters,
        policies=compile_policies(document, (*first_filters, *last_filters)),
        classifiers=document.classifiers,
        logs_text=document.log.text,
        full_duplex=document.envoy.response_stream_mode == "full_duplex",
    )
