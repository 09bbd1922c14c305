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
    """A topic, defined by weighted words."""

    name: Name = Field(description="name in metrics")
    words: dict[Phrase, Weight] = Field(
        min_length=1,
        max_length=5_000,
        description="words and phrases with their weights; a trailing `*` on a word matches any ending",
    )


class TopicsSection(GuardSection):
    """Restricts conversations to some topics, and keeps others out."""

    guard: Literal["topics"]
    on: On = Field(default="request", description="direction; allowed topics apply to requests only")
    action: Literal["block", "flag", "shadow"] = Field(
        default="block", description="reject the request or stop the response, only report, or only count"
    )
    deny: tuple[Topic, ...] = Field(default=(), description="denied topics")
    allow: tuple[Topic, ...] = Field(
        default=(), description="the user's last message must touch one of these topics; empty: any topic"
    )
    threshold: float = Field(
        default=0.2, gt=0, le=1, description="lowest weight of a denied topic that counts as a match, as a share"
    )
    words_min: int = Field(default=8, ge=1, description="shorter messages are never off topic, in words")
    speakers: tuple[SpeakerName, ...] = Field(
        default=("user",), min_length=1, description="request roles in which denied topics are detected"
    )
    message: str = Field(
        default="Request blocked: its topic is not allowed here.",
        description="message for the client",
    )

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """A guard without topics, or with topics that never apply."""
        if not self.allow and not self.deny:
            hint = "Give it allow, deny or both."
            yield places.problem(at, "the guard has no topic, so it checks nothing", hint=hint, at_key=True)
        if self.allow and self.on == "response":
            hint = "Use `on: request` or `on: both`."
            yield places.problem((*at, "on"), "topics that are allowed are looked for in requests only", hint=hint)
        elif self.on != "request" and not self.deny:
            hint = "Give it deny, or use `on: request`."
            yield places.problem((*at, "on"), "only denied topics are looked for in answers", hint=hint)
