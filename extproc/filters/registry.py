"""All filters and guards, by the name they have in the configuration. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from extproc.config.document import Document, Role
from extproc.config.policies import Policy
from extproc.config.section import Mode, OnError
from extproc.filters.banned import BannedGuard
from extproc.filters.base import Filter, Guard
from extproc.filters.classifier import ClassifierGuard
from extproc.filters.custom import CustomGuard
from extproc.filters.degenerate import DegenerateGuard
from extproc.filters.facts import FactsGuard
from extproc.filters.grounding import GroundingGuard
from extproc.filters.harm import HarmGuard
from extproc.filters.injection import InjectionGuard
from extproc.filters.meter import MeterFilter
from extproc.filters.pii import PiiGuard
from extproc.filters.prompt import PromptFilter
from extproc.filters.prompt_leak import PromptLeakGuard
from extproc.filters.refusal import RefusalGuard
from extproc.filters.restore import RestoreFilter
from extproc.filters.roles import RolesGuard
from extproc.filters.size import SizeGuard
from extproc.filters.tools import ToolsGuard
from extproc.filters.topics import TopicsGuard
from extproc.filters.urls import UrlsGuard
from extproc.filters.version import VersionFilter

FILTERS: dict[str, Callable[[Any], Filter]] = {
    "version": lambda section: VersionFilter(Mode(section.mode), OnError(section.on_error)),
    "prompt": lambda section: PromptFilter(Mode(section.mode), OnError(section.on_error)),
    "meter": lambda section: MeterFilter(Mode(section.mode), OnError(section.on_error), section.continuous_usage),
}
GUARDS: dict[str, Callable[[Any], Guard]] = {
    "injection": InjectionGuard,
    "harm": HarmGuard,
    "pii": PiiGuard,
    "banned": BannedGuard,
    "urls": UrlsGuard,
    "topics": TopicsGuard,
    "size": SizeGuard,
    "roles": RolesGuard,
    "tools": ToolsGuard,
    "prompt_leak": PromptLeakGuard,
    "facts": FactsGuard,
    "grounding": GroundingGuard,
    "degenerate": DegenerateGuard,
    "refusal": RefusalGuard,
    "classifier": ClassifierGuard,
    "custom": CustomGuard,
}


def build_filters(document: Document) -> tuple[tuple[Filter, ...], tuple[Filter, ...]]:
    """The filters before the guards and those behind them, in the document's order.

    In role guard the fixed version comes before them all.
    """
    names = [section.filter for section in document.filters]
    place = names.index("guards") if "guards" in names else len(names)
    before, behind = document.filters[:place], document.filters[place + 1 :]
    fixed: tuple[Filter, ...] = ()
    if document.role is Role.GUARD:
        fixed = (VersionFilter(Mode.ENFORCE, OnError.CLOSED, document.guard_version),)
    return (*fixed, *_built(before)), _built(behind)


def build_guards(policy: Policy) -> tuple[Guard, ...]:
    """The guards of a policy, in its order."""
    return tuple(GUARDS[section.guard](section) for section in policy.guards)


def build_restorers(guards: Iterable[Guard]) -> tuple[Filter, ...]:
    """What puts back into answers that the guards of a policy took out of their requests: one for all of them."""
    return tuple(RestoreFilter(guard) for guard in guards if guard.restores)[:1]


def _built(sections: Iterable[Any]) -> tuple[Filter, ...]:
    return tuple(FILTERS[section.filter](section) for section in sections)
