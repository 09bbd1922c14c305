"""Files of phrases: one a line, with ``#`` comments."""

from __future__ import annotations

import re
from itertools import islice

from pydantic import Field, TypeAdapter, ValidationError

from extproc.config.guards.judged import PHRASE_CHARS_MAX, PHRASE_EXPECTED, PHRASES_MAX, Phrase
from extproc.config.problems import ConfigInvalid, Problem, shown
from extproc.config.section import FilePath, Section

PHRASES_BYTES_MAX = 4_194_304
FILE_PROBLEMS_MAX = 20
_LINE_END = re.compile("\r\n|[\r\n]")
_COMMENT = re.compile(r"(^|\s)#.*")
_BYTE_ORDER_MARK = "\ufeff"
_PHRASE = TypeAdapter[str](Phrase)


class PhrasesFile(Section):
    """Phrases in a file, which is reloaded on change."""

    file: FilePath = Field(
        description=(
            "text file, one phrase a line, with `#` comments; relative to the configuration file; reloaded on change"
        )
    )


def parse_phrases(text: str, source: str) -> tuple[str, ...]:
    """The phrases of a text.

    Args: source: the file's name, for messages.
    Raises: ConfigInvalid with every problem, or the first ones.
    """
    phrases: list[str] = []
    problems: list[Problem] = []
    for number, line in enumerate(_LINE_END.split(text.removeprefix(_BYTE_ORDER_MARK)), 1):
        phrase = _COMMENT.sub("", line).strip()
        if not phrase:
            continue
        problem = _problem(phrase, source, number, line.find(phrase) + 1)
        if problem is not None:
            problems.append(problem)
        elif len(phrases) == PHRASES_MAX:
            hint = "Split the list: a policy may have several such guards."
            raise ConfigInvalid([Problem(source, number, 1, "", f"more than {PHRASES_MAX} phrases", hint=hint)])
        phrases.append(phrase)
    if problems:
        more = f"{len(problems)} lines are no phrases; these are the first {FILE_PROBLEMS_MAX}"
        first = [Problem(source, 1, 1, "", more)] if len(problems) > FILE_PROBLEMS_MAX else []
        raise ConfigInvalid([*first, *islice(problems, FILE_PROBLEMS_MAX)])
    if not phrases:
        raise ConfigInvalid([Problem(source, 1, 1, "", "the file has no phrase", hint="Write one phrase a line.")])
    return tuple(phrases)


def _problem(phrase: str, source: str, line: int, column: int) -> Problem | None:
    if len(phrase) > PHRASE_CHARS_MAX:
        found, expected = f"a phrase of {len(phrase)} characters", f"at most {PHRASE_CHARS_MAX}"
        return Problem(source, line, column, "", found, expected, "Write each phrase on a line of its own.")
    try:
        _PHRASE.validate_python(phrase)
    except ValidationError:
        bare = phrase.removeprefix("- ").strip("\"',")
        hint = f"Write the phrase alone: {shown(bare)}." if bare != phrase and _is_phrase(bare) else ""
        return Problem(source, line, column, "", f"found the text {shown(phrase)}", PHRASE_EXPECTED, hint)
    return None


def _is_phrase(text: str) -> bool:
    try:
        _PHRASE.validate_python(text)
    except ValidationError:
        return False
    return True
