"""Every place of a request that a JSON schema names, at every depth, each with a small request that has it.

A path is written ``messages[]{role=user}.content[]{type=text}.text``: keys, ``[]`` for the items of an array, ``{}``
for the member of a union that has this constant, and ``*`` for keys that the schema leaves open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

# Whoever may speak in a message whose schema takes any role.
ROLES = ("user", "assistant", "system", "developer", "tool")
_SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_EXAMPLES = {"string": "x", "number": 1, "boolean": True, "null": None}

# Anthropic's blocks are one class in vLLM, and those in a result of a tool are any objects.
_BLOCK = "AnthropicContentBlock"
_OPEN_BLOCK = "{type=tool_result}.content[]"
_TOOL = {"type": "tool_definition", "definition": {"name": "x", "input_schema": {}}}
_HINTS: dict[str, dict[str, Any]] = {
    "text": {"text": "x"},
    "thinking": {"thinking": "x"},
    "redacted_thinking": {"data": "x"},
    "tool_use": {"id": "x", "name": "x", "input": {}},
    "tool_result": {"tool_use_id": "x", "content": "x"},
    "tool_addition": {"tool": _TOOL},
}

Schema = dict[str, Any]


class Place(NamedTuple):
    """A place, and what may stand there: a string, number, word, boolean, object, or anything.

    ``base`` is the least that an object at this place must hold.
    """

    path: str
    kind: str
    base: dict[str, Any] | None = None


class Walk:
    """One walk through the schema of a request."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._definitions: dict[str, Schema] = schema.get("$defs", {})

    def places(self, minimal: dict[str, Any]) -> Iterator[Place]:
        """All places of a request that is otherwise ``minimal``."""
        for member, _ in self._members(self._schema):
            yield from self._object(member, "", (), minimal)

    def _members(self, schema: Schema, names: tuple[str, ...] = ()) -> Iterator[tuple[Schema, tuple[str, ...]]]:
        """The members of a union, references followed but those that lead back to where they stand."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            if name not in names:
                yield from self._members(self._definitions[name], (*names, name))
            return
        union = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
        if not union:
            yield schema, names
        for member in union:
            yield from self._members(member, names)

    def _any(self, schema: Schema, path: str, names: tuple[str, ...]) -> Iterator[Place]:
        for member, inner in self._members(schema, names):
            kind = member.get("type")
            if "const" in member or "enum" in member:
                yield Place(path, "word")
            elif kind in _SCALARS:
                if kind != "null":
                    yield Place(path, _SCALARS[kind])
            elif kind == "array":
                yield from self._array(member, path, inner)
            elif kind == "object":
                yield from self._labelled(member, path, inner)
            else:
                yield Place(path, "any")

    def _array(self, schema: Schema, path: str, names: tuple[str, ...]) -> Iterator[Place]:
        yield Place(path, "array")
        items = schema.get("items", {})
        yield from self._any(items if isinstance(items, dict) else {}, f"{path}[]", names)

    def _labelled(self, schema: Schema, path: str, names: tuple[str, ...]) -> Iterator[Place]:
        """An object for each word that names it, be it of a union or of one class for all."""
        if path.endswith(_OPEN_BLOCK) and path.count(_OPEN_BLOCK) == 1 and _BLOCK in self._definitions:
            schema, names = self._definitions[_BLOCK], ()
        kinds = self._words(schema.get("properties", {}).get("type", {}), "type")
        is_message = not kinds or kinds == ("message",)
        for label in ("role", "type") if is_message else ("type", "role"):
            words = self._words(schema.get("properties", {}).get(label, {}), label)
            for word in words:
                label_ = f"{{{label}={word}}}"
                fixed = {label: word, **_HINTS.get(word, {})} if schema.get("title") == _BLOCK else {label: word}
                yield from self._object(schema, path + label_, names, fixed)
            if words:
                return
        yield from self._object(schema, path, names, {})

    def _words(self, schema: Schema, label: str) -> tuple[str, ...]:
        """The words that name a member of a union; any role may be one of ours."""
        for member, _ in self._members(schema):
            if "const" in member:
                return (member["const"],)
            if "enum" in member:
                return tuple(word for word in member["enum"] if isinstance(word, str))
            if label == "role" and member.get("type") == "string":
                return ROLES
        return ()

    def _object(self, schema: Schema, path: str, names: tuple[str, ...], fixed: dict[str, Any]) -> Iterator[Place]:
        properties: dict[str, Schema] = schema.get("properties", {})
        base = {key: self._example(properties.get(key, {}), names) for key in schema.get("required", ())} | fixed
        yield Place(path, "object", base)
        for key, child in properties.items():
            yield from self._any(child, f"{path}.{key}" if path else key, names)

    def _example(self, schema: Schema, names: tuple[str, ...]) -> Any:
        """The least that may stand at a place."""
        for member, inner in self._members(schema, names):
            kind = member.get("type")
            if "const" in member:
                return member["const"]
            if "enum" in member:
                return member["enum"][0]
            if kind in _SCALARS:
                return _EXAMPLES[_SCALARS[kind]]
            if kind == "array":
                return [self._example(member.get("items", {}), inner)] if member.get("minItems") else []
            if kind == "object":
                properties = member.get("properties", {})
                return {key: self._example(properties.get(key, {}), inner) for key in member.get("required", ())}
        return "x"
