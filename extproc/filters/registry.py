"""All filters and guards, by their name in the configuration.

A guard is found by its section (``extproc.config.guards``); a filter has a line here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from extproc.config.document import Document, Role
from extproc.config.guards import SECTIONS_BY_GUARD
from extproc.config.policies import Policy
from extproc.config.section import Mode, OnError
from extproc.filters.base import Filter, Guard, Resources
from extproc.filters.meter import MeterFilter
from extproc.filters.prompt import PromptFilter
from extproc.filters.restore import RestoreFilter
from extproc.filters.version import VersionFilter

FILTERS: dict[str, Callable[[Any], Filter]] = {
    "version": lambda section: VersionFilter(Mode(section.mode), OnError(section.on_error)),
    "prompt": lambda section: PromptFilter(Mode(section.mode), OnError(section.on_error)),
    "meter": lambda section: MeterFilter(Mode(section.mode), OnError(section.on_error), section.continuous_usage),
}


class _Guards(Mapping[str, type[Guard]]):
    """The class of each guard, imported on first use: most configurations use few."""

    def __iter__(self) -> Iterator[str]:
        return iter(SECTIONS_BY_GUARD)

    def __len__(self) -> int:
        return len(SECTIONS_BY_GUARD)

    def __getitem__(self, name: str) -> type[Guard]:
        """``NameGuard`` of ``filters/name.py``. Raises: KeyError."""
        section = SECTIONS_BY_GUARD[name]
        module = importlib.import_module(f"extproc.filters.{name}")
        return cast("type[Guard]", getattr(module, section.__name__.replace("Section", "Guard")))


GUARDS: Mapping[str, type[Guard]] = _Guards()


def build_filters(document: Document) -> tuple[tuple[Filter, ...], tuple[Filter, ...]]:
    """The filters before and after the guards, in the document's order.

    In the guard role, the fixed version comes before them all.
    """
    names = [section.filter for section in document.filters]
    place = names.index("guards") if "guards" in names else len(names)
    before, behind = document.filters[:place], document.filters[place + 1 :]
    fixed: tuple[Filter, ...] = ()
    if document.role is Role.GUARD:
        fixed = (VersionFilter(Mode.ENFORCE, OnError.CLOSED, document.guard_version),)
    return (*fixed, *_built(before)), _built(behind)


def build_guards(policy: Policy, resources: Resources) -> tuple[Guard, ...]:
    """The guards of a policy, in order."""
    return tuple(GUARDS[section.guard].build(section, resources) for section in policy.guards)


def build_restorers(guards: Iterable[Guard]) -> tuple[Filter, ...]:
    """The filter that restores values masked in requests into responses: one for all guards of a policy."""
    return tuple(RestoreFilter(guard) for guard in guards if guard.restores)[:1]


def _built(sections: Iterable[Any]) -> tuple[Filter, ...]:
    return tuple(FILTERS[section.filter](section) for section in sections)
