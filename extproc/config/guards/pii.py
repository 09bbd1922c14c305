"""The section of the guard for personal data and secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from extproc.config.guards.base import Around, GuardSection, On
from extproc.config.guards.masking import Masking, MaskType
from extproc.config.guards.recognizer_patterns import pattern_mistake
from extproc.config.problems import KeyPath, Places, Problem, shown
from extproc.config.section import Section
from extproc.detectors.pii.kinds import DEFAULT_ENTITIES, ENTITIES

if TYPE_CHECKING:
    Entity = str
else:
    Entity = Literal[ENTITIES]
KindName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,39}$"),
    Field(json_schema_extra={"patternErrorMessage": "1 to 40 capitals, digits or `_`, the first a capital"}),
]
ContextWord = Annotated[
    str,
    StringConstraints(pattern=r"^\S(.*\S)?$", max_length=40),
    Field(json_schema_extra={"patternErrorMessage": "a word or a few, at most 40 characters"}),
]


class RecognizerSection(Section):
    """A custom type of data: its pattern, and what separates it from look-alikes."""

    name: KindName = Field(description="name in masks, metrics and logs; capitals")
    pattern: str = Field(
        min_length=1,
        max_length=1_000,
        description=(
            "RE2 syntax, without `^` and `$`; matched against one word at a time, or numbers joined by single blanks"
        ),
    )
    context: tuple[ContextWord, ...] = Field(
        default=(),
        max_length=50,
        description="context words; one must occur in the 40 characters before. Empty: no context needed",
    )
    checksum: Literal["none", "luhn", "mod97", "verhoeff", "mod11_10"] = Field(
        default="none", description="checksum over the digits (`mod97`: letters too)"
    )
    score: float = Field(default=0.8, ge=0, le=1, description="confidence of a finding")


class PiiSection(GuardSection):
    """Detects personal data and secrets in requests and responses."""

    guard: Literal["pii"]
    on: On = Field(default="both", description="direction")
    action: Literal["mask", "block", "flag", "shadow"] = Field(
        default="mask", description="replace with <TYPE>, reject, only report, or only count"
    )
    entities: tuple[Entity, ...] = Field(
        default=DEFAULT_ENTITIES,
        min_length=1,
        description="types to detect; `NATIONAL_ID` means those of all countries",
    )
    recognizers: tuple[RecognizerSection, ...] = Field(
        default=(), max_length=50, description="custom types, which take precedence over built-in ones"
    )
    hold_chars_max: int = Field(
        default=2_048, ge=160, le=2_048, description="maximum held-back text of a response [characters]"
    )
    hold_ms_max: int | None = Field(
        default=None,
        ge=1,
        le=600_000,
        description="maximum hold time in a stream [ms], checked on each event; default: no limit",
    )
    at_limit: Literal["release", "mask"] = Field(
        default="release",
        description=(
            "what happens to a word beyond these limits: check and release what has arrived, or mask the whole word"
        ),
    )
    masking: Masking = Field(default=Masking(), description="format of masks")
    message: str = Field(
        default="Content blocked: it contains personal data.", description="message for the client on block"
    )

    def key_files(self) -> Iterator[tuple[KeyPath, str]]:
        """The key of its hashes."""
        if self.masking.type is MaskType.HASH and self.masking.key_file is not None:
            yield ("masking", "key_file"), self.masking.key_file

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """Masks and limits without effect, and invalid recognizers."""
        masking, masks = self.masking, (*at, "masking")
        if masking.key_file is not None and masking.type is not MaskType.HASH:
            hint = "Remove it, or write `type: hash`."
            yield places.problem((*masks, "key_file"), "only masks of type `hash` have a key", hint=hint)
        if masking.type is MaskType.REVERSIBLE and self.on == "response":
            found = "nothing to restore: the guard does not check requests"
            yield places.problem((*masks, "type"), found, hint="Write `on: both`, or another `type`.")
        if masking.type is not MaskType.TYPE and self.action == "block":
            hint = "Remove it, or write `action: mask`."
            yield places.problem((*masks, "type"), "a guard that blocks writes no masks", hint=hint)
        if self.hold_ms_max is not None and self.on == "request":
            hint = "Remove it, or write `on: both`."
            yield places.problem((*at, "hold_ms_max"), "only response text is held back", hint=hint)
        yield from self._recognizer_problems((*at, "recognizers"), places)

    def _recognizer_problems(self, at: KeyPath, places: Places) -> Iterator[Problem]:
        first: dict[str, KeyPath] = {}
        for index, recognizer in enumerate(self.recognizers):
            name: KeyPath = (*at, index, "name")
            if recognizer.name in ENTITIES:
                found = f"{shown(recognizer.name)} is a built-in type"
                yield places.problem(name, found, hint="Give it another name.")
            elif recognizer.name in first:
                found = f"duplicate name, first on {places.line(first[recognizer.name], name)}"
                yield places.problem(name, found, hint="Write both patterns as one, with `|` between.")
            first.setdefault(recognizer.name, name)
            mistake = pattern_mistake(recognizer.pattern)
            if mistake is not None:
                yield places.problem((*at, index, "pattern"), mistake[0], hint=mistake[1])
