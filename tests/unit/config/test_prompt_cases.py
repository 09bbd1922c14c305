"""Golden cases are checked with the configuration; each mistake has its line."""

from __future__ import annotations

import contextlib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.problems import ConfigInvalid
from extproc.config.prompt_cases import as_tuple, parse_prompt_cases
from extproc.config.prompt_files import parse_prompt_file

CASE = """\
tests:
  - name: knows the city
    input: Where am I?
    variables: { city: Oslo, date: 2026-11-30 }
    expect: { contains: Oslo, matches: ["(?i)oslo", "."], json_schema: { type: object }, chars_max: 20 }
  - name: talks
    input:
      - { role: user, content: Hi }
      - { role: assistant, content: Hello }
    expect: { refusal: false }
"""
HEAD = "---\nvariables: { city: { header: x-city } }\n"


def in_front_matter(cases: str) -> str:
    """A prompt file with these cases, which begin on its third line."""
    return f"{HEAD}{cases}---\nIn {{{{ city }}}}."


def test_cases_are_read_from_front_matter_and_from_a_file() -> None:
    """The same, in the same words."""
    front = parse_prompt_file(in_front_matter(CASE), "p.md").front
    assert parse_prompt_cases(CASE, "cases.yaml", ["city"]) == front.tests
    first, second = front.tests
    assert first.variables == {"city": "Oslo", "date": "2026-11-30"}
    assert as_tuple(first.expect.contains) == ("Oslo",)
    assert as_tuple(first.expect.matches) == ("(?i)oslo", ".")
    assert [one.role for one in second.input if not isinstance(one, str)] == ["user", "assistant"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            ("name: talks", "name: knows the city"),
            "8:11: tests[1].name: the name is a duplicate, first on line 4. Give each case its own.",
        ),
        (
            ("    input: Where am I?\n", ""),
            "4:5: tests[0].input: missing, expected what the user says; or a list of messages with `role` and "
            "`content`.",
        ),
        (
            ("input: Where am I?", "input: 5"),
            "5:12: tests[0].input: found the number `5`, expected what the user says; or a list of messages with "
            "`role` and `content`.",
        ),
        (
            ("input: Where am I?", "input: []"),
            "5:12: tests[0].input: found an empty list, expected what the user says; or a list of messages with "
            "`role` and `content`.",
        ),
        (
            ("role: user", "role: boss"),
            "10:17: tests[talks].input[0].role: found the text `boss`, expected `system`, `developer`, `user` or "
            "`assistant`.",
        ),
        (
            ("content: Hello", "text: Hello"),
            "11:9: tests[talks].input[1].content: missing, expected the text of a message.\np.md:11:28: "
            "tests[talks].input[1].text: unknown key. Known here: `role`, `content`.",
        ),
        (("contains: Oslo", "contain: Oslo"), "7:15: tests[0].expect.contain: unknown key. Did you mean `contains`?"),
        (
            ("contains: Oslo", "contains: [Oslo, 5]"),
            "7:32: tests[0].expect.contains[1]: found the number `5`, expected a text or a list: each is in the "
            "answer.",
        ),
        (
            ("city: Oslo", "citi: Oslo"),
            "6:18: tests[0].variables.citi: the prompt has no variable `citi`. Did you mean `city`?",
        ),
        (
            ("city: Oslo", "city: [Oslo]"),
            "6:24: tests[0].variables.city: found a list, expected values of the prompt's variables, texts or "
            "whole numbers, by name.",
        ),
        (
            ("(?i)oslo", "(oslo"),
            "7:41: tests[0].expect.matches[0]: invalid RE2 pattern: missing ): (oslo. See "
            "https://github.com/google/re2/wiki/Syntax.",
        ),
        (
            ("{ type: object }", "{}"),
            "7:72: tests[0].expect.json_schema: found an empty block, expected a JSON Schema as a block: the "
            "answer is JSON that fits.",
        ),
        (
            ("chars_max: 20", "chars_max: 20, chars_min: 21"),
            "7:116: tests[0].expect.chars_min: `chars_min` 21 is larger than `chars_max` 20. No answer can be both.",
        ),
        (
            ("{ refusal: false }", "{}"),
            "12:13: tests[talks].expect: nothing is expected, expected `contains`, `not_contains`, `matches`, "
            "`not_matches`, `json_schema`, `refusal`, `chars_min`, `chars_max`, `judge`.",
        ),
        (("tests:\n", "test:\n"), "3:1: test: unknown key. Did you mean `tests`?"),
        (
            (CASE, "tests: all\n"),
            "3:8: tests: found the text `all`, expected golden cases, a list, for `extproc prompts test`.",
        ),
    ],
)
def test_each_mistake_has_its_line(change: tuple[str, str], told: str) -> None:
    """In the prompt's file, as any mistake of its front matter."""
    assert CASE.count(change[0]) == 1
    with pytest.raises(ConfigInvalid) as refused:
        parse_prompt_file(in_front_matter(CASE.replace(*change)), "p.md")
    assert str(refused.value) == f"p.md:{told}"


def test_a_file_of_cases_has_lines_of_its_own() -> None:
    """And nothing but cases in it."""
    for text, told in (
        (CASE.replace("Oslo, d", "Oslo, land: x, d"), "c.yaml:4:30: tests[0].variables.land: the prompt has no"),
        ("cases: []\n", "c.yaml:1:1: cases: unknown key. "),
        ("- x\n", "c.yaml:1:1: found a list, expected `tests:` and a list below it."),
        ("tests: []\n", "c.yaml:1:8: tests: found an empty list, expected golden cases, a list."),
    ):
        with pytest.raises(ConfigInvalid) as refused:
            parse_prompt_cases(text, "c.yaml", ["city"])
        assert any(str(problem).startswith(told) for problem in refused.value.problems), str(refused.value)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "input", "expect", "role", "contains", "matches"]), inner, max_size=3
        )
    ),
)


@given(ANY)
def test_any_value_is_read_or_refused(value: object) -> None:
    """With problems, never another error."""
    case = {"name": "a", "input": "b", "expect": {"chars_min": 1}}
    for cases in (value, [value], *([{**case, key: value}] for key in (*case, "variables"))):
        with contextlib.suppress(ConfigInvalid):
            parse_prompt_cases(yaml.safe_dump({"tests": cases}), "c.yaml", [])
