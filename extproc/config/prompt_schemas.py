"""Whether the JSON Schemas in golden cases of prompts are schemas.

Serving needs no golden case, so this is for a person who checks, where the extra ``prompts`` is installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from extproc.config.document import Document
from extproc.config.problems import KeyPath, Problem, Severity
from extproc.config.prompt_files import front_places, parse_prompt_file
from extproc.config.prompts import prompts_of
from extproc.domain.extras import MODULES, missing_modules

_SAID_CHARS_MAX: Final = 80
_DIALECT: Final = "$schema"


class SchemaMistake(NamedTuple):
    """Why a block is no JSON Schema. ``path``: of the key within it."""

    path: KeyPath
    said: str

    def __str__(self) -> str:
        return f"{'.'.join(['$', *map(str, self.path)])}: {self.said}"


def schema_mistake(schema: dict[str, Any]) -> SchemaMistake | None:
    """The worst mistake in a block; None: it is a JSON Schema. Needs jsonschema."""
    import jsonschema

    if not isinstance(schema.get(_DIALECT, ""), str):
        return SchemaMistake((_DIALECT,), "it is not of type 'string'")
    try:
        jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator).check_schema(schema)
    except jsonschema.SchemaError as error:
        said = " ".join(error.message.split())
        short = said if len(said) <= _SAID_CHARS_MAX else f"{said[:_SAID_CHARS_MAX]}…"
        return SchemaMistake(tuple(error.absolute_path), short)
    return None


def schema_problems(document: Document, contents: Mapping[str, str], sources: Mapping[str, str]) -> Iterator[Problem]:
    """A warning for each ``json_schema`` of a prompt that is none; nothing where jsonschema is not installed.

    Args:
        contents: of each prompt, by ``Prompt.key``.
        sources: its file, or its name in a store, likewise.
    """
    if missing_modules(MODULES["prompts"]):
        return
    named = {prompt.key: prompt for _, prompt in prompts_of(document) if prompt.file is None}
    for key in named:
        for number, case in enumerate(parse_prompt_file(contents[key], sources[key]).front.tests):
            mistake = None if case.expect.json_schema is None else schema_mistake(case.expect.json_schema)
            if mistake is not None:
                path: KeyPath = ("tests", number, "expect", "json_schema", *mistake.path)
                yield front_places(contents[key], sources[key]).problem(
                    path,
                    f"no JSON Schema: {mistake.said}",
                    hint="`extproc prompts test` refuses it.",
                    severity=Severity.WARNING,
                )
