"""Files of cases are read strictly: each mistake has its line, what is wrong, and how to fix it."""

from __future__ import annotations

import contextlib
import json

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.problems import ConfigInvalid
from extproc.dryrun.case_file import CaseMessage, cases_schema, files_of, parse_cases

CASE = "cases:\n  - name: one\n    request: Hi\n    expect: { passes: true }\n"


def test_a_text_is_short_for_a_message() -> None:
    """A file, a body, an answer and the rest."""
    text = """
config: llm-extproc.yaml
defaults: { path: /v1/messages, headers: { x-team: search } }
cases:
  - name: text
    request: Hi
    expect: { found: pii, flagged: [pii/EMAIL, harm] }
  - name: parts
    request: { file: request.http }
    answer: { body: { choices: [] } }
    cuts: [3, 17]
    verdicts: { jailbreak: [UNSAFE] }
    expect: { status: 502 }
"""
    loaded = parse_cases(text, "cases.yaml")
    first, second = loaded.content.cases
    assert (first.request, first.answer) == ("Hi", None)
    assert isinstance(second.request, CaseMessage)
    assert (second.cuts, second.verdicts) == ((3, 17), {"jailbreak": ("UNSAFE",)})
    assert list(files_of(loaded.content)) == [(("cases", 1, "request", "file"), "request.http")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("request: Hi", "reqest: Hi"), "3:5: cases[one].reqest: unknown key. Did you mean `request`?"),
        (("passes: true", "pases: true"), "4:15: cases[one].expect.pases: unknown key. Did you mean `passes`?"),
        (
            ("request: Hi", "request: { txt: Hi }"),
            "3:16: cases[one].request.txt: unknown key. Did you mean `text`?",
        ),
        (
            ("request: Hi", "request: 5"),
            "3:14: cases[one].request: found the number `5`, expected a text of the user, or a block with `text`, "
            "`file` or `body`.",
        ),
        (
            ("passes: true", "passes: yes"),
            "4:23: cases[one].expect.passes: found the text `yes`, expected `true`: neither refused nor cut, and no "
            "text changed; `false`: any of these.",
        ),
        (
            ("request: Hi", "answer: Hi\n    cuts: sometimes"),
            "4:11: cases[one].cuts: found the text `sometimes`, expected `events`, `every` (byte by byte), `random` "
            "(several times) or a list of places in bytes.",
        ),
        (("name: one\n    ", ""), "2:5: cases[0].name: missing, expected a name of its own."),
        (
            ("request: Hi", "model: m"),
            "2:5: cases[one]: a case without a message, expected `request`, `answer` or both.",
        ),
        (("request: Hi", "request: Hi\n    stream: true"), "4:5: cases[one].stream: `stream` without an answer."),
        (
            ("request: Hi", "request: { text: Hi, file: x }"),
            "3:5: cases[one].request: `text`, `file` together, expected one of `text`, `file`, `body`.",
        ),
        (
            ("request: Hi", "request: {}"),
            "3:5: cases[one].request: an empty message, expected one of `text`, `file`, `body`.",
        ),
        (("{ passes: true }", "{}"), "4:13: cases[one].expect: nothing is expected, expected `passes`, `blocked_by`"),
        (
            ("passes: true }\n", "passes: true }\n  - { name: one, request: Ho }\n"),
            "5:13: cases[one].name: the name is a duplicate, first on line 2. Give each case its own.",
        ),
        (("cases:", "case:"), "1:1: case: unknown key. Did you mean `cases`?"),
        ((CASE, "cases: []\n"), "1:8: cases: found an empty list, expected a list of cases."),
        ((CASE, "- one\n"), "1:1: found a list, expected `cases:` and a list below it."),
        (("passes: true", "passes: true, passes: false"), "4:29: cases[one].expect.passes: duplicate key"),
    ],
)
def test_a_mistake_has_its_line(change: tuple[str, str], message: str) -> None:
    """And a sentence."""
    assert CASE.count(change[0]) == 1
    with pytest.raises(ConfigInvalid) as invalid:
        parse_cases(CASE.replace(*change), "cases.yaml")
    assert any(str(problem).startswith(f"cases.yaml:{message}") for problem in invalid.value.problems), str(invalid)


def test_the_schema_for_editors_says_the_same() -> None:
    """What is valid here is valid there, and the other way round."""
    schema = cases_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    valid = jsonschema.Draft202012Validator(schema)
    assert valid.is_valid(yaml.safe_load(CASE))
    for wrong in ("reqest", "name2"):
        assert not valid.is_valid(yaml.safe_load(CASE.replace("request", wrong)))
    assert json.dumps(schema)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), st.lists) | st.text(max_size=40))
def test_any_value_is_read_or_refused(value: object) -> None:
    """With problems, never another error."""
    for text in (yaml.safe_dump({"cases": value}), yaml.safe_dump({"cases": [{"name": "a", "request": value}]})):
        with contextlib.suppress(ConfigInvalid):
            parse_cases(text, "cases.yaml")
