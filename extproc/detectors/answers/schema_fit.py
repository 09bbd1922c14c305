"""Whether a value fits a JSON Schema, in a bounded number of steps: the schema is a client's, and may be hostile.

What is read of JSON Schema (2020-12): the keywords that tool definitions use. Whatever else a schema asks for counts as
fitting, so that an answer is never called bad for what is not read. ``None`` is the answer where the steps do not
suffice. Libraries that read all of it take exponential time for some schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

STEPS_MAX: Final = 400
_DEPTH_MAX: Final = 40
_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
    ),
}


class _TooManySteps(Exception):
    """The schema asks for more."""


def fits(value: Any, schema: Any) -> bool | None:
    """Whether a value fits a schema; None: not known within ``STEPS_MAX`` steps."""
    try:
        return _Checker(schema).fits(value, schema, 0)
    except _TooManySteps:
        return None


class _Checker:
    """One check. Args: root: the schema that references are resolved in."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._steps = STEPS_MAX

    def fits(self, value: Any, schema: Any, depth: int) -> bool:
        """Raises: _TooManySteps."""
        self._steps -= 1
        if self._steps < 0 or depth > _DEPTH_MAX:
            raise _TooManySteps
        if not isinstance(schema, dict):
            return schema is not False
        return (
            _has_type(value, schema.get("type"))
            and self._is_listed(value, schema)
            and self._fits_reference(value, schema, depth)
            and self._fits_combined(value, schema, depth)
            and self._fits_parts(value, schema, depth)
        )

    def _is_listed(self, value: Any, schema: Mapping[str, Any]) -> bool:
        if "const" in schema and not self._same(value, schema["const"]):
            return False
        listed = schema.get("enum")
        return not isinstance(listed, list) or any(self._same(value, one) for one in listed)

    def _same(self, value: Any, other: Any) -> bool:
        """Equality of JSON: a boolean is no number."""
        self._steps -= 1
        if self._steps < 0:
            raise _TooManySteps
        if isinstance(value, bool) or isinstance(other, bool):
            return value is other
        if isinstance(value, dict | list):
            if type(value) is not type(other) or len(value) != len(other):
                return False
            if isinstance(value, list):
                return all(map(self._same, value, other))
            return all(name in other and self._same(one, other[name]) for name, one in value.items())
        return bool(value == other)

    def _fits_reference(self, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return True
        if reference != "#" and not reference.startswith("#/"):
            return True
        target = self._root
        for name in reference[2:].split("/") if reference != "#" else ():
            self._steps -= 1
            if self._steps < 0:
                raise _TooManySteps
            if not isinstance(target, dict):
                return True
            target = target.get(name.replace("~1", "/").replace("~0", "~"))
        return target is None or self.fits(value, target, depth + 1)

    def _fits_combined(self, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
        for keyword, enough in (("allOf", all), ("anyOf", any)):
            parts = schema.get(keyword)
            if isinstance(parts, list) and parts and not enough(self.fits(value, one, depth + 1) for one in parts):
                return False
        one_of = schema.get("oneOf")
        if isinstance(one_of, list) and one_of and sum(self.fits(value, one, depth + 1) for one in one_of) != 1:
            return False
        return "not" not in schema or not self.fits(value, schema["not"], depth + 1)

    def _fits_parts(self, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
        if isinstance(value, dict):
            return self._fits_object(value, schema, depth)
        if isinstance(value, list):
            return _is_within(len(value), schema, "minItems", "maxItems") and self._fits_items(value, schema, depth)
        if isinstance(value, str):
            return _is_within(len(value), schema, "minLength", "maxLength")
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _is_within(value, schema, "minimum", "maximum") and _is_inside(value, schema)
        return True

    def _fits_object(self, value: dict[str, Any], schema: Mapping[str, Any], depth: int) -> bool:
        required = schema.get("required")
        if isinstance(required, list) and not all(name in value for name in required if isinstance(name, str)):
            return False
        if not _is_within(len(value), schema, "minProperties", "maxProperties"):
            return False
        declared = schema.get("properties")
        properties = declared if isinstance(declared, dict) else {}
        others = True if "patternProperties" in schema else schema.get("additionalProperties", True)
        return all(self.fits(one, properties.get(name, others), depth + 1) for name, one in value.items())

    def _fits_items(self, value: list[Any], schema: Mapping[str, Any], depth: int) -> bool:
        listed = schema.get("prefixItems")
        first = listed if isinstance(listed, list) else []
        if not all(self.fits(one, part, depth + 1) for one, part in zip(value, first, strict=False)):
            return False
        items = schema.get("items", True)
        return isinstance(items, list) or all(self.fits(one, items, depth + 1) for one in value[len(first) :])


def _has_type(value: Any, named: Any) -> bool:
    names = named if isinstance(named, list) else [named]
    known = [_TYPES[name] for name in names if isinstance(name, str) and name in _TYPES]
    return not known or any(is_of(value) for is_of in known)


def _is_within(size: float, schema: Mapping[str, Any], least: str, most: str) -> bool:
    lowest, highest = _number(schema.get(least)), _number(schema.get(most))
    return (lowest is None or size >= lowest) and (highest is None or size <= highest)


def _is_inside(value: float, schema: Mapping[str, Any]) -> bool:
    lowest, highest = _number(schema.get("exclusiveMinimum")), _number(schema.get("exclusiveMaximum"))
    return (lowest is None or value > lowest) and (highest is None or value < highest)


def _number(value: Any) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
