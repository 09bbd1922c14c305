"""The document's schema: as JSON Schema for editors, and as messages for values that do not match."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from extproc.config.document import Document
from extproc.config.problems import (
    SHOWN_CHARS_MAX,
    KeyPath,
    KeyPosition,
    Places,
    Problem,
    ValueKind,
    did_you_mean,
    must_hide,
    names,
    shown,
)

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

SchemaNode = dict[str, Any]

DIGITS_MAX = 15
PRICE_HINT = """A missing price is an error and does not mean zero. Add, for example:
    price:
      prompt_micro_usd_per_mtok: 150000      # 0.15 USD for a million prompt tokens
      completion_micro_usd_per_mtok: 600000  # 0.60 USD for a million answer tokens"""


def json_schema() -> SchemaNode:
    """JSON Schema (2020-12) of the configuration file, for editors: ``extproc check --schema``."""
    schema = Document.model_json_schema()
    for shape in (schema, *schema["$defs"].values()):
        for field in shape.get("properties", {}).values():
            if "patternProperties" in field:
                field["additionalProperties"] = False
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "llm-extproc configuration",
        "description": "Guards, model versions and metering of one llm-extproc.",
    }


def validation_problem(error: ErrorDetails, places: Places) -> Problem | None:
    """One validation error as a problem; None for an error that only follows from another one.

    Args: error: of pydantic; only its type and location are used, not its texts.
    """
    path, shape = _follow(error["loc"])
    place = places.get(path)
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key(path, _follow(error["loc"][:-1])[1], places)
        case "missing":
            expected = f"{_expected(shape)}: {shape['description']}" if "description" in shape else _expected(shape)
            return places.problem(path, "missing", expected=expected, hint=PRICE_HINT if path[-1] == "price" else "")
        case "union_tag_not_found":
            key, known = _choice(shape)
            return places.problem(path, f"missing key `{key}`", hint=f"Known {key}s: {names(known)}.", at_key=True)
        case "union_tag_invalid":
            return _unknown_choice(path, shape, places)
        case "too_short" if place is None or not place.empty:
            return None
        case "too_short":
            return places.problem(path, f"found {places.found(path)}", expected="at least one entry")
    if error["loc"][-1:] == ("[key]",):
        pattern = shape["propertyNames"]["patternErrorMessage"]
        return places.problem(path, f"the name {shown(str(path[-1]))}", expected=pattern, at_key=True)
    hint = _fix_hint(path, shape, place) if place else ""
    return places.problem(path, f"found {places.found(path)}", expected=_expected(shape), hint=hint)


def _unknown_key(path: KeyPath, parent: SchemaNode, places: Places) -> Problem:
    known = list(parent["properties"])
    hint = did_you_mean(str(path[-1]), known) or f"Known here: {names(known)}."
    return places.problem(path, "unknown key", hint=hint, at_key=True)


def _choice(shape: SchemaNode) -> tuple[str, list[str]]:
    """The discriminator key of a union (``filter``, ``guard``), and its values."""
    discriminator = shape["discriminator"]
    return discriminator["propertyName"], list(discriminator["mapping"])


def _unknown_choice(path: KeyPath, shape: SchemaNode, places: Places) -> Problem:
    key, known = _choice(shape)
    at = (*path, key)
    place = places.get(at)
    written = place.text if place and place.kind is ValueKind.TEXT else ""
    hint = did_you_mean(written, known) or f"Known {key}s: {names(known)}."
    if key == "filter" and written in _choice(_follow(("policies", 0, "guards", 0))[1])[1]:
        hint = f"It is a guard: write `- guard: {written}` in a policy's `guards:`, and `- filter: guards` here."
    if written:
        return places.problem(at, f"unknown {key} {shown(written)}", hint=hint)
    return places.problem(at, f"found {places.found(at)}", expected=f"the name of a {key}", hint=hint)


