"""The sections of guards, one file each. ``GUARD_SECTIONS`` lists them all: configuration, registry, docs, laws."""

from __future__ import annotations

from typing import get_args

from extproc.config.guards.banned import BannedSection
from extproc.config.guards.base import GuardSection
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

GUARD_SECTIONS: tuple[type[GuardSection], ...] = (
    InjectionSection,
    HarmSection,
    PiiSection,
    BannedSection,
    UrlsSection,
    TopicsSection,
    SizeSection,
    RolesSection,
    ToolsSection,
    PromptLeakSection,
    FactsSection,
    GroundingSection,
    DegenerateSection,
    RefusalSection,
    ClassifierSection,
    CustomSection,
)


def guard_name(section: type[GuardSection]) -> str:
    """The name of a guard in the configuration: the value of ``guard`` in its section."""
    (name,) = get_args(section.model_fields["guard"].annotation)
    return str(name)


SECTIONS_BY_GUARD = {guard_name(section): section for section in GUARD_SECTIONS}
