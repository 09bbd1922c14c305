"""Labeled findings as cases for ``extproc test``: what was right must still be found, a false alarm must not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import yaml

from extproc.domain.contract import ENDPOINT_PATHS
from extproc.dryrun.written import WRITTEN
from extproc.sinks.review.entries import Entry, Label, ReviewLabel, Stored

_MASK: Final = re.compile(r"\"?<[A-Z][A-Z0-9_]*>\"?")
_SPEAKERS: Final = {"system": "system", "assistant": "assistant", "tool": "tool", "document": "tool"}
_NOBODY: Final = ("", "unknown", "other")
_WIDTH: Final = 1 << 20  # no line is folded


class LabeledCases(NamedTuple):
    """A file of cases, and how many labeled findings cannot be tried again."""

    text: str
    left_out: int


def cases_of(found: Iterable[tuple[Stored, Label | None]], team_header: str) -> LabeledCases:
    """The cases of all labeled findings whose words are known.

    Args: team_header: that chooses the policy of a team.
    """
    cases: list[dict[str, Any]] = []
    left_out = 0
    for stored, label in found:
        if label is None:
            continue
        if _can_be_tried(stored.entry):
            cases.append(_case(stored, label, team_header))
        else:
            left_out += 1
    written = yaml.safe_dump({"cases": cases}, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return LabeledCases(written, left_out)


def _can_be_tried(entry: Entry) -> bool:
    """Whether the excerpt has the found words, rather than a mask, or nothing."""
    words = entry.excerpt[entry.found_start : entry.found_end]
    return bool(words) and _MASK.fullmatch(words) is None and entry.speaker != "definition"


def _case(stored: Stored, label: Label, team_header: str) -> dict[str, Any]:
    entry = stored.entry
    named = f"{entry.guard}/{entry.kind}"
    case: dict[str, Any] = {"name": f"finding {stored.id}: {named}"}
    speaker = _SPEAKERS.get(entry.speaker)
    path = next((path for name, path in ENDPOINT_PATHS.items() if name == entry.endpoint and name in WRITTEN), None)
    if entry.direction == "response":
        case["answer"] = entry.excerpt
    elif speaker is None:
        case["request"] = entry.excerpt
    else:
        path = None  # the others are written in a chat
        case["request"] = {"speaker": speaker, "text": entry.excerpt}
    if path not in (None, ENDPOINT_PATHS["chat"]):
        case["path"] = path
    if entry.model:
        case["model"] = entry.model
    if entry.team not in _NOBODY:
        case["headers"] = {team_header: entry.team}
    case["expect"] = {"found" if label.verdict is ReviewLabel.CONFIRM else "not_found": named}
    return case
