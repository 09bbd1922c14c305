"""A JSON Schema in a golden case that is none is told at its line, where jsonschema is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.config.prompt_schemas import schema_mistake
from tests.unit.config.conftest import MINIMAL

NAMED = MINIMAL.replace("        price", "        prompt: { name: system, version: v1 }\n        price")
METERED = NAMED.replace("  - filter: meter", "  - filter: prompt\n  - filter: meter")
CONFIG = f"{METERED}prompts: {{ folder: prompts }}\n"
PROMPT = """\
---
tests:
  - name: price
    input: What does it cost?
    expect:
      json_schema:
        type: object
        properties:
          price: { type: numbre }
  - name: fits
    input: Where?
    expect: { json_schema: { type: string } }
---
You help customers.
"""
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["object", "array", "("]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = ("$schema", "$id", "$ref", "$defs", "type", "properties", "items", "required", "pattern", "enum", "minimum")


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "object"}, "None"),
        (
            {"properties": {"a": {"type": "strin"}}},
            "$.properties.a.type: 'strin' is not valid under any of the given schemas",
        ),
        ({"pattern": "("}, "$.pattern: '(' is not a 'regex'"),
        ({"required": ["a", 5]}, "$.required.1: 5 is not of type 'string'"),
        ({"$schema": ["x"]}, "$.$schema: it is not of type 'string'"),
        ({"required": "a" * 200}, f"$.required: '{'a' * 79}…"),
    ],
)
def test_a_block_that_is_no_schema_is_told_by_its_key(schema: dict[str, Any], said: str) -> None:
    """In a short line."""
    assert str(schema_mistake(schema)) == said


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1))
def test_any_block_is_a_schema_or_none(schema: dict[str, Any]) -> None:
    """It is written by hand, so it may be anything."""
    mistake = schema_mistake(schema)
    assert mistake is None or mistake.said


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration with a prompt that has such a case."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "system-v1.md").write_text(PROMPT)
    (tmp_path / "c.yaml").write_text(CONFIG)
    return tmp_path / "c.yaml"


def test_check_warns_at_the_line_of_the_key(file: Path) -> None:
    """The configuration serves all the same."""
    ran = CliRunner().invoke(app, ["check", str(file)])
    assert ran.exit_code == 0
    assert ran.stderr.splitlines() == [
        "prompts/system-v1.md:9:26: warning: tests[price].expect.json_schema.properties.price.type: no JSON Schema:"
        " 'numbre' is not valid under any of the given schemas. `extproc prompts test` refuses it."
    ]


def test_without_jsonschema_it_says_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever serves needs no golden case, so this is no reason to install it."""
    monkeypatch.setattr("extproc.domain.extras.find_spec", lambda _: None)
    ran = CliRunner().invoke(app, ["check", str(file)])
    assert (ran.exit_code, ran.stderr) == (0, "")
