"""Types that several guard sections share: request roles and phrases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from extproc.config.problems import KeyPath, Places, Problem

SpeakerName = Literal["system", "user", "assistant", "tool", "document", "definition"]
ALL_SPEAKERS: tuple[SpeakerName, ...] = ("system", "user", "assistant", "tool", "document", "definition")

PHRASES_MAX = 50_000
PHRASE_CHARS_MAX = 200
PHRASE_EXPECTED = "a word or phrase: it begins with a letter or digit, and ends with one or with `*`"
Phrase = Annotated[
    str,
    StringConstraints(pattern=r"^[^\W_](.*\w)?\*?$", max_length=PHRASE_CHARS_MAX),
    Field(json_schema_extra={"patternErrorMessage": PHRASE_EXPECTED}),
]


def both_ways(what: str, allow: Sequence[str], deny: Sequence[str], at: KeyPath, places: Places) -> Iterator[Problem]:
    """Names that are both allowed and denied."""
    for index, name in enumerate(allow):
        if name in deny:
            found = f"the {what} is allowed and denied, so it is denied"
            yield places.problem((*at, "allow", index), found, hint="Remove it from one of them.")
