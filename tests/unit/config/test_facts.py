"""The file of facts: what it says, and the words in which its mistakes are told."""

from __future__ import annotations

import pytest

from extproc.config.facts import FACTS_BYTES_MAX, FACTS_MAX, parse_facts
from extproc.config.problems import ConfigInvalid, Places
from extproc.config.text_files import TextFile, text_file_problems

FACTS = r"""facts:
  - id: return-window
    statement: You may return an item within 30 days.
    subject: ['\breturn(s|ed|ing)?\b', '\b(item|order|product)s?\b']
    value: '([0-9]+) days?'
    right: ["30"]
"""


def problems(text: str) -> list[str]:
    """What is wrong with a file, without its name."""
    with pytest.raises(ConfigInvalid) as invalid:
        parse_facts(text, "f.yaml")
    return [str(problem).removeprefix("f.yaml:") for problem in invalid.value.problems]


def test_a_fact_is_read() -> None:
    """With its patterns as they are written."""
    (fact,) = parse_facts(FACTS, "f.yaml")
    assert (fact.id, fact.right, len(fact.subject)) == ("return-window", ("30",), 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1:1: the file is empty. Write `facts:` and a list below it."]),
        ("# later\n", ["1:1: the file is empty. Write `facts:` and a list below it."]),
        ("facts: []", ["1:8: facts: found an empty list, expected a list of facts."]),
        (
            FACTS.replace("right:", "rigth:"),
            [
                "2:5: facts[return-window].right: missing, expected a list of correct values, in quotes.",
                "6:5: facts[return-window].rigth: unknown key. Did you mean `right`?",
            ],
        ),
        (
            FACTS.replace('["30"]', "[30]"),
            [
                "6:13: facts[return-window].right[0]: found the number `30`,"
                " expected a list of correct values, in quotes."
            ],
        ),
        (
            FACTS.replace("(item|order|product)", "(?=item)"),
            [
                "4:40: facts[return-window].subject[1]: the text `\\b(?=item)s?\\b` is not a valid RE2 pattern."
                " RE2 has no look-around and no backreferences; put the pattern in single quotes."
            ],
        ),
        (
            FACTS.replace("days?'", "(days?)'"),
            [
                "5:12: facts[return-window].value: the text `([0-9]+) (days?)` has 2 groups, expected one at most."
                " Write the others as `(?:…)`."
            ],
        ),
        (
            FACTS.replace("30 days", "14 days"),
            [
                "6:5: facts[return-window].right: the value of the statement, `14`, is not in `right`."
                " Add it, or fix the statement."
            ],
        ),
        (
            FACTS.replace("30 days", "a month"),
            [
                "5:12: facts[return-window].value: the text `([0-9]+) days?` finds no value in the statement."
                " Fix either."
            ],
        ),
        (
            FACTS.replace("an item", "a thing"),
            [
                "4:40: facts[return-window].subject[1]: the text `\\b(item|order|product)s?\\b`"
                " is not found in the statement. Fix either."
            ],
        ),
        (
            FACTS + FACTS.removeprefix("facts:\n"),
            [
                "7:9: facts[return-window].id: the id `return-window` is a duplicate, first on line 2."
                " Give each fact its own."
            ],
        ),
        (
            FACTS.replace("right:", "id: b\n    right:"),
            ["6:5: facts[return-window].id: duplicate key, first on line 2. Keep one of the two."],
        ),
        (FACTS + "more: 1\n", ["7:1: more: unknown key. Known here: `facts`."]),
    ],
)
def test_a_mistake_is_told_at_its_line(text: str, expected: list[str]) -> None:
    """In the file of facts itself; a fact that its own statement does not fit would never be found."""
    assert problems(text) == expected


FILE = TextFile((), "f.yaml", "facts", FACTS_BYTES_MAX, parse_facts)


def test_a_file_has_a_limit() -> None:
    """Of bytes, told where the file is named; and of facts."""
    places = Places("c.yaml")
    (problem,) = text_file_problems(("policies",), FILE, b"x" * (FACTS_BYTES_MAX + 1), "f.yaml", places)
    assert str(problem) == f"c.yaml:1:1: policies: the facts are longer than {FACTS_BYTES_MAX} bytes. Shorten them."
    fact = FACTS.removeprefix("facts:\n")
    many = "facts:\n" + "".join(fact.replace("return-window", f"f{number}") for number in range(FACTS_MAX + 1))
    assert problems(many) == ["1:1: facts: found a list, expected a list of facts."]


def test_a_file_is_utf_8() -> None:
    """As every other."""
    (problem,) = text_file_problems(("policies",), FILE, b"\xff", "f.yaml", Places("c.yaml"))
    assert str(problem) == "c.yaml:1:1: policies: the facts are not valid UTF-8 at byte 0. Save them as UTF-8."
