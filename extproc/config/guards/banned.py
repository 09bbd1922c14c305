"""The section of the guard for banned words and phrases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from extproc.config.guards.base import GuardSection, On
from extproc.config.guards.judged import ALL_SPEAKERS, PHRASES_MAX, Phrase, SpeakerName
from extproc.config.guards.phrase_files import PHRASES_BYTES_MAX, PhrasesFile, parse_phrases
from extproc.config.text_files import TextFile


def _json_type(value: Any) -> str:
    """How phrases are given: the tags are the types of the two schemas."""
    return "object" if isinstance(value, dict | PhrasesFile) else "array"


if TYPE_CHECKING:
    Phrases = tuple[str, ...] | PhrasesFile
else:
    Phrases = Annotated[
        Annotated[tuple[Phrase, ...], Field(min_length=1, max_length=PHRASES_MAX), Tag("array")]
        | Annotated[PhrasesFile, Tag("object")],
        Discriminator(_json_type),
    ]


class BannedSection(GuardSection):
    """Detects listed words and phrases in requests and responses."""

    guard: Literal["banned"]
    on: On = Field(default="both", description="direction")
    action: Literal["block", "mask", "flag", "shadow"] = Field(
        default="block", description="reject, replace with <BANNED>, only report, or only count"
    )
    phrases: Phrases = Field(
        description=(
            "a list, or a file, of whole words, found in any case or disguise; a trailing `*` on a word matches any "
            "ending"
        ),
        json_schema_extra={"patternErrorMessage": "a list of phrases, or `{ file: PATH }`"},
    )
    speakers: tuple[SpeakerName, ...] = Field(
        default=ALL_SPEAKERS, min_length=1, description="request roles that are checked"
    )
    message: str = Field(
        default="Content blocked: it contains a word or phrase that is not allowed here.",
        description="message for the client on block",
    )

    def text_files(self) -> Iterator[TextFile]:
        """The file of phrases."""
        if isinstance(self.phrases, PhrasesFile):
            yield TextFile(("phrases", "file"), self.phrases.file, "phrases", PHRASES_BYTES_MAX, parse_phrases)

    def phrases_in(self, files: Mapping[str, str]) -> tuple[str, ...]:
        """The phrases, where files have been read.

        Args: files: the text of each, by its path.
        """
        if isinstance(self.phrases, PhrasesFile):
            return parse_phrases(files[self.phrases.file], self.phrases.file)
        return self.phrases
