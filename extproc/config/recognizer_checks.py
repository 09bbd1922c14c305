"""What recognizers of one's own can get wrong: patterns that RE2 refuses or that find nothing or everything, and names
that are taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import re2

from extproc.config.document import Document
from extproc.config.guards.pii import Entity, PiiGuard
from extproc.config.problems import KeyPath, Places, Problem, shown
from extproc.config.secrecy import may_be_secret

PATTERN_MEMORY_BYTES_MAX = 1 << 17


def recognizer_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Everything that is wrong with the recognizers of a valid document."""
    for number, policy in enumerate(document.policies):
        for index, guard in enumerate(policy.guards):
            if isinstance(guard, PiiGuard):
                yield from _guard_problems(guard, ("policies", number, "guards", index, "recognizers"), places)


def _guard_problems(guard: PiiGuard, path: KeyPath, places: Places) -> Iterator[Problem]:
    lines: dict[str, int] = {}
    for index, recognizer in enumerate(guard.recognizers):
        name = (*path, index, "name")
        if recognizer.name in get_args(Entity):
            found = f"{shown(recognizer.name)} is a type that is built in"
            yield places.problem(name, found, hint="Give it another name.")
        elif recognizer.name in lines:
            found = f"the name is given twice, first on line {lines[recognizer.name]}"
            yield places.problem(name, found, hint="Write both patterns as one, with `|` between.")
        lines.setdefault(recognizer.name, places.line(name))
        mistake = pattern_mistake(recognizer.pattern)
        if mistake is not None:
            yield places.problem((*path, index, "pattern"), mistake[0], hint=mistake[1])


def pattern_mistake(pattern: str) -> tuple[str, str] | None:
    """What is wrong with a pattern and how to mend it; None for one that can be used."""
    try:
        encoded = pattern.encode("latin-1")
    except UnicodeEncodeError as error:
        character = shown(pattern[error.start])
        return f"the character {character} in a pattern", "Patterns see Latin-1 only; put other words in `context`."
    try:
        compiled = re2.compile(encoded, _options())
    except re2.error as error:
        reason = error.args[0].decode("latin-1") if error.args else "it is too large"
        what = "RE2 cannot read the pattern"
        return what if may_be_secret(reason) else f"{what}: {reason}", "See https://github.com/google/re2/wiki/Syntax."
    if compiled.search(b"") is not None or any(match.end() == match.start() for match in compiled.finditer(b"a 1-")):
        return "the pattern fits the empty text", "Let it ask for at least one character."
    if _has_anchor(pattern):
        return "an anchor (`^`, `$`, `\\A`, `\\z`) in a pattern", "Texts come in pieces: use `\\b` for a word's end."
    return None


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY_BYTES_MAX
    return options


def _has_anchor(pattern: str) -> bool:
    """Whether an anchor stands outside of character classes, escapes and quoted text."""
    place, in_class = 0, False
    while place < len(pattern):
        character = pattern[place]
        if character == "\\":
            if pattern[place + 1 : place + 2] == "Q":
                end = pattern.find("\\E", place)
                place = len(pattern) if end < 0 else end
            elif not in_class and pattern[place + 1 : place + 2] in ("A", "z"):
                return True
            place += 2
            continue
        if in_class:
            in_class = character != "]"
        elif character == "[":
            in_class = True
            place += 2 if pattern[place + 1 : place + 2] == "^" else 1
            place += pattern[place : place + 1] == "]"
            continue
        elif character in "^$":
            return True
        place += 1
    return False
