"""Whether the answer of a model is what a golden case expects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from extproc.config.prompt_cases import AnswerExpectation, as_tuple, compiled_pattern
from extproc.detectors.answers.refusal import refusal_detector
from extproc.domain.refusal_kinds import RefusalKind
from extproc.domain.usage import Usage

REFUSAL_CHARS: Final = 300
"""How much of the beginning is checked for a refusal, as by the guard."""
_SHOWN_CHARS_MAX: Final = 80


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What a model has answered.

    Attributes:
        refused: the server says so itself.
        cut_short: it has reached the largest length.
    """

    text: str
    refused: bool = False
    cut_short: bool = False
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What an answer is not, although it is expected."""

    key: str
    expected: str
    got: str


def shortfalls(expect: AnswerExpectation, answer: ModelAnswer) -> Iterator[Shortfall]:
    """Everything in which an answer is not as expected; what needs a judge is left out."""
    text = answer.text
    yield from _of_texts(expect, text)
    yield from _of_patterns(expect, text)
    if expect.json_schema is not None and (wrong := _schema_mistake(expect.json_schema, text)):
        yield Shortfall("json_schema", "JSON that fits the schema", wrong)
    if expect.refusal is not None:
        refusal = _refusal(answer)
        if bool(refusal) is not expect.refusal:
            yield Shortfall("refusal", "a refusal" if expect.refusal else "no refusal", refusal or "no refusal")
    if expect.chars_min is not None and len(text) < expect.chars_min:
        yield Shortfall("chars_min", f"{expect.chars_min:,} characters or more", f"{len(text):,}")
    if expect.chars_max is not None and len(text) > expect.chars_max:
        yield Shortfall("chars_max", f"{expect.chars_max:,} characters or fewer", f"{len(text):,}")


def needs_only_judge(expect: AnswerExpectation) -> bool:
    """Whether nothing is expected that can be seen without a judge."""
    return expect.judge is not None and expect.model_fields_set <= {"judge"}


def _of_texts(expect: AnswerExpectation, text: str) -> Iterator[Shortfall]:
    for wanted in as_tuple(expect.contains):
        if wanted not in text:
            yield Shortfall("contains", _shown(wanted), "it is not in the answer")
    for banned in as_tuple(expect.not_contains):
        if banned in text:
            yield Shortfall("not_contains", f"not {_shown(banned)}", _around(text, text.index(banned), len(banned)))


def _of_patterns(expect: AnswerExpectation, text: str) -> Iterator[Shortfall]:
    for pattern in as_tuple(expect.matches):
        if compiled_pattern(pattern).search(text) is None:
            yield Shortfall("matches", _shown(pattern), "it is not found in the answer")
    for pattern in as_tuple(expect.not_matches):
        if (match := compiled_pattern(pattern).search(text)) is not None:
            start, end = match.span()
            yield Shortfall("not_matches", f"not {_shown(pattern)}", _around(text, start, end - start))


def _schema_mistake(schema: dict[str, Any], text: str) -> str:
    """Why an answer does not fit; empty: it does."""
    import jsonschema
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if text.lstrip().startswith("```"):
            return "JSON in a code fence, which is no JSON"
        return f"no JSON ({error.msg.lower()} at character {error.pos})"
    except RecursionError:
        return "JSON that is nested too deep"
    validator = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
    nowhere: Any = Registry()  # a reference to elsewhere is not fetched
    try:
        wrong = jsonschema.exceptions.best_match(validator(schema, registry=nowhere).iter_errors(value))
    except Unresolvable as error:
        return f"the schema refers to {_shown(str(error.ref))}, which is not in it"
    return "" if wrong is None else f"{wrong.json_path}: {_shown(wrong.message)}"


def _refusal(answer: ModelAnswer) -> str:
    """What shows that the model declines; empty: nothing does."""
    if answer.refused:
        return "a refusal, as the server says"
    finding = refusal_detector().find(answer.text[:REFUSAL_CHARS])
    if finding is None or finding.kind != RefusalKind.DECLINES.finding:
        return ""
    return f"a refusal: {_shown(answer.text[finding.start : finding.end])}"


def _around(text: str, start: int, length: int) -> str:
    before = max(0, start - (_SHOWN_CHARS_MAX - length) // 2) if length < _SHOWN_CHARS_MAX else start
    return ("…" if before else "") + _shown(text[before:])


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARS_MAX else f"{line[:_SHOWN_CHARS_MAX]}…"
