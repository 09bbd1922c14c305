"""Texts, and where they come from: the one shape in which every filter sees every dialect."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol, cast


class Direction(StrEnum):
    """Which half of the exchange a text belongs to."""

    REQUEST = "request"
    RESPONSE = "response"


class Speaker(StrEnum):
    """Whose words a text is."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    DOCUMENT = "document"
    DEFINITION = "definition"  # tool definitions, schemas, stop words: written by the application


class Kind(StrEnum):
    """What a text is for."""

    CONTENT = "content"
    REASONING = "reasoning"
    REFUSAL = "refusal"
    NAME = "name"
    JSON = "json"  # text that is itself JSON: tool arguments, structured values
    ASIDE = "aside"  # beside the choices: errors, and fields of an answer that no dialect names


class TextSource(NamedTuple):
    """One channel: a text that is continuous, whole or in pieces.

    ``choice`` is the answer's choice (or output) index and ``part`` the index of a tool call, block or content part in
    it.
    """

    direction: Direction
    speaker: Speaker
    kind: Kind
    choice: int = 0
    part: int = 0


class Stage(Protocol):
    """One filter at work on one channel. Cut-invariant: the total released depends on the total fed, not on the cuts.

    After ``rejected`` has become true the stage is not fed again; what it released before stands.
    """

    rejected: bool

    def feed(self, text: str) -> str:
        """Take the next piece, return what may be released now."""
        ...

    def close(self) -> str:
        """The text is complete: return the rest. The stage may then be fed another text of the same channel."""
        ...

    def held(self) -> str:
        """What was fed and is not yet released; a filter that fails open gives it back unjudged."""
        ...

    def fork(self) -> Stage:
        """A stage in the same state that reports nothing: it is asked what would come of the text."""
        ...


class YieldingStage(Stage, Protocol):
    """A stage that can be told to wait no longer, for instance because the model has stalled."""

    def give_up(self) -> str:
        """Release what is held, or what stands in its place. This alone may depend on cuts: it depends on time."""
        ...


class CutStage(Stage, Protocol):
    """A stage to which it matters that a text was cut off: what stands at its end may be the beginning of something."""

    def close_cut(self) -> str:
        """As ``close``, of a text that ended where it was not to end."""
        ...


def close_stage(stage: Stage, cut_off: bool) -> str:
    """What a stage releases at the end of its text."""
    if cut_off and hasattr(stage, "close_cut"):
        return cast("CutStage", stage).close_cut()
    return stage.close()


def yielding(stage: Stage) -> YieldingStage | None:
    """The stage, if it can be told to wait no longer."""
    return cast("YieldingStage", stage) if hasattr(stage, "give_up") else None
