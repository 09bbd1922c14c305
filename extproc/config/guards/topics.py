"""The section of the guard for topics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from extproc.config.guards.base import Around, GuardSection, On
from extproc.config.guards.judged import Phrase, SpeakerName
from extproc.config.problems import KeyPath, Places, Problem
from extproc.config.section import Name, Section

Weight = Annotated[int, Field(ge=1, le=1_000)]


class Topic(Section):
    """Words that tell a topic."""

    name: Name = Field(description="what it is called in metrics")
    words: dict[Phrase, Weight] = Field(
        min_length=1,
        max_length=5_000,
        description="words and phrases with their weights; `*` at the end of a word stands for any ending",
    )


class TopicsGuard(GuardSection):
    """Keeps conversations to some topics, and away from others."""

    guard: Literal["topics"]
    on: On = Field(default="request", description="direction; topics that are allowed are looked for in requests only")
    action: Literal["block", "flag", "shadow"] = Field(
        default="block", description="refuse the request or end the answer, only report, or only count"
    )
    deny: tuple[Topic, ...] = Field(default=(), description="topics that are not to be spoken of")
    allow: tuple[Topic, ...] = Field(
        default=(), description="topics of which the last message of the user must touch one; empty: any"
    )
    threshold: float = Field(
        default=0.2, gt=0, le=1, description="the least share of a denied topic's weight that must be found"
    )
    words_min: int = Field(default=8, ge=1, description="a message of fewer words is never off topic")
    speakers: tuple[SpeakerName, ...] = Field(
        default=("user",), min_length=1, description="in whose texts of a request denied topics are looked for"
    )
    message: str = Field(
        default="Request blocked: its topic is not allowed here.",
        description="what the client reads",
    )

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """A guard without topics, or one that looks where it has none to look for."""
        if not self.allow and not self.deny:
            hint = "Give it allow, deny or both."
            yield places.problem(at, "the guard has no topic, so it judges nothing", hint=hint, at_key=True)
        if self.allow and self.on == "response":
            hint = "Use `on: request` or `on: both`."
            yield places.problem((*at, "on"), "topics that are allowed are looked for in requests only", hint=hint)
        elif self.on != "request" and not self.deny:
            hint = "Give it deny, or use `on: request`."
            yield places.problem((*at, "on"), "only denied topics are looked for in answers", hint=hint)
