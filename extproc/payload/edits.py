"""Changes to a JSON body that preserve every other byte.

An edit names a place by its path (keys and indexes). A body serialized exactly as by orjson is changed in the tree and
serialized again, which preserves the rest by definition. Any other body is spliced: the standard library's scanner
skips over values to find the places, no further than the last one, and only they are replaced. The tree supplies the
keys in the order of the text, so keys are skipped and not parsed. Both ways follow one plan, so both produce the same
value.
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
_Replacement = tuple[int, int, bytes]  # start and end in the body, and the replacement

_BETWEEN: Final = re.compile(r"[ \t\n\r,:]*+")  # between two values, or between a key and its value
_scan = json.JSONDecoder().raw_decode
_KEPT: Final = object()  # no new value: keep the old one, except for changes inside it


class Operation(Enum):
    """The effect of an edit at its path."""

    SET = "set"  # replace the value, or add the key to its object
    INSERT_FIRST = "insert_first"  # insert an item before the first of the array


@dataclass(slots=True)
class Edit:
    """One change. All parents of ``path`` must exist, except that SET creates objects where a parent is absent or
    null.
    """

    operation: Operation
    path: Path
    value: Any = None


def apply_edits(body: bytes, tree: Any, canonical: bool, edits: Sequence[Edit]) -> bytes:
    """Apply edits to a body; if one edit's place is the same as another's or inside it, the later edit wins.

    Args:
        body, tree, canonical: input and result of ``parse_strict``. The tree is changed if the body is canonical.
        edits: paths refer to the original body: INSERT_FIRST does not shift the paths of other edits.

    Raises: KeyError, IndexError or TypeError for a path that is not in the body: a bug.
    """
    if not edits:
        return body
    plan = _plan(edits)
    if canonical:
        _change(tree, plan)
        return orjson.dumps(tree)
    return _splice(body, tree, plan)


@dataclass(slots=True)
class _Node:
    """The plan for one place: a new value, or items to insert first and changes inside it."""

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
            inside = node.inside
            node = inside.get(step) or inside.setdefault(step, _Node())
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
    """The value of a new place."""
    if node.value is not _KEPT:
        return node.value
    made: dict[str | int, Any] = {}
    _change(made, node)
    return made


def _splice(body: bytes, tree: Any, plan: _Node) -> bytes:
    text = body.decode("latin-1")  # one character per byte: text positions are body positions
    replacements: list[_Replacement] = []
    _visit(text, _next(text, 0), tree, plan, replacements, to_end=False)
    pieces: list[bytes] = []
    done = 0
    for start, end, new in replacements:
        pieces += (body[done:start], new)
        done = end
    pieces.append(body[done:])
    return b"".join(pieces)


def _visit(text: str, start: int, tree: Any, node: _Node, replacements: list[_Replacement], to_end: bool) -> int:
    """Collect, in order, the replacements in the value ``tree`` that begins at ``start``.

    Returns: the end of the value if ``to_end``, otherwise the position up to which it was read.
    """
    if node.value is not _KEPT or tree is None:
        _, end = _scan(text, start)
        replacements.append((start, end, orjson.dumps(_made(node))))
        return end
    if not isinstance(tree, list if node.first else (dict, list)):
        raise TypeError(f"this edit is not possible inside the value at byte {start}")
    return _visit_children(text, start, tree, node, replacements, to_end)


def _visit_children(
    text: str,
    opening: int,
    tree: Any,
    node: _Node,
    replacements: list[_Replacement],
    to_end: bool,
) -> int:
    is_object = isinstance(tree, dict)
    steps, items = (tree, tree.items()) if is_object else (range(len(tree)), enumerate(tree))
    absent = {step: _made(child) for step, child in node.inside.items() if step not in steps}
    if absent and not is_object:
        raise IndexError(f"the array at byte {opening} has no item {next(iter(absent))}")
    position = _next(text, opening + 1)
    added = orjson.dumps(absent or node.first)[1:-1]
    if added:
        replacements.append((position, position, added + b"," if tree else added))
    wanted = len(node.inside) - len(absent)
    for step, child in items:
        if not wanted and not to_end:
            return position
        position = _next(text, position)
        if is_object:
            position = _next(text, _scan(text, position)[1])
        change = node.inside.get(step)
        if change is None:
            _, position = _scan(text, position)
        else:
            wanted -= 1
            position = _visit(text, position, child, change, replacements, to_end or wanted > 0)
    return text.index("}" if is_object else "]", position) + 1


def _next(text: str, position: int) -> int:
    """The start of the next value or key."""
    match = _BETWEEN.match(text, position)
    return match.end() if match else position
