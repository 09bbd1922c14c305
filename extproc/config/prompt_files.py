"""Files of ``prompts``: a text, and optional front matter that says whose it is and which variables it has.

---
owner: support-team
variables:
  city: { header: x-city, default: unknown }
---
You help customers in {{ city }}.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field, ValidationError

from extproc.config.block_problems import block_problems
from extproc.config.forwarding import is_usually_excluded
from extproc.config.problems import ConfigInvalid, KeyPath, Places, Problem, did_you_mean, names, shown
from extproc.config.prompt_cases import CASES_MAX, PromptCase, case_fields_at, case_problems
from extproc.config.prompt_template import CompiledPrompt, compile_prompt, unknown_places, verbatim_prompt
from extproc.config.prompt_variables import BUILT_IN, Variable, VariableName, cleaned
from extproc.config.prompts import Prompt
from extproc.config.section import Section
from extproc.config.yaml_tree import read_yaml
from extproc.domain.fingerprint import fingerprint_of_text

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

FENCE = "---"
VARIABLES_MAX = 100


class FrontMatter(Section):
    """The front matter of a prompt file."""

    owner: str = Field(default="", max_length=200, description="who answers for the prompt")
    notes: str = Field(default="", max_length=10_000, description="for people")
    variables: dict[VariableName, Variable] = Field(
        default_factory=dict, max_length=VARIABLES_MAX, description="variables by name"
    )
    tests: tuple[PromptCase, ...] = Field(
        default=(), max_length=CASES_MAX, description="golden cases, a list, for `extproc prompts test`"
    )


class PromptFile(NamedTuple):
    """A prompt file: its text without the front matter and without white space around it."""

    text: str
    front: FrontMatter


def parse_prompt_file(content: str, source: str) -> PromptFile:
    """Parse a file. Args: source: its name, for messages. Raises: ConfigInvalid with every problem."""
    front_matter, text, lines_before = _split(content, source)
    front = _front(front_matter, source) if front_matter else FrontMatter()
    problems = [*_text_problems(text, front, source, lines_before)]
    if problems:
        raise ConfigInvalid(problems)
    return PromptFile(text.strip(), front)


def compiled_prompt(prompt: Prompt, texts: Mapping[str, str]) -> CompiledPrompt:
    """A prompt whose content was read and is valid. Its fingerprint covers the text, and what its variables become.

    Args: texts: by ``Prompt.key``.
    Raises: KeyError for one that was not read: a caller bug.
    """
    content = texts[prompt.key]
    if prompt.file is not None:
        text = content.strip()
        return verbatim_prompt(prompt.label, fingerprint_of_text(text), prompt.position, text)
    text, front = parse_prompt_file(content, prompt.label)
    variables = {name: variable.model_dump() for name, variable in sorted(front.variables.items())}
    fingerprint = fingerprint_of_text(json.dumps([text, variables]) if variables else text)
    return compile_prompt(prompt.label, fingerprint, prompt.position, text, front.variables)


def front_places(content: str, source: str) -> Places:
    """Where the keys of a valid file's front matter are. Args: as of ``parse_prompt_file``."""
    return read_yaml(_split(content, source)[0], source)[1]


def _split(content: str, source: str) -> tuple[str, str, int]:
    """The front matter, with an empty line for its fence; the text; and the number of lines before the text."""
    lines = content.removeprefix("\ufeff").splitlines(keepends=True)
    if not lines or lines[0].strip() != FENCE:
        return "", "".join(lines), 0
    for number, line in enumerate(lines[1:], 1):
        if line.strip() == FENCE:
            return "".join(["\n", *lines[1:number]]), "".join(lines[number + 1 :]), number + 1
    found = f"front matter without an end: no second line `{FENCE}`"
    raise ConfigInvalid([Problem(source, 1, 1, "", found, hint=f"Write `{FENCE}` below it.")])


def _front(yaml: str, source: str) -> FrontMatter:
    """Raises: ConfigInvalid."""
    if all(line.lstrip()[:1] in ("", "#") for line in yaml.splitlines()):
        return FrontMatter()
    data, places, problems = read_yaml(yaml, source)
    try:
        front = FrontMatter.model_validate_json(json.dumps(data))
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_context=False, include_input=False)
        known = names(FrontMatter.model_fields)
        raise ConfigInvalid([*problems, *block_problems(errors, places, _fields_at, known)]) from None
    problems += [*_variable_problems(front, places), *case_problems(front.tests, front.variables, places)]
    if problems:
        raise ConfigInvalid(problems)
    return front


def _fields_at(path: KeyPath) -> Mapping[str, FieldInfo]:
    match path:
        case ("variables", str(), *_):
            return Variable.model_fields
        case ("tests", int(), *_):
            return case_fields_at(path)
    return FrontMatter.model_fields


def _variable_problems(front: FrontMatter, places: Places) -> Iterator[Problem]:
    for name, variable in front.variables.items():
        at: KeyPath = ("variables", name)
        if name in BUILT_IN and variable.header is not None:
            hint = "It is built in. Remove `header`, or give the variable another name."
            yield places.problem((*at, "header"), f"{shown(name)} with a header", hint=hint)
        if name not in BUILT_IN and variable.header is None:
            hint = f"Name it with `header:`. Built-in variables are {names(BUILT_IN)}."
            yield places.problem(at, f"the variable {shown(name)} has no source", hint=hint, at_key=True)
        if variable.header is not None and is_usually_excluded(variable.header):
            hint = "Envoy does not forward it to the processor. Use a header of your own."
            yield places.problem((*at, "header"), f"the header {shown(variable.header)}", hint=hint)
        for key, value in (("default", variable.default), *(("values", value) for value in variable.values)):
            if key == "default" and "default" not in variable.model_fields_set:
                continue
            if cleaned(value, variable.model_copy(update={"values": (), "default": ""})) != value:
                found = f"{shown(value)} does not fit the type {variable.type} of up to {variable.chars_max} characters"
                yield places.problem((*at, key), found, hint="Change it, `type` or `chars_max`.")


def _text_problems(text: str, front: FrontMatter, source: str, lines_before: int) -> Iterator[Problem]:
    if not text.strip():
        yield Problem(source, lines_before + 1, 1, "", "the prompt is empty", hint="Write its text.")
    for place in unknown_places(text, front.variables):
        before = text[: place.at]
        line, column = lines_before + before.count("\n") + 1, place.at - (before.rfind("\n") + 1) + 1
        if place.name:
            known = (*BUILT_IN, *front.variables)
            hint = did_you_mean(place.name, known) or "Declare it under `variables:` in the front matter."
            yield Problem(source, line, column, "", f"the variable {shown(place.name)} is not declared", hint=hint)
        else:
            hint = "Write `{{ name }}` for a variable, or `\\{{` for the signs."
            yield Problem(source, line, column, "", "a `{{` that begins no variable", hint=hint)
