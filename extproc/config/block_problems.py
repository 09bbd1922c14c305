"""Values that do not match the sections of a small file, as problems: one for each value, with what its key is for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from extproc.config.problems import KeyPath, Places, Problem, ValueKind, did_you_mean, names

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

FieldsAt = Callable[[KeyPath], "Mapping[str, FieldInfo]"]
"""The keys of the block at a path."""


def block_problems(errors: Iterable[ErrorDetails], places: Places, fields_at: FieldsAt, expected: str) -> list[Problem]:
    """One problem for each value; of a value with alternatives, those of the alternative that was meant.

    Args: expected: what the whole file should hold.
    """
    by_path: dict[KeyPath, Problem] = {}
    for error in errors:
        path = _path_of(error, places)
        place = places.get(path)
        kind = None if place is None else place.kind
        other = error["loc"][-1:] != path[-1:]  # an alternative of the value
        if error["type"] == "string_type" and other and kind in (ValueKind.BLOCK, ValueKind.LIST):
            continue  # something else was meant, and its own problems follow
        if error["type"] == "too_short" and place is not None and not place.empty:
            continue  # its entries are invalid
        by_path.setdefault(path, _problem(error, path, places, fields_at, expected))
    return list(by_path.values())


def _path_of(error: ErrorDetails, places: Places) -> KeyPath:
    """The key path of an error: its location without the names of alternatives."""
    path: KeyPath = ()
    for part in error["loc"]:
        if places.get((*path, part)) is not None:
            path = (*path, part)
    return (*path, error["loc"][-1]) if error["type"] == "missing" else path


def _problem(error: ErrorDetails, path: KeyPath, places: Places, fields_at: FieldsAt, otherwise: str) -> Problem:
    if error["type"] == "extra_forbidden":
        known = fields_at(path[:-1])
        hint = did_you_mean(str(path[-1]), known) or f"Known here: {names(known)}."
        return places.problem(path, "unknown key", hint=hint, at_key=True)
    described = (
        field.description
        for depth in range(len(path) - 1, -1, -1)
        if isinstance(path[depth], str) and (field := fields_at(path[:depth]).get(str(path[depth]))) is not None
    )
    found = "missing" if error["type"] == "missing" else f"found {places.found(path)}"
    return places.problem(path, found, expected=next(described, None) or otherwise)
