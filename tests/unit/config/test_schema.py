"""The JSON Schema for editors says what the loader says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import extproc.demo
from extproc.config.load import parse_document
from extproc.config.problems import ConfigInvalid
from extproc.config.schema import json_schema
from tests.unit.config.conftest import MINIMAL

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
    found = list(_with_patterns(json_schema()))
    assert found
    assert all("patternErrorMessage" in shape for shape in found)


def test_no_pattern_counts_many_characters() -> None:
    """Two that did took 1.2 MB in each process; ``maxLength`` counts."""
    counts = [int(most) for shape in _with_patterns(json_schema()) for most in re.findall(r",(\d+)}", shape["pattern"])]
    assert counts
    assert max(counts) <= 64


def _with_patterns(shape: object) -> Iterator[dict[str, Any]]:
    if isinstance(shape, dict):
        if isinstance(shape.get("pattern"), str):
            yield shape
        for inner in shape.values():
            yield from _with_patterns(inner)
    elif isinstance(shape, list):
        for inner in shape:
            yield from _with_patterns(inner)


@pytest.mark.parametrize(
    ("guard", "chars_max", "expected"),
    [("tools", 257, "the name of a tool"), ("urls", 253, "a host, such as `example.org`")],
)
def test_a_text_that_is_too_long_is_told_in_the_same_words(guard: str, chars_max: int, expected: str) -> None:
    """Its pattern does not count, so pydantic names another mistake."""
    parse_document(f"{MINIMAL}      - {{ guard: {guard}, deny: [{'a' * chars_max}] }}\n", "config.yaml")
    with pytest.raises(ConfigInvalid, match=f"deny.0.: found the text .*expected {expected}"):
        parse_document(f"{MINIMAL}      - {{ guard: {guard}, deny: [{'a' * (chars_max + 1)}] }}\n", "config.yaml")
