"""Policies: named lists of guards, and the conditions that select them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from extproc.config.guards.banned import BannedGuard
from extproc.config.guards.classifier import ClassifierGuard
from extproc.config.guards.custom import CustomGuard
from extproc.config.guards.degenerate import DegenerateGuard
from extproc.config.guards.facts import FactsGuard
from extproc.config.guards.grounding import GroundingGuard
from extproc.config.guards.harm import HarmGuard
from extproc.config.guards.injection import InjectionGuard
from extproc.config.guards.pii import PiiGuard
from extproc.config.guards.prompt_leak import PromptLeakGuard
from extproc.config.guards.refusal import RefusalGuard
from extproc.config.guards.roles import RolesGuard
from extproc.config.guards.size import SizeGuard
from extproc.config.guards.tools import ToolsGuard
from extproc.config.guards.topics import TopicsGuard
from extproc.config.guards.urls import UrlsGuard
from extproc.config.section import Name, Section
from extproc.domain.contract import Endpoint

Guard = Annotated[
    BannedGuard
    | ClassifierGuard
    | CustomGuard
    | DegenerateGuard
    | FactsGuard
    | GroundingGuard
    | HarmGuard
    | InjectionGuard
    | PiiGuard
    | PromptLeakGuard
    | RefusalGuard
    | RolesGuard
    | SizeGuard
    | ToolsGuard
    | TopicsGuard
    | UrlsGuard,
    Field(discriminator="guard"),
]


class Condition(Section):
    """A condition of a policy: an exchange must match every key that is set."""

    endpoints: tuple[Endpoint, ...] = Field(default=(), description="APIs; empty: any")
    teams: tuple[Name, ...] = Field(default=(), description="teams; empty: any")
    models: tuple[Name, ...] = Field(default=(), description="models, as clients request them; empty: any")
    versions: tuple[Name, ...] = Field(default=(), description="model versions, MODEL/VERSION; empty: any")


class Policy(Section):
    """A list of guards. The first policy that matches an exchange applies; the last one matches all."""

    name: Name = Field(description="name in metrics, logs and the review queue")
    when: tuple[Condition, ...] = Field(
        default=(), description="conditions; an exchange must match one. The last policy has none and matches all"
    )
    guards: tuple[Guard, ...] = Field(description="guards, in execution order; empty: nothing is checked")
