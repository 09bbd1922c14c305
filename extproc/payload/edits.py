"""Changes to a JSON body that leave every other byte as it was.

An edit names a place by its path (keys and indexes). A body that is written as orjson writes it is changed in the tree and written
again, which by definition keeps the rest; any other body is spliced: the places are found in the text by skipping over
values with the scanner of the standard library, and only they are replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

Path = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class Operation(Enum):
    """What an edit does at its path."""

    SET = "set"  # replace the value, or add the key to its object
    REMOVE = "remove"  # take the key out of its object
    INSERT_FIRST = "insert_first"  # put an item before the first of the array


@dataclass(frozen=True, slots=True)
class Edit:
    """One change. The objects and arrays above the last step of ``path`` exist, but for SET of keys of absent objects."""

    operation: Operation
    path: Path
    value: Any = None


def apply_edits(body: bytes, tree: Any, canonical: bool, edits: Sequence[Edit]) -> bytes:
    """The body with the edits made, in their order.

    Args:
        body, tree, canonical: as ``parse_strict`` took and gave them. The tree is changed.
        edits: paths are those of the original body; INSERT_FIRST does not shift the paths of other edits.
    Raises: KeyError or IndexError for a path that is not in the body: a bug.
    """
    if not edits:
        return body
    if not canonical:
        return _splice(body.decode(), edits).encode()
    for edit in sorted(edits, key=lambda edit: edit.operation is Operation.INSERT_FIRST):
        _change(tree, edit)
    return orjson.dumps(tree)


def _change(tree: Any, edit: Edit) -> None:
    parent = tree
    for step in edit.path[:-1]:
        if isinstance(parent, dict) and step not in parent:
            parent[step] = {}
        parent = parent[step]
    last = edit.path[-1]
    if edit.operation is Operation.SET:
        parent[last] = edit.value
    elif edit.operation is Operation.REMOVE:
        del parent[last]
    else:
        parent[last].insert(0, edit.value)


def _splice(text: str, edits: Sequence[Edit]) -> str:
    replacements: list[tuple[int, int, str]] = []
    for edit in edits:
        replacements.append(_replacement(text, edit))
    pieces: list[str] = []
    done = 0
    for start, end, new in _merged(replacements):
        pieces += (text[done:start], new)
        done = end
    pieces.append(text[done:])
    return "".join(pieces)


def _merged(replacements: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """In order of place; of several at one span the last wins; insertions at one point are kept in their order."""
    by_span: dict[tuple[int, int], str] = {}
    for start, end, new in replacements:
        if start == end:
            by_span[start, end] = by_span.get((start, end), "") + new
        else:
            by_span[start, end] = new
    return sorted((start, end, new) for (start, end), new in by_span.items())


def _replacement(text: str, edit: Edit) -> tuple[int, int, str]:
    position = _skip(text, 0)
    for depth, step in enumerate(edit.path):
        span = _child(text, position, step)
        if span is None:
            if edit.operation is not Operation.SET:
                raise KeyError(step)
            return _added_key(text, position, edit.path[depth:], edit.value)
        name_start, position, end = span
    if edit.operation is Operation.SET:
        return position, end, _dump(edit.value)
    if edit.operation is Operation.REMOVE:
        return _without_key(text, name_start, end)
    after = _skip(text, position + 1)
    return after, after, _dump(edit.value) + ("" if text[after] == "]" else ",")


def _added_key(text: str, opening: int, path: Path, value: Any) -> tuple[int, int, str]:
    for step in reversed(path[1:]):
        value = {step: value}
    after = _skip(text, opening + 1)
    comma = "" if text[after] == "}" else ","
    return after, after, f"{_dump(path[0])}:{_dump(value)}{comma}"


def _without_key(text: str, name_start: int, end: int) -> tuple[int, int, str]:
    after = _skip(text, end)
    if text[after] == ",":
        return name_start, _skip(text, after + 1), ""
    before = len(text[:name_start].rstrip(" \t\n\r"))
    return (before - 1, end, "") if text[before - 1] == "," else (name_start, end, "")


def _child(text: str, opening: int, step: str | int) -> tuple[int, int, int] | None:
    """Where the child begins (with its name), where its value begins and ends; None if the container has no such child."""
    position = _skip(text, opening + 1)
    index = 0
    while text[position] not in "}]":
        name_start = position
        name: str | int = index
        if text[opening] == "{":
            name, position = _DECODER.raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)
        _, end = _DECODER.raw_decode(text, position)
        if name == step:
            return name_start, position, end
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
        index += 1
    return None


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _dump(value: Any) -> str:
    return orjson.dumps(value).decode()
