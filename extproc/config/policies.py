"""Policies: named lists of guards, and the conditions that select them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from extproc.config.guards.banned import BannedSection
from extproc.config.guards.classifier import ClassifierSection
from extproc.config.guards.custom import CustomSection
from extproc.config.guards.degenerate import DegenerateSection
from extproc.config.guards.facts import FactsSection
from extproc.config.guards.grounding import GroundingSection
from extproc.config.guards.harm import HarmSection
from extproc.config.guards.injection import InjectionSection
from extproc.config.guards.pii import PiiSection
from extproc.config.guards.prompt_leak import PromptLeakSection
from extproc.config.guards.refusal import RefusalSection
from extproc.config.guards.roles import RolesSection
from extproc.config.guards.size import SizeSection
from extproc.config.guards.tools import ToolsSection
from extproc.config.guards.topics import TopicsSection
from extproc.config.guards.urls import UrlsSection
from extproc.config.section import Name, Section
from extproc.domain.contract import Endpoint

AnyGuardSection = Annotated[
    BannedSection
    | ClassifierSection
    | CustomSection
    | DegenerateSection
    | FactsSection
    | GroundingSection
    | HarmSection
    | InjectionSection
    | PiiSection
    | PromptLeakSection
    | RefusalSection
    | RolesSection
    | SizeSection
    | ToolsSection
    | TopicsSection
    | UrlsSection,
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
    guards: tuple[AnyGuardSection, ...] = Field(description="guards, in execution order; empty: nothing is checked")
