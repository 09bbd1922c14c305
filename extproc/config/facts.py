"""Known facts for checking responses: the file format, and all checks of such a file.

    facts:
      - id: return-window
        statement: You may return an item within 30 days.
        subject: ['\\breturn(s|ed|ing)?\\b', '\\b(item|order|product)s?\\b']
        value: '([0-9]+) days?'
        right: ["30"]

A sentence is about the fact if every ``subject`` pattern matches it. Each match of ``value`` must then be one of
``right``. The statement must itself pass, so patterns that could never match are rejected.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import re2
from pydantic import Field, StringConstraints, ValidationError

from extproc.config.problems import ConfigInvalid, KeyPath, Places, Problem, did_you_mean, names, shown
from extproc.config.section import Name, Section
from extproc.config.yaml_tree import read_yaml
from extproc.domain.fact_values import compiled, values_in
from extproc.domain.quantities import same_value

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

FACTS_BYTES_MAX = 262_144
FACTS_MAX = 1_000
PATTERN_CHARS_MAX = 500

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=PATTERN_CHARS_MAX)]
Value = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Fact(Section):
    """One known fact."""

    id: Name = Field(description="a name for logs and the review queue")
    statement: str = Field(min_length=1, max_length=1_000, description="the fact, as a correct sentence")
    subject: tuple[Pattern, ...] = Field(
        min_length=1, max_length=10, description="a list of RE2 patterns that all match a sentence about the fact"
    )
    value: Pattern = Field(description="an RE2 pattern of the value: its group, or the whole match if it has none")
    right: tuple[Value, ...] = Field(min_length=1, max_length=100, description="a list of correct values, in quotes")


class FactsFile(Section):
    """A file of facts."""

    facts: tuple[Fact, ...] = Field(min_length=1, max_length=FACTS_MAX, description="a list of facts")


def parse_facts(text: str, source: str) -> tuple[Fact, ...]:
    """Parse the facts of a YAML text.

    Args:
        source: the file's name, for messages.
    Raises: ConfigInvalid with every problem.
    """
    if all(line.lstrip()[:1] in ("", "#") for line in text.splitlines()):
        raise ConfigInvalid(
            [Problem(source, 1, 1, "", "the file is empty", hint="Write `facts:` and a list below it.")]
        )
    data, places, problems = read_yaml(text, source)
    try:
        facts = FactsFile.model_validate_json(json.dumps(data)).facts
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_context=False, include_input=False)
        wrong = (_shape_problem(error, places) for error in errors)
        raise ConfigInvalid([*problems, *(problem for problem in wrong if problem is not None)]) from None
    problems += _fact_problems(facts, places)
    if problems:
        raise ConfigInvalid(problems)
    return facts


def _shape_problem(error: ErrorDetails, places: Places) -> Problem | None:
    """The problem of one value; None for a list that is too short only because its entries are invalid."""
    path: KeyPath = tuple(error["loc"])
    place = places.get(path)
    if error["type"] == "too_short" and place is not None and not place.empty:
        return None
    fields = Fact.model_fields if len(path) > 2 else FactsFile.model_fields
    if error["type"] == "extra_forbidden":
        hint = did_you_mean(str(path[-1]), fields) or f"Known here: {names(fields)}."
        return places.problem(path, "unknown key", hint=hint, at_key=True)
    key = next((str(part) for part in reversed(path) if str(part) in fields), "")
    expected = (fields[key].description or "") if key else "`id`, `statement`, `subject`, `value` and `right`"
    found = "missing" if error["type"] == "missing" else f"found {places.found(path)}"
    return places.problem(path, found, expected=expected)


def _fact_problems(facts: tuple[Fact, ...], places: Places) -> Iterator[Problem]:
    first: dict[str, KeyPath] = {}
    for number, fact in enumerate(facts):
        at: KeyPath = ("facts", number)
        if fact.id in first:
            found = f"the id {shown(fact.id)} is a duplicate, first on {places.line(first[fact.id], at)}"
            yield places.problem((*at, "id"), found, hint="Give each fact its own.")
        first.setdefault(fact.id, (*at, "id"))
        patterns = {(*at, "subject", index): pattern for index, pattern in enumerate(fact.subject)}
        patterns[*at, "value"] = fact.value
        broken = [problem for path, pattern in patterns.items() for problem in _pattern_problems(path, pattern, places)]
        yield from broken or _statement_problems(fact, at, places)


def _pattern_problems(path: KeyPath, pattern: str, places: Places) -> Iterator[Problem]:
    try:
        groups = compiled(pattern).groups
    except re2.error:
        hint = "RE2 has no look-around and no backreferences; put the pattern in single quotes."
        yield places.problem(path, f"{places.found(path)} is not a valid RE2 pattern", hint=hint)
        return
    if path[-1] == "value" and groups > 1:
        hint = "Write the others as `(?:…)`."
        yield places.problem(path, f"{places.found(path)} has {groups} groups", expected="one at most", hint=hint)


def _statement_problems(fact: Fact, at: KeyPath, places: Places) -> Iterator[Problem]:
    """The statement must be correct by the fact's own patterns."""
    for index, pattern in enumerate(fact.subject):
        if not compiled(pattern).search(fact.statement):
            path = (*at, "subject", index)
            yield places.problem(path, f"{places.found(path)} is not found in the statement", hint="Fix either.")
    values = values_in(fact.statement, compiled(fact.value))
    path = (*at, "value")
    if not values:
        yield places.problem(path, f"{places.found(path)} finds no value in the statement", hint="Fix either.")
    elif not any(same_value(value, right) for value in values for right in fact.right):
        found = f"the value of the statement, {shown(values[0])}, is not in `right`"
        yield places.problem((*at, "right"), found, hint="Add it, or fix the statement.", at_key=True)
