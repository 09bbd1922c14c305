"""What differs between two revisions of a unit: its parts by key, its text as a unified diff."""

from __future__ import annotations

from difflib import unified_diff
from typing import NamedTuple

from extproc.config.version_units import Parts, changed_parts

ABSENT = "none"
"""What stands for the name of a unit that is not there."""


class PartDifference(NamedTuple):
    """A part that differs; None: one side does not have it."""

    key: str
    before: str | None
    after: str | None


class NamedText(NamedTuple):
    """A text, and the name above it in a diff."""

    name: str
    text: str


def part_differences(before: Parts, after: Parts) -> tuple[PartDifference, ...]:
    """The parts that differ, in document order."""
    return tuple(PartDifference(key, before.get(key), after.get(key)) for key in changed_parts(before, after))


def text_difference(before: NamedText | None, after: NamedText | None) -> tuple[str, ...]:
    """The lines of a unified diff; empty if the texts are alike."""
    old, new = (one or NamedText(ABSENT, "") for one in (before, after))
    return tuple(unified_diff(old.text.splitlines(), new.text.splitlines(), old.name, new.name, lineterm=""))
