"""All filters, by the name they have in the configuration. A new filter is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extproc.config.document import Document, Mode, OnError, Role
from extproc.filters.base import Filter
from extproc.filters.injection import InjectionFilter
from extproc.filters.meter import MeterFilter
from extproc.filters.pii import PiiFilter
from extproc.filters.prompt import PromptFilter
from extproc.filters.refusal import RefusalFilter
from extproc.filters.version import VersionFilter

FILTERS: dict[str, Callable[[Any, Document], Filter]] = {
    "version": lambda section, _: VersionFilter(Mode(section.mode), OnError(section.on_error)),
    "prompt": lambda section, _: PromptFilter(Mode(section.mode), OnError(section.on_error)),
    "injection": lambda section, _: InjectionFilter(section),
    "pii": lambda section, _: PiiFilter(section),
    "refusal": lambda section, _: RefusalFilter(section),
    "meter": lambda section, _: MeterFilter(Mode(section.mode), OnError(section.on_error), section.continuous_usage),
}


def build_filters(document: Document) -> tuple[Filter, ...]:
    """The filters of a document, in its order; in role guard the fixed version comes before them all."""
    listed = tuple(FILTERS[section.filter](section, document) for section in document.filters)
    if document.role is not Role.GUARD:
        return listed
    return (VersionFilter(Mode.ENFORCE, OnError.CLOSED, document.guard_version), *listed)
