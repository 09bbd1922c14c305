"""The section of the guard for banned words and phrases."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.guards.base import GuardSection, On
from extproc.config.guards.judged import ALL_SPEAKERS, Phrase, SpeakerName


class BannedSection(GuardSection):
    """Detects listed words and phrases in requests and responses."""

    guard: Literal["banned"]
    on: On = Field(default="both", description="direction")
    action: Literal["block", "mask", "flag", "shadow"] = Field(
        default="block", description="reject, replace with <BANNED>, only report, or only count"
    )
    phrases: tuple[Phrase, ...] = Field(
        min_length=1,
        max_length=50_000,
        description="whole words, in any case or disguise; a trailing `*` on a word matches any ending",
    )
    speakers: tuple[SpeakerName, ...] = Field(
        default=ALL_SPEAKERS, min_length=1, description="request roles that are checked"
    )
    message: str = Field(
        default="Content blocked: it contains a word or phrase that is not allowed here.",
        description="message for the client on block",
    )