def _fix_hint(path: KeyPath, shape: SchemaNode, place: KeyPosition) -> str:
    """How to fix a value, if that can be guessed."""
    text = "" if must_hide(path, place.text) else place.text
    if path and path[-1] == "price":
        return PRICE_HINT
    if path and str(path[-1]).endswith("_micro_usd_per_mtok") and place.kind is ValueKind.NUMBER:
        return "Prices are in micro-USD: 1 USD is 1000000."
    if place.kind is ValueKind.NOTHING:
        return "Give the key a value, or leave it out."
    if "oneOf" in shape:
        key, known = _choice(shape)
        return f"Write `- {key}: {text}`." if text in known else ""
    if "enum" in shape:
        return did_you_mean(text, shape["enum"])
    return _retyped(str(shape.get("type")), place.kind, text)


def _retyped(expected: str, kind: ValueKind, text: str) -> str:
    """How to write the same value as another type."""
    if expected == "array" and kind is ValueKind.BLOCK:
        return "Begin each entry with `- `."
    digits = text.replace("_", "").replace(",", "")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) < DIGITS_MAX
    if expected == "string" and kind in (ValueKind.NUMBER, ValueKind.BOOLEAN):
        return f'Write it in quotes: "{text}".' if text else "Write it in quotes."
    if expected == "array" and kind in (ValueKind.NUMBER, ValueKind.TEXT) and 0 < len(text) <= SHOWN_CHARS_MAX:
        return f"Write it as a list: {shown(f'[{text}]')}."
    if expected == "integer" and kind is ValueKind.TEXT and is_number:
        return f"Write plain digits, without quotes, separators or leading zeros: {int(digits)}."
    if expected == "boolean" and text.lower() in ("yes", "on", "y", "true", "1"):
        return "Write `true`."
    if expected == "boolean" and text.lower() in ("no", "off", "n", "false", "0"):
        return "Write `false`."
    return ""


def _expected(shape: SchemaNode) -> str:
    """A schema in words: ``a whole number from 0 to 100``."""
    if "enum" in shape:
        return f"one of {names(shape['enum'])}"
    if "const" in shape:
        return shown(str(shape["const"]))
    if "patternErrorMessage" in shape:
        return str(shape["patternErrorMessage"])
    if "oneOf" in shape:
        return f"a block that begins with `{_choice(shape)[0]}: NAME`"
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


@cache
def _root() -> SchemaNode:
    return json_schema()


def _follow(loc: tuple[int | str, ...]) -> tuple[KeyPath, SchemaNode]:
    """The key path of a validation error's location, and the schema at that path.

    A location also contains discriminator values and a marker for keys; a key path does not.
    """
    path: KeyPath = ()
    shape = _resolved(_root())
    for part in loc:
        if part == "[key]":
            return path, _follow(loc[:-2])[1]
        if "oneOf" in shape and isinstance(part, str):
            shape = _resolved({"$ref": shape["discriminator"]["mapping"][part]})
            continue
        path = (*path, part)
        shape = _resolved(_inner(shape, part))
    return path, shape


def _inner(shape: SchemaNode, part: int | str) -> SchemaNode:
    if isinstance(part, int):
        return dict(shape["items"])
    if part in shape.get("properties", {}):
        return dict(shape["properties"][part])
    named = shape.get("patternProperties") or {"": shape.get("additionalProperties") or {}}
    return dict(next(iter(named.values())))


def _resolved(shape: SchemaNode) -> SchemaNode:
    """The schema with references followed and `null` alternatives removed; siblings of a reference take precedence."""
    if "$ref" in shape:
        siblings = {key: value for key, value in shape.items() if key != "$ref"}
        return _resolved({**_root()["$defs"][shape["$ref"].removeprefix("#/$defs/")], **siblings})
    if "anyOf" in shape:
        siblings = {key: value for key, value in shape.items() if key != "anyOf"}
        return _resolved({**next(one for one in shape["anyOf"] if one.get("type") != "null"), **siblings})
    return shape
