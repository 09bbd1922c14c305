"""The golden cases of a prompt: inputs, and what an answer must be. In its front matter, or in a file of cases.

tests:
  - name: knows the city
    input: Where am I?
    variables: { city: Oslo }
    expect: { contains: Oslo, chars_max: 200 }
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import re2
from pydantic import Field, StringConstraints, ValidationError

from extproc.config.block_problems import block_problems
from extproc.config.problems import ConfigInvalid, KeyPath, Places, Problem, did_you_mean, names, shown
from extproc.config.prompt_variables import BUILT_IN
from extproc.config.section import Section
from extproc.config.yaml_tree import read_yaml

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

CASES_MAX: Final = 1_000
ANSWER_CHARS_MAX: Final = 10_000_000
_WANTED: Final = "`tests:` and a list below it"

Wanted = Annotated[str, StringConstraints(min_length=1, max_length=100_000)]
AnswerPattern = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
CaseName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class PromptTurn(Section):
    """A message of the conversation that a case sends."""

    role: Literal["system", "developer", "user", "assistant"] = Field(
        description="`system`, `developer`, `user` or `assistant`"
    )
    content: Wanted = Field(description="the text of a message")


class AnswerExpectation(Section):
    """What an answer must be; only the keys that are set are compared."""

    contains: Wanted | tuple[Wanted, ...] | None = Field(
        default=None, description="a text or a list: each is in the answer"
    )
    not_contains: Wanted | tuple[Wanted, ...] | None = Field(
        default=None, description="a text or a list: none is in the answer"
    )
    matches: AnswerPattern | tuple[AnswerPattern, ...] | None = Field(
        default=None, description="an RE2 pattern or a list: each is found in the answer"
    )
    not_matches: AnswerPattern | tuple[AnswerPattern, ...] | None = Field(
        default=None, description="an RE2 pattern or a list: none is found in the answer"
    )
    json_schema: dict[str, Any] | None = Field(
        default=None, min_length=1, description="a JSON Schema as a block: the answer is JSON that fits"
    )
    refusal: bool | None = Field(
        default=None, description="`true`: the model declines, as the guard `refusal` sees it; `false`: it does not"
    )
    chars_min: int | None = Field(
        default=None, ge=1, le=ANSWER_CHARS_MAX, description="smallest length of the answer, a whole number"
    )
    chars_max: int | None = Field(
        default=None, ge=1, le=ANSWER_CHARS_MAX, description="largest length of the answer, a whole number"
    )
    judge: Wanted | None = Field(
        default=None, description="a question about the answer to which a judge model must say yes"
    )


class PromptCase(Section):
    """A golden case."""

    name: CaseName = Field(description="a name of its own")
    input: Wanted | tuple[PromptTurn, ...] = Field(
        min_length=1, description="what the user says; or a list of messages with `role` and `content`"
    )
    variables: dict[str, str | int] = Field(
        default_factory=dict, description="values of the prompt's variables, texts or whole numbers, by name"
    )
    expect: AnswerExpectation = Field(description="what the answer must be")


class PromptCaseFile(Section):
    """A file of golden cases."""

    tests: tuple[PromptCase, ...] = Field(min_length=1, max_length=CASES_MAX, description="golden cases, a list")


def parse_prompt_cases(text: str, source: str, variables: Collection[str]) -> tuple[PromptCase, ...]:
    """Parse a file of cases. Raises: ConfigInvalid with every problem.

    Args: variables: those that the prompt declares.
    """
    data, places, problems = read_yaml(text, source)
    try:
        content = PromptCaseFile.model_validate_json(json.dumps(data))
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_context=False, include_input=False)
        raise ConfigInvalid([*problems, *block_problems(errors, places, _fields_at, _WANTED)]) from None
    problems += case_problems(content.tests, variables, places)
    if problems:
        raise ConfigInvalid(problems)
    return content.tests


def case_fields_at(path: KeyPath) -> Mapping[str, FieldInfo]:
    """The keys of the block at a path below ``tests``."""
    match path:
        case (_, int(), "expect", *_):
            return AnswerExpectation.model_fields
        case (_, int(), "input", *_):
            return PromptTurn.model_fields
    return PromptCase.model_fields


def compiled_pattern(pattern: str) -> Any:
    """An RE2 pattern. Raises: re2.error."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def as_tuple(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """One text or several."""
    return (value,) if isinstance(value, str) else value or ()


def case_problems(cases: Iterable[PromptCase], variables: Collection[str], places: Places) -> Iterator[Problem]:
    """The problems of valid sections: names, variables, patterns, and what contradicts itself."""
    first: dict[str, KeyPath] = {}
    for number, case in enumerate(cases):
        at: KeyPath = ("tests", number)
        if case.name in first:
            found = f"the name is a duplicate, first on {places.line(first[case.name], at)}"
            yield places.problem((*at, "name"), found, hint="Give each case its own.")
        first.setdefault(case.name, (*at, "name"))
        known = (*BUILT_IN, *variables)
        for name in case.variables:
            if name not in known:
                hint = did_you_mean(name, known) or f"The prompt has {names(known)}."
                found = f"the prompt has no variable {shown(name)}"
                yield places.problem((*at, "variables", name), found, hint=hint, at_key=True)
        yield from _expectation_problems((*at, "expect"), case.expect, places)


def _expectation_problems(at: KeyPath, expect: AnswerExpectation, places: Places) -> Iterator[Problem]:
    if not any(value is not None and value != () for _, value in expect):
        yield places.problem(at, "nothing is expected", expected=names(AnswerExpectation.model_fields))
    least, most = expect.chars_min, expect.chars_max
    if least is not None and most is not None and least > most:
        found = f"`chars_min` {least} is larger than `chars_max` {most}"
        yield places.problem((*at, "chars_min"), found, hint="No answer can be both.")
    for key in ("matches", "not_matches"):
        value = getattr(expect, key)
        for number, pattern in enumerate(as_tuple(value)):
            try:
                compiled_pattern(pattern)
            except re2.error as error:
                path = (*at, key) if isinstance(value, str) else (*at, key, number)
                reason = error.args[0].decode("utf-8", "replace") if error.args else "it is too large"
                hint = "See https://github.com/google/re2/wiki/Syntax."
                yield places.problem(path, f"invalid RE2 pattern: {reason}", hint=hint)


def _fields_at(path: KeyPath) -> Mapping[str, FieldInfo]:
    return case_fields_at(path) if len(path) > 1 else PromptCaseFile.model_fields
