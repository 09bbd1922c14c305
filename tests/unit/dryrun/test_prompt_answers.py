"""An answer is compared with each key of ``expect``, and what it is not is told in words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.config.prompt_cases import AnswerExpectation
from extproc.dryrun.prompt_answers import ModelAnswer, needs_only_judge, shortfalls

REFUSAL = "I'm sorry, but I can't help with that request."


def expectation(**keys: Any) -> AnswerExpectation:
    """As a file has it."""
    return AnswerExpectation.model_validate_json(json.dumps(keys))


@pytest.mark.parametrize(
    ("expect", "good", "bad", "expected", "got"),
    [
        ({"contains": "Oslo"}, "In Oslo.", "In oslo.", "Oslo", "it is not in the answer"),
        ({"contains": ["a", "b"]}, "ab", "a", "b", "it is not in the answer"),
        ({"not_contains": "TODO"}, "Done.", "Done. TODO: x", "not TODO", "Done. TODO: x"),
        ({"matches": "^[A-Z]"}, "Good", "good", "^[A-Z]", "it is not found in the answer"),
        ({"not_matches": ["x", "(?i)as an ai"]}, "No.", "Well, As an AI, no", "not (?i)as an ai", "Well, As an AI, no"),
        ({"refusal": True}, REFUSAL, "Gladly.", "a refusal", "no refusal"),
        ({"refusal": False}, "Gladly.", REFUSAL, "no refusal", "a refusal: I'm sorry, but I can't help with"),
        ({"chars_min": 3}, "abc", "ab", "3 characters or more", "2"),
        ({"chars_max": 3}, "abc", "x" * 1_000, "3 characters or fewer", "1,000"),
    ],
)
def test_each_key_is_compared(expect: dict[str, Any], good: str, bad: str, expected: str, got: str) -> None:
    """A good answer has no shortfall, a bad one exactly one."""
    assert list(shortfalls(expectation(**expect), ModelAnswer(good))) == []
    (short,) = shortfalls(expectation(**expect), ModelAnswer(bad))
    assert (short.key, short.expected, short.got) == (next(iter(expect)), expected, got)


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        ('{"price": 3}', ""),
        (' {"price": 3}\n', ""),
        ('{"price": "3"}', "$.price: '3' is not of type 'number'"),
        ("{}", "$: 'price' is a required property"),
        ("The price is 3.", "no JSON (expecting value at character 0)"),
        ('```json\n{"price": 3}\n```', "JSON in a code fence, which is no JSON"),
        ("[" * 100_000, "JSON that is nested too deep"),
    ],
)
def test_json_is_compared_with_a_schema(answer: str, got: str) -> None:
    """The whole answer, and not a part of it."""
    schema = {"type": "object", "required": ["price"], "properties": {"price": {"type": "number"}}}
    found = [short.got for short in shortfalls(expectation(json_schema=schema), ModelAnswer(answer))]
    assert found == ([got] if got else [])


def test_a_schema_fetches_nothing() -> None:
    """A reference to elsewhere is a mistake, and no request."""
    schema = {"$ref": "http://127.0.0.1:1/schema.json"}
    (short,) = shortfalls(expectation(json_schema=schema), ModelAnswer("1"))
    assert short.got == "the schema refers to http://127.0.0.1:1/schema.json, which is not in it"


def test_a_server_may_say_itself_that_the_model_refuses() -> None:
    """Whatever the words are."""
    assert list(shortfalls(expectation(refusal=True), ModelAnswer("No.", refused=True))) == []
    (short,) = shortfalls(expectation(refusal=False), ModelAnswer("No.", refused=True))
    assert short.got == "a refusal, as the server says"


def test_all_shortfalls_are_told() -> None:
    """Not only the first."""
    expect = expectation(contains=["a", "b"], matches="c", chars_min=10, judge="Is it kind?")
    keys = [short.key for short in shortfalls(expect, ModelAnswer("x"))]
    assert keys == ["contains", "contains", "matches", "chars_min"]


def test_what_is_shown_of_an_answer_is_short() -> None:
    """With the place of what was found."""
    (short,) = shortfalls(expectation(not_contains="needle"), ModelAnswer("hay " * 100 + "needle" + " hay" * 100))
    assert "needle" in short.got
    assert short.got.startswith("…")
    assert len(short.got) <= 82


def test_a_case_may_need_a_judge_alone() -> None:
    """Then nothing is asked without one."""
    assert needs_only_judge(expectation(judge="Is it kind?"))
    assert not needs_only_judge(expectation(judge="Is it kind?", chars_min=1))
    assert not needs_only_judge(expectation(chars_min=1))
