"""Changes to a JSON body that leave every other byte as it was.

An edit names a place by its path (keys and indexes). A body that is written as orjson writes it is changed in the tree
and written again, which by definition keeps the rest; any other body is spliced: the places are found in the text by
skipping over values with the scanner of the standard library, and only they are replaced. Both follow one plan, so both
give the same value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import orjson

Path = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
_KEPT: Final = object()  # no new value: the old one stays, but for what is changed inside it


class Operation(Enum):
    """What an edit does at its path."""

    SET = "set"  # replace the value, or add the key to its object
    INSERT_FIRST = "insert_first"  # put an item before the first of the array


@dataclass(frozen=True, slots=True)
class Edit:
    """One change. Above the last step of ``path`` all exists, but that SET makes objects where none or null is."""

    operation: Operation
    path: Path
    value: Any = None


def apply_edits(body: bytes, tree: Any, canonical: bool, edits: Sequence[Edit]) -> bytes:
    """The body with the edits made; of two edits of one place, or of what is inside it, the later stands.

    Args:
        body, tree, canonical: as ``parse_strict`` took and gave them. The tree is changed.
        edits: paths are those of the original body: INSERT_FIRST does not shift the paths of other edits.
    Raises: KeyError, IndexError or TypeError for a path that is not in the body: a bug.
    """
    if not edits:
        return body
    plan = _plan(edits)
    if canonical:
        _change(tree, plan)
        return orjson.dumps(tree)
    return _splice(body.decode(), plan).encode()


@dataclass(slots=True)
class _Node:
    """What is to be done at one place: a new value, or items to put first and changes further in."""

    value: Any = _KEPT
    first: list[Any] = field(default_factory=list)
    inside: dict[str | int, _Node] = field(default_factory=dict)


def _plan(edits: Sequence[Edit]) -> _Node:
    root = _Node()
    for edit in edits:
        node = root
        for depth, step in enumerate(edit.path):
            if node.value is not _KEPT:
                rest = Edit(edit.operation, edit.path[depth:], edit.value)
                _change(node.value, _plan([rest]))
                break
            node = node.inside.setdefault(step, _Node())
        else:
            _plan_here(node, edit)
    return root


def _plan_here(node: _Node, edit: Edit) -> None:
    if edit.operation is Operation.SET:
        node.value, node.first, node.inside = edit.value, [], {}
    elif node.value is _KEPT:
        node.first.insert(0, edit.value)
    else:
        node.value.insert(0, edit.value)


def _change(tree: Any, node: _Node) -> None:
    for step, child in node.inside.items():
        if child.value is not _KEPT or (isinstance(tree, dict) and tree.get(step) is None):
            tree[step] = _made(child)
        else:
            _change(tree[step], child)
    if node.first:
        tree[:0] = node.first


def _made(node: _Node) -> Any:
    """The value of a place that is new."""
    if node.value is not _KEPT:
        return node.value
    made: dict[str | int, Any] = {}
    _change(made, node)
    return made


def _splice(text: str, plan: _Node) -> str:
    replacements: list[tuple[int, int, str]] = []
    _visit(text, _skip(text, 0), plan, replacements)
    pieces: list[str] = []
    done = 0
    for start, end, new in sorted(replacements):
        pieces += (text[done:start], new)
        done = end
    pieces.append(text[done:])
    return "".join(pieces)


def _visit(text: str, start: int, node: _Node | None, replacements: list[tuple[int, int, str]]) -> int:
    """Collect what is to be replaced in the value that begins at ``start``; returns where the value ends."""
    if node is None or node.value is not _KEPT or text[start] == "n":
        _, end = _DECODER.raw_decode(text, start)
        if node is not None:
            replacements.append((start, end, _dump(_made(node))))
        return int(end)
    if text[start] not in "{[":
        raise TypeError(f"nothing can be changed inside the value at character {start}")
    return _visit_children(text, start, node, replacements)


def _visit_children(text: str, opening: int, node: _Node, replacements: list[tuple[int, int, str]]) -> int:
    is_object = text[opening] == "{"
    begin = position = _skip(text, opening + 1)
    absent = dict(node.inside)
    index = 0
    while text[position] not in "}]":
        step: str | int = index
        if is_object:
            step, position = _DECODER.raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)
        position = _skip(text, _visit(text, position, absent.pop(step, None), replacements))
        if text[position] == ",":
            position = _skip(text, position + 1)
        index += 1
    added = [_dump(item) for item in node.first]
    if is_object:
        added = [f"{_dump(key)}:{_dump(_made(child))}" for key, child in absent.items()]
    elif absent:
        raise IndexError(f"the array at character {opening} has no item {next(iter(absent))}")
    if added:
        replacements.append((begin, begin, ",".join(added) + ("," if index else "")))
    return position + 1


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _dump(value: Any) -> str:
    return orjson.dumps(value).decode()
