"""Values that do not match the schema, as problems."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from extproc.config.hints import PRICE_HINT, fix_hint, key_hint
from extproc.config.problems import KeyPath, Places, Problem, ValueKind, did_you_mean, names, shown
from extproc.config.schema import SchemaNode, choice_of, followed

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def validation_problem(error: ErrorDetails, places: Places) -> Problem | None:
    """One validation error as a problem; None for an error that only follows from another one.

    Args: error: of pydantic; only its type and location are used, not its texts.
    """
    path, shape = followed(error["loc"])
    place = places.get(path)
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key(path, followed(error["loc"][:-1])[1], places)
        case "missing":
            expected = f"{_expected(shape)}: {shape['description']}" if "description" in shape else _expected(shape)
            return places.problem(path, "missing", expected=expected, hint=PRICE_HINT if path[-1] == "price" else "")
        case "union_tag_not_found":
            key, known = choice_of(shape)
            return places.problem(path, f"missing key `{key}`", hint=f"Known {key}s: {names(known)}.", at_key=True)
        case "union_tag_invalid":
            return _unknown_choice(path, shape, places)
        case "too_short" | "too_long":
            return _wrong_length(path, shape, places)
    if error["loc"][-1:] == ("[key]",):
        pattern = shape["propertyNames"]["patternErrorMessage"]
        return places.problem(path, f"the name {shown(str(path[-1]))}", expected=pattern, at_key=True)
    hint = fix_hint(path, shape, place, places) if place else ""
    return places.problem(path, f"found {places.found(path)}", expected=_expected(shape), hint=hint)


def _wrong_length(path: KeyPath, shape: SchemaNode, places: Places) -> Problem | None:
    """A list or block with too few entries or too many; None if only entries that are invalid are missing in it."""
    place = places.get(path)
    if place is None:
        return None
    if place.empty:
        return places.problem(path, f"found {places.found(path)}", expected="at least one entry")
    least, most = shape.get("minItems", 0), shape.get("maxItems")
    written = 0
    while places.get((*path, written)) is not None:
        written += 1
    if written < least:
        return places.problem(path, f"found a list of {written}", expected=f"at least {least} entries")
    if most is not None and written > most:
        return places.problem(path, f"found a list of {written}", expected=f"at most {most} entries")
    return None


def _unknown_key(path: KeyPath, parent: SchemaNode, places: Places) -> Problem:
    known = list(parent["properties"])
    hint = key_hint(path, known) or did_you_mean(str(path[-1]), known) or f"Known here: {names(known)}."
    return places.problem(path, "unknown key", hint=hint, at_key=True)


def _unknown_choice(path: KeyPath, shape: SchemaNode, places: Places) -> Problem:
    key, known = choice_of(shape)
    at = (*path, key)
    place = places.get(at)
    written = place.text if place and place.kind is ValueKind.TEXT else ""
    hint = did_you_mean(written, known) or f"Known {key}s: {names(known)}."
    if key == "filter" and written in choice_of(followed(("policies", 0, "guards", 0))[1])[1]:
        hint = f"It is a guard: write `- guard: {written}` in a policy's `guards:`, and `- filter: guards` here."
    if written:
        return places.problem(at, f"unknown {key} {shown(written)}", hint=hint)
    return places.problem(at, f"found {places.found(at)}", expected=f"the name of a {key}", hint=hint)


def _expected(shape: SchemaNode) -> str:
    """A schema in words: ``a whole number from 0 to 100``."""
    if "enum" in shape:
        return f"one of {names(shape['enum'])}"
    if "const" in shape:
        return shown(str(shape["const"]))
    if "patternErrorMessage" in shape:
        return str(shape["patternErrorMessage"])
    if "discriminator" in shape:
        return f"a block that begins with `{choice_of(shape)[0]}: NAME`"
    match shape.get("type"):
        case "integer":
            return "a whole number" + _range(shape)
        case "number":
            return "a number" + _range(shape)
        case "boolean":
            return "`true` or `false`"
        case "string":
            return "text" if "minLength" not in shape else "text that is not empty"
        case "array":
            return "a list"
        case _:
            keys: Iterable[str] = shape.get("properties", ())
            return f"a block of keys ({names(keys)})" if keys else "a block of keys"


def _range(shape: SchemaNode) -> str:
    if "maximum" in shape:
        return f" from {shape['minimum']} to {shape['maximum']}"
    return f" of at least {shape['minimum']}" if "minimum" in shape else ""
