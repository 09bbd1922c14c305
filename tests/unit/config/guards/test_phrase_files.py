"""A file of phrases means what a list of them means, and each mistake is told at its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from extproc.config.guards.judged import PHRASE_CHARS_MAX, PHRASES_MAX, Phrase
from extproc.config.guards.phrase_files import FILE_PROBLEMS_MAX, parse_phrases
from extproc.config.problems import ConfigInvalid

ONE = TypeAdapter[str](Phrase)
LINES = st.lists(
    st.one_of(
        st.sampled_from(["", "# a comment", "  # another", "\t", "#"]),
        st.text("aB9é-_*# '\"\t\u2028\x0b", max_size=8),
        st.from_regex(r"[a-z][a-z ]{0,8}[a-z]\*?", fullmatch=True),
    ),
    max_size=12,
)


def told(text: str) -> list[str]:
    """What is told about a file."""
    with pytest.raises(ConfigInvalid) as refused:
        parse_phrases(text, "words.txt")
    return [str(problem).removeprefix("words.txt:") for problem in refused.value.problems]


def test_a_phrase_a_line() -> None:
    """Comments, blank lines and blanks around are none; nor is a byte order mark, nor the end of a line."""
    text = "\ufeff# Ours\r\nproject falcon\r\n\n  unreleas*  # any ending\n# none\nC3PO\r"
    assert parse_phrases(text, "words.txt") == ("project falcon", "unreleas*", "C3PO")


def is_phrase(text: str) -> bool:
    """Whether a list in the configuration may hold it."""
    try:
        ONE.validate_python(text)
    except ValidationError:
        return False
    return True


def stripped(line: str) -> str:
    """A line without its comment, which begins with `#` at its start or after a blank."""
    for place, char in enumerate(line):
        if char == "#" and (place == 0 or line[place - 1].isspace()):
            line = line[:place]
            break
    return line.strip()


@given(LINES, st.sampled_from(["\n", "\r\n", "\r"]))
def test_a_file_is_a_list(lines: list[str], end: str) -> None:
    """Each line is a phrase as in a list, a comment, or a mistake that is told at its line; nothing is lost."""
    wanted = [(number, stripped(line)) for number, line in enumerate(lines, 1) if stripped(line)]
    wrong = [number for number, phrase in wanted if not is_phrase(phrase)]
    text = end.join(lines)
    if wrong or not wanted:
        assert [int(line.partition(":")[0]) for line in told(text)] == (wrong or [1])
    else:
        assert list(parse_phrases(text, "words.txt")) == [phrase for _, phrase in wanted]


LONG = "1:1: a phrase of 201 characters, expected at most 200. Write each phrase on a line of its own."
EXPECTED = "expected a word or phrase: it begins with a letter or digit, and ends with one or with `*`."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n\n ++ # no\n", [f"3:2: found the text `++`, {EXPECTED}"]),
        (
            "- a falcon\n",
            [f"1:1: found the text `- a falcon`, {EXPECTED} Write the phrase alone: `a falcon`."],
        ),
        ('"gold",\n', [f'1:1: found the text `"gold",`, {EXPECTED} Write the phrase alone: `gold`.']),
        ("", ["1:1: the file has no phrase. Write one phrase a line."]),
        ("# nothing\n", ["1:1: the file has no phrase. Write one phrase a line."]),
        (
            "a" * (PHRASE_CHARS_MAX + 1),
            [LONG],
        ),
        (
            "a\n" * (PHRASES_MAX + 1),
            ["50001:1: more than 50000 phrases. Split the list: a policy may have several such guards."],
        ),
        ("++AKIAIOSFODNN7EXAMPLE\n", [f"1:1: found the text (not shown), {EXPECTED}"]),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_a_mistake_is_told_at_its_line(text: str, expected: list[str]) -> None:
    """In the file of phrases itself, with the mend."""
    assert told(text) == expected


def test_many_mistakes_are_told_in_part() -> None:
    """A file of another kind has one in each line."""
    lines = told("++\n" * (FILE_PROBLEMS_MAX + 5))
    assert len(lines) == FILE_PROBLEMS_MAX + 1
    assert lines[0] == f"1:1: {FILE_PROBLEMS_MAX + 5} lines are no phrases; these are the first {FILE_PROBLEMS_MAX}."
