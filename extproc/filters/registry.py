"""All filters and guards, by their name in the configuration.

A guard is found by its section (``extproc.config.guards``), a filter by its own (``extproc.config.filters``).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar, cast

from extproc.config.document import Document, Role
from extproc.config.filters import FILTERS_BY_NAME
from extproc.config.guards import SECTIONS_BY_GUARD
from extproc.config.policies import Policy
from extproc.config.section import Mode, OnError, Section
from extproc.filters.base import Filter, Guard, Resources
from extproc.filters.restore import RestoreFilter
from extproc.filters.version import VersionFilter

_T = TypeVar("_T", bound=Filter)


class _Classes(Mapping[str, type[_T]]):
    """The class of each section, imported on first use: most configurations use few."""

    def __init__(self, sections: Mapping[str, type[Section]], suffix: str) -> None:
        self._sections = sections
        self._suffix = suffix

    def __iter__(self) -> Iterator[str]:
        return iter(self._sections)

    def __len__(self) -> int:
        return len(self._sections)

    def __getitem__(self, name: str) -> type[_T]:
        """``NameGuard`` or ``NameFilter`` of ``filters/name.py``. Raises: KeyError."""
        section = self._sections[name]
        module = importlib.import_module(f"extproc.filters.{name}")
        return cast("type[_T]", getattr(module, section.__name__.replace("Section", self._suffix)))


FILTERS: Final[Mapping[str, type[Filter]]] = _Classes(FILTERS_BY_NAME, "Filter")
GUARDS: Final[Mapping[str, type[Guard]]] = _Classes(SECTIONS_BY_GUARD, "Guard")


def build_filters(document: Document, resources: Resources) -> tuple[tuple[Filter, ...], tuple[Filter, ...]]:
    """The filters before and after the guards, in the document's order.

    In the guard role, the fixed version comes before them all.
    """
    names = [section.filter for section in document.filters]
    place = names.index("guards") if "guards" in names else len(names)
    before, behind = document.filters[:place], document.filters[place + 1 :]
    fixed: tuple[Filter, ...] = ()
    if document.role is Role.GUARD:
        fixed = (VersionFilter(Mode.ENFORCE, OnError.CLOSED, resources.routes, document.guard_version),)
    return (*fixed, *_built(before, resources)), _built(behind, resources)


def build_guards(policy: Policy, resources: Resources) -> tuple[Guard, ...]:
    """The guards of a policy, in order."""
    return tuple(GUARDS[section.guard].build(section, resources) for section in policy.guards)


def build_restorers(guards: Iterable[Guard]) -> tuple[Filter, ...]:
    """The filter that restores values masked in requests into responses: one for all guards of a policy."""
    return tuple(RestoreFilter(guard) for guard in guards if guard.restores)[:1]


def _built(sections: Iterable[Any], resources: Resources) -> tuple[Filter, ...]:
    return tuple(FILTERS[section.filter].build(section, resources) for section in sections)
