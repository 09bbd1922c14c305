"""Keys that several guards share: whose words are judged, and how a phrase is written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

SpeakerName = Literal["system", "user", "assistant", "tool", "document", "definition"]
ALL_SPEAKERS: tuple[SpeakerName, ...] = ("system", "user", "assistant", "tool", "document", "definition")

Phrase = Annotated[
    str,
    StringConstraints(pattern=r"^[^\W_](.*\w)?\*?$", max_length=200),
    Field(
        json_schema_extra={
            "patternErrorMessage": "a word or phrase: it begins with a letter or digit, and ends with one or with `*`"
        }
    ),
]
