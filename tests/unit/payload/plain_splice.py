"""A splice that reads every key and value of the containers on its way and knows nothing of the tree.

It is slower than ``extproc.payload.edits`` and easier to believe; a test holds that both write the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import orjson

from extproc.payload.edits import _KEPT, Edit, _made, _Node, _plan

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def plain_splice(body: bytes, edits: Sequence[Edit]) -> bytes:
    """The body with the edits made. Raises: IndexError or TypeError for a path that is not in the body."""
    text = body.decode()
    replacements: list[tuple[int, int, str]] = []
    _visit(text, _skip(text, 0), _plan(edits), replacements)
    pieces: list[str] = []
    done = 0
    for start, end, new in sorted(replacements):
        pieces += (text[done:start], new)
        done = end
    return "".join([*pieces, text[done:]]).encode()


def _visit(text: str, start: int, node: _Node | None, replacements: list[tuple[int, int, str]]) -> int:
    if node is None or node.value is not _KEPT or text[start] == "n":
        _, end = _DECODER.raw_decode(text, start)
        if node is not None:
            replacements.append((start, end, _dump(_made(node))))
        return end
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
