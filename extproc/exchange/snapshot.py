"""One configuration, compiled: immutable, with a revision. An exchange takes one and keeps it to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from extproc.config.document import Document, Identity, Limits, Unreadable
from extproc.config.load import revision_of
from extproc.config.models import CompiledModel, compile_models
from extproc.domain.text import Direction
from extproc.filters.base import Filter
from extproc.filters.chain import looking_last
from extproc.filters.registry import build_filters
from extproc.payload.view import CopyRules, RequestPolicy


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What ``Exchange`` needs of a configuration."""

    revision: str
    limits: Limits
    identity: Identity
    teams: frozenset[str]
    policy: RequestPolicy
    allowed: frozenset[str]  # "METHOD /path"
    models: Mapping[str, CompiledModel]
    filters: tuple[Filter, ...]
    answer_filters: tuple[Filter, ...]  # those that look at answers, as a chain wants them
    copies: CopyRules  # answers or prompts may be changed, so what repeats their text must go
    logs_text: bool
    full_duplex: bool  # how guarded streams are asked for


def compile_snapshot(document: Document, prompts: Mapping[str, str]) -> Snapshot:
    """Compile a checked document.

    Args:
        prompts: text of each prompt file, by the path that stands in the document.
    """
    filters = build_filters(document)
    requests = document.requests
    return Snapshot(
        revision=revision_of(document, prompts),
        limits=document.limits,
        identity=document.identity,
        teams=frozenset(document.identity.teams),
        policy=RequestPolicy(
            json_depth_max=document.limits.json_depth_max,
            token_ids_pass=requests.token_ids is Unreadable.PASS,
            media_pass=requests.media is Unreadable.PASS,
            template_kwargs=frozenset(requests.template_kwargs),
        ),
        allowed=frozenset(requests.allow_paths),
        models=compile_models(document, prompts),
        filters=filters,
        answer_filters=looking_last(item for item in filters if Direction.RESPONSE in item.directions),
        copies=CopyRules(
            drops_all=any(item.changes_answers for item in filters),
            drops_prompt=any(item.changes_prompt for item in filters),
        ),
        logs_text=document.log.text,
        full_duplex=document.envoy.response_stream_mode == "full_duplex",
    )
