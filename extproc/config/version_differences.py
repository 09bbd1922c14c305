"""What differs between versions: of one configuration, or between two revisions of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from extproc.config.models import CompiledModel, CompiledVersion
from extproc.config.version_units import changed_parts


@dataclass(frozen=True, slots=True)
class PartDifference:
    """A part that differs; None: one side does not have it."""

    key: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class VersionDifference:
    """Two versions that differ; None: it is new, or has gone."""

    before: CompiledVersion | None
    after: CompiledVersion | None
    parts: tuple[PartDifference, ...]
    prompt_lines: tuple[str, ...]  # of a unified diff


def version_difference(before: CompiledVersion | None, after: CompiledVersion | None) -> VersionDifference:
    """What differs between two versions."""
    old, new = (one.parts if one else {} for one in (before, after))
    parts = tuple(PartDifference(key, old.get(key), new.get(key)) for key in changed_parts(old, new))
    return VersionDifference(before, after, parts, tuple(_prompt_lines(before, after)))


def version_differences(
    before: Mapping[str, CompiledModel], after: Mapping[str, CompiledModel]
) -> Iterator[VersionDifference]:
    """The versions that are not alike in two configurations, in parts or weight, by name."""
    old, new = _by_name(before), _by_name(after)
    for name in dict.fromkeys((*old, *new)):
        one, other = old.get(name), new.get(name)
        if one is None or other is None or (one.parts, one.weight) != (other.parts, other.weight):
            yield version_difference(one, other)


def _by_name(models: Mapping[str, CompiledModel]) -> dict[str, CompiledVersion]:
    return {version.name: version for model in models.values() for version in model.versions}


def _prompt_lines(before: CompiledVersion | None, after: CompiledVersion | None) -> Iterator[str]:
    old, new = (one.prompt.text.splitlines() if one and one.prompt else [] for one in (before, after))
    old_name, new_name = (f"{one.name} {one.facts.prompt}".strip() if one else "none" for one in (before, after))
    yield from difflib.unified_diff(old, new, old_name, new_name, lineterm="")
