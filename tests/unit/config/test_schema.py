"""The JSON Schema for editors says what the loader says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import extproc.demo
from extproc.config.load import parse_document
from extproc.config.schema import json_schema

DEMO = (Path(extproc.demo.__file__).parent / "config.yaml").read_text(encoding="utf-8")


@pytest.fixture
def demo() -> dict[str, Any]:
    """The demo's configuration as plain data: the keys that are written, and no defaults."""
    return parse_document(DEMO, "config.yaml").model_dump(mode="json", exclude_unset=True)


def mistakes(data: dict[str, Any]) -> list[str]:
    """What a validator of JSON Schema finds, as key paths."""
    validator = jsonschema.Draft202012Validator(json_schema())
    return [".".join(map(str, error.absolute_path)) for error in validator.iter_errors(data)]


def test_the_schema_is_a_schema() -> None:
    """The schema itself follows the draft it names."""
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_demo_fits(demo: dict[str, Any]) -> None:
    """What the loader reads, an editor does not underline."""
    assert mistakes(demo) == []


def test_a_misspelled_key_does_not_fit(demo: dict[str, Any]) -> None:
    """An editor underlines the block that holds the misspelled key."""
    version = demo["models"]["tiny-chat"]["versions"]["v1"]
    version["wieght"] = version.pop("weight")
    assert set(mistakes(demo)) == {"models.tiny-chat.versions.v1"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("role", "rout"),
        ("server.listen", "nowhere"),
        ("models.tiny-chat.pin_header", "X-Version"),
        ("models.tiny-chat.versions.v1.weight", "80"),
        ("identity.teams", "search"),
    ],
)
def test_a_wrong_value_does_not_fit(path: str, value: object, demo: dict[str, Any]) -> None:
    """Names, addresses and types are in the schema too."""
    *blocks, key = path.split(".")
    block = demo
    for name in blocks:
        block = block[name]
    block[key] = value
    assert path in mistakes(demo)


def test_a_name_that_is_none_does_not_fit(demo: dict[str, Any]) -> None:
    """Model names follow a pattern in the schema as in the loader."""
    demo["models"]["tiny chat"] = demo["models"]["tiny-chat"]
    assert "models" in mistakes(demo)


def blocks_of(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every block of keys in the schema, with its name."""
    yield "Document", schema
    yield from ((name, shape) for name, shape in schema["$defs"].items() if "properties" in shape)


def test_every_key_is_described() -> None:
    """An editor has something to say about every key, and knows every key."""
    for block, shape in blocks_of(json_schema()):
        assert shape["additionalProperties"] is False, block
        for key, field in shape["properties"].items():
            is_choice = key in ("filter", "guard", "adapter", "source", "hop") and "const" in field
            assert field.get("description") or is_choice, f"{block}.{key}"


def test_every_pattern_has_words() -> None:
    """A person never has to read a regular expression."""

    def patterns(shape: object) -> Iterator[dict[str, Any]]:
        if isinstance(shape, dict):
            if isinstance(shape.get("pattern"), str):
                yield shape
            for inner in shape.values():
                yield from patterns(inner)
        elif isinstance(shape, list):
            for inner in shape:
                yield from patterns(inner)

    found = list(patterns(json_schema()))
    assert found
    assert all("patternErrorMessage" in shape for shape in found)
