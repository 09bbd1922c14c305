"""The file format of ``extproc test``: exchanges, and what is expected of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from extproc.config.block_problems import block_problems
from extproc.config.problems import ConfigInvalid, KeyPath, Places, Problem, names
from extproc.config.routes import Moment
from extproc.config.section import FilePath, Section
from extproc.config.yaml_tree import read_yaml

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

CASES_MAX = 10_000

Text = Annotated[str, StringConstraints(min_length=1)]
ApiPath = Annotated[str, StringConstraints(pattern=r"^/")]
OneOrMore = str | tuple[str, ...]


class CaseMessage(Section):
    """A request or an answer: a text, a file or a body; one of them."""

    text: Text | None = Field(default=None, description="what the user, or the model, says")
    speaker: Literal["user", "system", "assistant", "tool"] = Field(
        default="user", description="of a request's text: `user`, `system`, `assistant` or `tool`"
    )
    file: FilePath | None = Field(
        default=None, description="a file with a JSON body, a stream's events or an HTTP message, relative to this file"
    )
    body: dict[str, Any] | None = Field(default=None, description="a JSON body as a block")


class Expectation(Section):
    """What must come of an exchange; only the keys that are set are compared."""

    passes: bool | None = Field(
        default=None, description="`true`: neither refused nor cut, and no text changed; `false`: any of these"
    )
    blocked_by: str | None = Field(default=None, description="the guard that refuses the request or cuts the answer")
    status: int | None = Field(default=None, description="the HTTP status of the client's answer, a whole number")
    code: str | None = Field(default=None, description="the error code of a refusal, such as `model_not_found`")
    masked_as: str | None = Field(
        default=None,
        description="the whole text after all masks: the user's last one as the model gets it; with an answer, the "
        "model's as the client gets it",
    )
    model_sees: OneOrMore | None = Field(default=None, description="a text or a list: each is in what the model gets")
    client_sees: OneOrMore | None = Field(default=None, description="a text or a list: each is in what the client gets")
    found: OneOrMore | None = Field(
        default=None, description="GUARD or GUARD/KIND, or a list: at least these are found, with any action"
    )
    not_found: OneOrMore | None = Field(
        default=None, description="GUARD or GUARD/KIND, or a list: none of them is found"
    )
    flagged: OneOrMore | None = Field(
        default=None, description="GUARD or GUARD/KIND, or a list: exactly these are flagged; an empty list: none"
    )
    endpoint: str | None = Field(default=None, description="the API, such as `chat`; `passed`: forwarded unread")
    policy: str | None = Field(default=None, description="the policy that applies")
    version: str | None = Field(default=None, description="VERSION or MODEL/VERSION that is chosen")
    route: str | None = Field(default=None, description="name of the route that is taken; `none`: there are no routes")
    sent_to: str | None = Field(
        default=None, description="MODEL/VERSION that Envoy routes to; `none`: no choice is set"
    )
    prompt: str | None = Field(
        default=None,
        description="system prompt, as NAME-VERSION or the name of its file; `none`: no prompt",
    )


class ExchangeCase(Section):
    """One exchange. Without a request the answer is that to a harmless question."""

    name: Text = Field(description="a name of its own")
    request: Text | CaseMessage | None = Field(
        default=None, description="a text of the user, or a block with `text`, `file` or `body`"
    )
    answer: Text | CaseMessage | None = Field(
        default=None, description="a text of the model, or a block with `text`, `file` or `body`"
    )
    path: ApiPath | None = Field(default=None, description="path of the API; default: as a body shows, else chat")
    model: Text | None = Field(default=None, description="the model that is asked; default: the first one")
    headers: dict[str, str] = Field(default_factory=dict, description="headers of the request, by name")
    stream: bool = Field(default=False, description="`true`: the answer's text is streamed")
    cuts: Literal["events", "every", "random"] | tuple[int, ...] = Field(
        default="events",
        description="`events`, `every` (byte by byte), `random` (several times) or a list of places in bytes",
    )
    at: Moment = Field(default="1970-01-01T00:00Z", description="when the request comes, such as `2026-11-30T09:00Z`")
    budget_exhausted: tuple[str, ...] = Field(
        default=(), description="budgets that are taken to be exhausted; default: none"
    )
    verdicts: dict[str, tuple[str, ...]] | None = Field(
        default=None, description="what classifiers that the request waits for find: a list of kinds by guard"
    )
    expect: Expectation | None = Field(default=None, description="what must come of it")


class CaseDefaults(Section):
    """For cases that do not say otherwise."""

    path: ApiPath | None = Field(default=None, description="path of the API")
    model: Text | None = Field(default=None, description="the model that is asked")
    headers: dict[str, str] = Field(default_factory=dict, description="headers of the request, by name")


class CaseFile(Section):
    """A file of cases."""

    config: FilePath | None = Field(default=None, description="the configuration, relative to this file")
    defaults: CaseDefaults = Field(
        default_factory=CaseDefaults, description="`path`, `model` and `headers` of cases that do not name them"
    )
    cases: tuple[ExchangeCase, ...] = Field(min_length=1, max_length=CASES_MAX, description="a list of cases")


@dataclass(frozen=True, slots=True)
class LoadedCases:
    """A valid file of cases, with the positions of its keys."""

    source: str
    content: CaseFile
    places: Places


def parse_cases(text: str, source: str) -> LoadedCases:
    """Parse a file of cases. Raises: ConfigInvalid with every problem."""
    data, places, problems = read_yaml(text, source)
    try:
        content = CaseFile.model_validate_json(json.dumps(data))
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_context=False, include_input=False)
        raise ConfigInvalid(
            [*problems, *block_problems(errors, places, _fields, "`cases:` and a list below it")]
        ) from None
    problems += [
        problem for number, case in enumerate(content.cases) for problem in _case_problems(number, case, places)
    ]
    problems += _duplicates(content.cases, places)
    if problems:
        raise ConfigInvalid(problems)
    return LoadedCases(source, content, places)


def cases_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of such a file, for editors: ``extproc test --schema``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **CaseFile.model_json_schema(),
        "title": "llm-extproc cases",
        "description": "Exchanges and what is expected of them, for `extproc test`.",
    }


def files_of(content: CaseFile) -> Iterator[tuple[KeyPath, str]]:
    """The files with messages that the cases name, by key path."""
    for number, case in enumerate(content.cases):
        for key, message in (("request", case.request), ("answer", case.answer)):
            if isinstance(message, CaseMessage) and message.file is not None:
                yield ("cases", number, key, "file"), message.file


def as_list(value: OneOrMore | None) -> tuple[str, ...]:
    """One name or several."""
    return (value,) if isinstance(value, str) else value or ()


# --- problems ------------------------------------------------------------------------------------------------------


def _fields(path: KeyPath) -> Mapping[str, FieldInfo]:
    """The keys of the block at a path."""
    match path:
        case ("defaults", *_):
            return CaseDefaults.model_fields
        case ("cases", int(), "request" | "answer", *_):
            return CaseMessage.model_fields
        case ("cases", int(), "expect", *_):
            return Expectation.model_fields
        case ("cases", int(), *_):
            return ExchangeCase.model_fields
    return CaseFile.model_fields


def _case_problems(number: int, case: ExchangeCase, places: Places) -> Iterator[Problem]:
    at: KeyPath = ("cases", number)
    if case.request is None and case.answer is None:
        yield places.problem(at, "a case without a message", expected="`request`, `answer` or both")
    if case.answer is None and (case.stream or case.cuts != "events"):
        key = "stream" if case.stream else "cuts"
        yield places.problem((*at, key), f"`{key}` without an answer", hint="Only answers come in pieces.", at_key=True)
    if case.expect is not None and not case.expect.model_fields_set:
        yield places.problem((*at, "expect"), "nothing is expected", expected=names(Expectation.model_fields))
    for key, message in (("request", case.request), ("answer", case.answer)):
        if isinstance(message, CaseMessage):
            given = [name for name in ("text", "file", "body") if getattr(message, name) is not None]
            if len(given) != 1:
                found = f"{names(given)} together" if given else "an empty message"
                yield places.problem((*at, key), found, expected="one of `text`, `file`, `body`", at_key=True)


def _duplicates(cases: Iterable[ExchangeCase], places: Places) -> Iterator[Problem]:
    first: dict[str, KeyPath] = {}
    for number, case in enumerate(cases):
        at: KeyPath = ("cases", number, "name")
        if case.name in first:
            found = f"the name is a duplicate, first on {places.line(first[case.name], at)}"
            yield places.problem(at, found, hint="Give each case its own.")
        first.setdefault(case.name, at)
