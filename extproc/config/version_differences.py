"""What differs between versions: of one configuration, or between two revisions of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from extproc.config.models import CompiledModel, CompiledVersion
from extproc.config.part_differences import NamedText, PartDifference, part_differences, text_difference


@dataclass(frozen=True, slots=True)
class VersionDifference:
    """Two versions that differ; None: it is new, or has gone."""

    before: CompiledVersion | None
    after: CompiledVersion | None
    parts: tuple[PartDifference, ...]
    prompt_lines: tuple[str, ...]  # of a unified diff

    @property
    def is_none(self) -> bool:
        """Whether both are the same revision; weights do not count."""
        return not self.parts


def version_difference(before: CompiledVersion | None, after: CompiledVersion | None) -> VersionDifference:
    """What differs between two versions."""
    old, new = (one.parts if one else {} for one in (before, after))
    lines = text_difference(_prompt_of(before), _prompt_of(after))
    return VersionDifference(before, after, part_differences(old, new), lines)


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


def _prompt_of(version: CompiledVersion | None) -> NamedText | None:
    if version is None:
        return None
    return NamedText(f"{version.name} {version.facts.prompt}".strip(), version.prompt.text if version.prompt else "")
