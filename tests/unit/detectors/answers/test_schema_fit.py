"""Schemas of clients: as the reference library says, for what is read of them, and in bounded time for all others."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.answers.schema_fit import STEPS_MAX, fits

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 1.0, 2.5]), st.text("ab", max_size=3)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
TYPES = st.sampled_from(["object", "array", "string", "boolean", "null", "number", "integer"])
KEYWORDS: dict[str, st.SearchStrategy[Any]] = {
    "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
    "enum": st.lists(VALUES, min_size=1, max_size=3),
    "const": VALUES,
    "minimum": st.integers(-2, 2),
    "exclusiveMaximum": st.integers(-2, 2),
    "minLength": st.integers(0, 2),
    "maxItems": st.integers(0, 2),
    "minProperties": st.integers(0, 2),
    "required": st.lists(NAMES, max_size=2, unique=True),
    "$ref": st.sampled_from(["#/$defs/a", "#/$defs/b"]),
}


def blocks(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas of schemas."""
    several = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            **KEYWORDS,
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "additionalProperties": inner,
            "items": inner,
            "prefixItems": several,
            "allOf": several,
            "anyOf": several,
            "oneOf": several,
            "not": inner,
        },
    )


SCHEMAS = st.recursive(
    st.booleans() | st.fixed_dictionaries({}, optional={name: KEYWORDS[name] for name in ("type", "enum", "minimum")}),
    blocks,
    max_leaves=6,
)
DEFINITIONS = st.fixed_dictionaries({"a": TYPES.map(lambda one: {"type": one}), "b": st.booleans()})


@given(SCHEMAS, DEFINITIONS, VALUES)
def test_it_says_what_the_reference_says(schema: Any, definitions: dict[str, Any], value: Any) -> None:
    """``jsonschema``, of the keywords that are read."""
    whole = {**schema, "$defs": definitions} if isinstance(schema, dict) else schema
    assert fits(value, whole) in (jsonschema.Draft202012Validator(whole).is_valid(value), None)


CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}, "unit": {"enum": ["c", "f"]}},
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"city": "Bern"}, True),
        ({"city": "Bern", "days": 2.0, "unit": "f"}, True),
        ({"days": 2}, False),
        ({"city": 3}, False),
        ({"city": "Bern", "days": 0}, False),
        ({"city": "Bern", "days": True}, False),
        ({"city": "Bern", "when": "now"}, False),
        (["Bern"], False),
    ],
)
def test_the_arguments_of_a_tool(value: Any, expected: bool) -> None:
    """What a model gets wrong."""
    assert fits(value, CITY) is expected


DOUBLED = {
    f"a{number}": {"allOf": [{"$ref": f"#/$defs/a{number + 1}"}, {"$ref": f"#/$defs/a{number + 1}"}]}
    for number in range(60)
}
LONG = {"items": {"anyOf": [{"const": number} for number in range(100)]}}


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ({}, {"$defs": DOUBLED, "$ref": "#/$defs/a0"}),
        (1, {"$ref": "#"}),
        (1, {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}),
        ([99] * STEPS_MAX, LONG),
        ([[0] * 50] * 50, {"enum": [[[0] * 50] * 50]}),
        (1, {"$ref": "#/" + "a/" * 1_000}),
    ],
)
def test_a_hostile_schema_costs_a_bounded_number_of_steps(value: Any, schema: Any) -> None:
    """The reference library takes 2 to the 60th for the first."""
    assert fits(value, schema) in (None, True)


@pytest.mark.parametrize(
    "schema",
    [
        None,
        7,
        "object",
        {"type": 7},
        {"type": "thing"},
        {"enum": 7},
        {"required": [7]},
        {"properties": []},
        {"$ref": "https://example.org/schema"},
        {"$ref": 7},
        {"allOf": {}},
        {"minimum": "many"},
        {"items": [{"type": "string"}]},
    ],
)
def test_what_is_not_read_fits(schema: Any) -> None:
    """No answer is called bad for a schema that is none."""
    assert fits({"a": 1}, schema)
