"""What differs between prompts: two versions of one, or all prompts of two configurations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from extproc.config.part_differences import NamedText, PartDifference, part_differences, text_difference
from extproc.config.prompt_catalog import KnownPrompt
from extproc.domain.fingerprint import fingerprint_of_text


@dataclass(frozen=True, slots=True)
class PromptDifference:
    """Two prompts that differ; None: it is new, or has gone."""

    before: KnownPrompt | None
    after: KnownPrompt | None
    parts: tuple[PartDifference, ...]  # of the front matter
    lines: tuple[str, ...]  # of a unified diff

    @property
    def is_none(self) -> bool:
        """Whether nothing differs."""
        return not self.parts and not self.lines


def prompt_difference(before: KnownPrompt | None, after: KnownPrompt | None) -> PromptDifference:
    """What differs between two prompts."""
    old, new = (dict(_front_parts(one)) if one else {} for one in (before, after))
    texts = (NamedText(one.name, one.compiled.text) if one else None for one in (before, after))
    return PromptDifference(before, after, part_differences(old, new), text_difference(*texts))


def prompt_differences(before: Sequence[KnownPrompt], after: Sequence[KnownPrompt]) -> Iterator[PromptDifference]:
    """The prompts that are not alike in two configurations, by name."""
    old, new = ({one.name: one for one in prompts} for prompts in (before, after))
    for name in dict.fromkeys((*old, *new)):
        one = prompt_difference(old.get(name), new.get(name))
        if not one.is_none:
            yield one


def _front_parts(one: KnownPrompt) -> Iterator[tuple[str, str]]:
    """The keys of the front matter with their values; of a golden case a fingerprint."""
    front = one.front
    for key in ("owner", "notes"):
        if key in front.model_fields_set:
            yield key, getattr(front, key)
    for name, variable in front.variables.items():
        for key, value in variable.model_dump(exclude_unset=True).items():
            yield f"variables.{name}.{key}", value if isinstance(value, str) else json.dumps(value)
    for case in front.tests:
        yield f"tests.{case.name}", fingerprint_of_text(case.model_dump_json(exclude_unset=True))
