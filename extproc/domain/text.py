"""Texts and their sources: the shape in which every filter sees every dialect."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol, cast


class Direction(StrEnum):
    """The half of the exchange that a text belongs to."""

    REQUEST = "request"
    RESPONSE = "response"


class Speaker(StrEnum):
    """The role of a text's author."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    DOCUMENT = "document"
    DEFINITION = "definition"  # tool definitions, schemas, stop words: written by the application


class Kind(StrEnum):
    """The purpose of a text."""

    CONTENT = "content"
    REASONING = "reasoning"
    REFUSAL = "refusal"
    NAME = "name"
    JSON = "json"  # text that is itself JSON: tool arguments, structured values
    ASIDE = "aside"  # outside the choices: errors, and unknown fields of a response


class TextSource(NamedTuple):
    """One channel: a continuous text, whole or in pieces.

    ``choice`` is the index of the response's choice (or output), and ``part`` the index of a tool call, block or
    content part in it.
    """

    direction: Direction
    speaker: Speaker
    kind: Kind
    choice: int = 0
    part: int = 0


class Stage(Protocol):
    """One filter on one channel. Cut-invariant: the total released depends on the total fed, not on the cuts.

    Once ``rejected`` is true, the stage is not fed again; what it released before remains valid.
    """

    rejected: bool

    def feed(self, text: str) -> str:
        """Process the next piece, and return what may be released now."""
        ...

    def close(self) -> str:
        """The text is complete: return the rest. The stage may then be fed another text of the same channel."""
        ...

    def held(self) -> str:
        """Text fed and not yet released; a filter that fails open returns it unchecked."""
        ...

    def fork(self) -> Stage:
        """A stage in the same state without side effects, to find out what would become of a text."""
        ...


class YieldingStage(Stage, Protocol):
    """A stage that can be told to stop waiting, for example because the model has stalled."""

    def give_up(self) -> str:
        """Release the held text, or its replacement. Only this may depend on cuts, as it depends on time."""
        ...


class CutStage(Stage, Protocol):
    """A stage that distinguishes truncated texts: their end may be the beginning of a value."""

    def close_cut(self) -> str:
        """Like ``close``, for a truncated text."""
        ...


def close_stage(stage: Stage, cut_off: bool) -> str:
    """What a stage releases at the end of its text."""
    if cut_off and hasattr(stage, "close_cut"):
        return cast("CutStage", stage).close_cut()
    return stage.close()


def yielding(stage: Stage) -> YieldingStage | None:
    """The stage, if it can be told to stop waiting."""
    return cast("YieldingStage", stage) if hasattr(stage, "give_up") else None
