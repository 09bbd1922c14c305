"""Checks of recognizer patterns: not valid RE2, or matching nothing or everything."""

from __future__ import annotations

from typing import Any

import re2

from extproc.config.problems import shown
from extproc.config.secrecy import may_be_secret

PATTERN_MEMORY_BYTES_MAX = 1 << 17


def pattern_mistake(pattern: str) -> tuple[str, str] | None:
    """The problem of a pattern and how to fix it; None if it is valid."""
    try:
        encoded = pattern.encode("latin-1")
    except UnicodeEncodeError as error:
        character = shown(pattern[error.start])
        return f"the character {character} in a pattern", "Patterns match Latin-1 only; put other words in `context`."
    try:
        compiled = re2.compile(encoded, _options())
    except re2.error as error:
        reason = error.args[0].decode("latin-1") if error.args else "it is too large"
        what = "invalid RE2 pattern"
        return what if may_be_secret(reason) else f"{what}: {reason}", "See https://github.com/google/re2/wiki/Syntax."
    if compiled.search(b"") is not None or any(match.end() == match.start() for match in compiled.finditer(b"a 1-")):
        return "the pattern matches the empty string", "Require at least one character."
    if _has_anchor(pattern):
        return (
            "an anchor (`^`, `$`, `\\A`, `\\z`) in a pattern",
            "Text arrives in pieces: use `\\b` for a word boundary.",
        )
    return None


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY_BYTES_MAX
    return options


def _has_anchor(pattern: str) -> bool:
    """Whether an anchor occurs outside of character classes, escapes and quoted text."""
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
