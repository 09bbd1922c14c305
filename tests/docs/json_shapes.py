"""The reference of what ``--json`` prints: a section for each shape, and one row for each key, nested ones too."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints, is_typeddict

from extproc.cli.shapes import SHAPES

_WORDS = {str: "text", int: "integer", float: "number", bool: "true or false", type(None): "null"}


class Key(NamedTuple):
    """A key of a shape, such as ``findings[].guard``."""

    path: str
    type: Any
    meaning: str


def keys_of(shape: Any, before: str = "") -> Iterator[Key]:
    """Every key of a shape, in its order."""
    for name, annotated in get_type_hints(shape, include_extras=True).items():
        told, meaning = get_args(annotated) if get_origin(annotated) is Annotated else (annotated, "")
        yield Key(f"{before}{name}", told, meaning)
        for inner, suffix in _shapes_in(told):
            yield from keys_of(inner, f"{before}{name}{suffix}.")


def words_of(told: Any) -> str:
    """A type in the words of the reference."""
    if is_typeddict(told):
        return "object"
    if get_origin(told) is list:
        return f"list of {words_of(get_args(told)[0])}".replace("object", "objects")
    if get_origin(told) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(told))
    if isinstance(told, types.UnionType) or get_origin(told) is not None:
        return " or ".join(words_of(one) for one in get_args(told))
    return _WORDS[told]


def json_shapes() -> str:
    """A section for each shape."""
    return "\n\n".join(f"### `{call_of(name)}`\n\n{_table(shape)}" for name, shape in SHAPES.items())


def call_of(name: str) -> str:
    """How a shape is asked for."""
    return f"extproc {name}" if name in ("ledger export", "review export") else f"extproc {name} --json"


def _table(shape: Any) -> str:
    rows = ["| key | type | meaning |", "|---|---|---|"]
    return "\n".join(rows + [f"| `{key.path}` | {words_of(key.type)} | {key.meaning} |" for key in keys_of(shape)])


def _shapes_in(told: Any) -> Iterator[tuple[Any, str]]:
    """The shapes in a type, each with what its keys have before them."""
    if is_typeddict(told):
        yield told, ""
    elif get_origin(told) is list:
        for inner, suffix in _shapes_in(get_args(told)[0]):
            yield inner, f"[]{suffix}"
    else:
        for one in get_args(told):
            if one is not told:
                yield from _shapes_in(one)
