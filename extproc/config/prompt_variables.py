"""Variables of a prompt: where their values come from, and how a value is kept from being more than data.

A value may come from a client. It is inserted into the instructions of a model, so it must not write instructions:
control characters, line ends and delimiters never get in, a ``word`` has no blanks, and every value has a largest
length. What does not fit is replaced by the default, which the author of the prompt wrote.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from extproc.config.section import HeaderName, Section

BUILT_IN: Final = ("team", "project", "date", "model", "version")
"""Variables that need no declaration; ``date`` is that of UTC, as 2026-11-29."""
CHARS_MAX: Final = 1_000
VALUES_MAX: Final = 1_000
NOTHING: Final = "none"
"""The value of a built-in variable that an exchange does not have."""
_CACHED_VALUES_MAX: Final = 1_024
_READ_FACTOR: Final = 4
_WORD_SIGNS: Final = frozenset("._-@/:+")
_TEXT_SIGNS: Final = _WORD_SIGNS | frozenset(" ,'()&")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}\Z")

VariableName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$"),
    Field(json_schema_extra={"patternErrorMessage": "a variable: lower-case letters, digits or `_`"}),
]
VariableValue = Annotated[str, StringConstraints(min_length=1, max_length=CHARS_MAX)]


class Variable(Section):
    """A variable of a prompt."""

    header: HeaderName | None = Field(default=None, description="request header with the value; built-ins need none")
    type: Literal["word", "text", "integer"] = Field(
        default="word",
        description="word: letters, digits and `._-@/:+`. text: also blanks and `,'()&`. integer: up to 18 digits",
    )
    values: tuple[VariableValue, ...] = Field(
        default=(), max_length=VALUES_MAX, description="the only values; empty: any"
    )
    default: VariableValue = Field(default=NOTHING, description="in place of a value that is missing or does not fit")
    chars_max: int = Field(default=64, ge=1, le=CHARS_MAX, description="largest length; a longer text is shortened")


def cleaner(variable: Variable) -> Callable[[str], str]:
    """What makes a value safe to insert. It remembers recent values, as few differ."""

    @lru_cache(_CACHED_VALUES_MAX)
    def clean(value: str) -> str:
        return cleaned(value, variable)

    def bounded(value: str) -> str:
        return clean(value[: variable.chars_max * _READ_FACTOR])

    return bounded


def cleaned(value: str, variable: Variable) -> str:
    """A value as it is inserted; the default if it does not fit."""
    fitting = _fitting(unicodedata.normalize("NFC", value), variable)
    return fitting if fitting is not None and (not variable.values or fitting in variable.values) else variable.default


def _fitting(value: str, variable: Variable) -> str | None:
    if variable.type == "integer":
        return value if len(value) <= variable.chars_max and _INTEGER.match(value) else None
    if variable.type == "word":
        fits = 0 < len(value) <= variable.chars_max and all(_is_of(_WORD_SIGNS, char) for char in value)
        return value if fits else None
    plain = "".join(char if _is_of(_TEXT_SIGNS, char) else " " for char in value)
    return " ".join(plain.split())[: variable.chars_max].rstrip() or None


def _is_of(signs: frozenset[str], char: str) -> bool:
    """A letter with its marks, a digit, or one of some signs."""
    return char in signs or unicodedata.category(char)[0] in "LMN"
