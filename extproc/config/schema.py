"""The document's schema: as JSON Schema for editors, and by the path of a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from extproc.config.document import Document
from extproc.config.problems import KeyPath

SchemaNode = dict[str, Any]


def json_schema() -> SchemaNode:
    """JSON Schema (2020-12) of the configuration file, for editors: ``extproc check --schema``."""
    schema = _document_schema()
    for shape in _all_of(schema):
        if "environment" in shape:
            shape["pattern"] = rf"{shape['pattern']}|\$\{{"
    policy = schema["$defs"]["Policy"]
    policy["anyOf"] = [{"required": [key]} for key in ("guards", "extends")]
    policy["required"].remove("guards")
    schema["anyOf"] = [{"required": schema.pop("required")}, {"required": ["include"]}]
    for items in (policy["properties"]["guards"], schema["properties"]["policies"]):
        items["items"] = {"anyOf": [items["items"], _INCLUDE]}
    return schema


_INCLUDE: SchemaNode = {
    "type": "object",
    "description": "The items of another file in its place.",
    "properties": {"include": {"type": "string", "description": "the file, relative to the one that names it"}},
    "required": ["include"],
    "additionalProperties": False,
}


def _all_of(schema: object) -> Iterator[SchemaNode]:
    """A schema with all schemas in it."""
    if isinstance(schema, dict):
        yield schema
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for one in inner:
        yield from _all_of(one)


def _document_schema() -> SchemaNode:
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


def choice_of(shape: SchemaNode) -> tuple[str, list[str]]:
    """The discriminator key of a union (``filter``, ``guard``), and its values."""
    discriminator = shape["discriminator"]
    return discriminator["propertyName"], list(discriminator["mapping"])


@cache
def homes_of(key: str) -> tuple[str, ...]:
    """The blocks that have a key, as dotted paths; ``NAME`` stands for names of the user, ``[]`` for an item."""
    return tuple(dict.fromkeys(path for path, shape in _blocks("", root()) if key in shape["properties"]))


def _blocks(path: str, shape: SchemaNode) -> Iterator[tuple[str, SchemaNode]]:
    """All blocks with fixed keys, by dotted path."""
    shape = resolved(shape)
    if "properties" in shape:
        yield path, shape
    for key, inner in shape.get("properties", {}).items():
        yield from _blocks(f"{path}.{key}".removeprefix("."), inner)
    if "items" in shape:
        yield from _blocks(f"{path}[]", shape["items"])
    for alternative in shape.get("oneOf", ()):
        yield from _blocks(path, alternative)
    named = shape.get("patternProperties") or {"": shape.get("additionalProperties")}
    for inner in named.values():
        if isinstance(inner, dict):
            yield from _blocks(f"{path}.NAME", inner)


@cache
def declared_keys() -> tuple[str, ...]:
    """The keys that read environment variables, as dotted paths."""
    found: list[str] = []
    for path, shape in _blocks("", root()):
        for key, inner in shape["properties"].items():
            text = resolved(inner)
            end = ""
            if "items" in text:
                text, end = resolved(text["items"]), "[]"
            if "environment" in text:
                found.append(f"{path}.{key}{end}".removeprefix("."))
    return tuple(dict.fromkeys(found))


@cache
def root() -> SchemaNode:
    """The schema of the whole document."""
    return _document_schema()


def followed(loc: tuple[int | str, ...]) -> tuple[KeyPath, SchemaNode]:
    """The key path of a validation error's location, and the schema at that path.

    A location also contains discriminator values and a marker for keys; a key path does not.
    """
    path: KeyPath = ()
    shape = resolved(root())
    for part in loc:
        if part == "[key]":
            return path, followed(loc[:-2])[1]
        if "oneOf" in shape and isinstance(part, str):
            shape = _chosen(shape, part)
            continue
        path = (*path, part)
        shape = resolved(_inner(shape, part))
    return path, shape


def _chosen(shape: SchemaNode, tag: str) -> SchemaNode:
    """The alternative with a discriminator value, or of a JSON type, which has the words of both."""
    if "discriminator" in shape:
        return resolved({"$ref": shape["discriminator"]["mapping"][tag]})
    alternative = next(one for one in map(resolved, shape["oneOf"]) if one["type"] == tag)
    return {**alternative, **{key: text for key, text in shape.items() if key == "patternErrorMessage"}}


def _inner(shape: SchemaNode, part: int | str) -> SchemaNode:
    if isinstance(part, int):
        return dict(shape["items"])
    if part in shape.get("properties", {}):
        return dict(shape["properties"][part])
    named = shape.get("patternProperties") or {"": shape.get("additionalProperties") or {}}
    return dict(next(iter(named.values())))


def mapped(data: object, change: Callable[[str, SchemaNode, KeyPath], str]) -> object:
    """A document with each text changed.

    Args: change: called with the text, its schema (empty if the schema does not know it) and its key path.
    """
    return _mapped(data, root(), (), change)


def _mapped(
    value: object, shape: SchemaNode, path: KeyPath, change: Callable[[str, SchemaNode, KeyPath], str]
) -> object:
    if isinstance(value, dict):
        return {key: _mapped(one, schema_of(shape, value, key), (*path, key), change) for key, one in value.items()}
    if isinstance(value, list):
        return [_mapped(one, schema_of(shape, value, place), (*path, place), change) for place, one in enumerate(value)]
    return change(value, shape, path) if isinstance(value, str) else value


def schema_of(shape: SchemaNode, value: object, key: int | str) -> SchemaNode:
    """The schema of what stands in a value under a key or index; empty if the schema does not know it."""
    shape = resolved(shape)
    if "oneOf" in shape:
        tag = value.get(choice_of(shape)[0]) if "discriminator" in shape and isinstance(value, dict) else None
        if "discriminator" not in shape:
            tag = "object" if isinstance(value, dict) else "array"
        elif tag not in choice_of(shape)[1]:
            return {}
        shape = _chosen(shape, str(tag))
    if isinstance(key, int):
        return resolved(shape["items"]) if isinstance(shape.get("items"), dict) else {}
    if key in shape.get("properties", {}):
        return resolved(shape["properties"][key])
    named = shape.get("patternProperties") or {"": shape.get("additionalProperties")}
    inner = next(iter(named.values()))
    return resolved(inner) if isinstance(inner, dict) else {}


def resolved(shape: SchemaNode) -> SchemaNode:
    """The schema with references followed and `null` alternatives removed; siblings of a reference take precedence."""
    if "$ref" in shape:
        siblings = {key: value for key, value in shape.items() if key != "$ref"}
        return resolved({**root()["$defs"][shape["$ref"].removeprefix("#/$defs/")], **siblings})
    if "anyOf" in shape:
        siblings = {key: value for key, value in shape.items() if key != "anyOf"}
        return resolved({**next(one for one in shape["anyOf"] if one.get("type") != "null"), **siblings})
    return shape
