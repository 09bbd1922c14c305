"""The section of the guard against harmful content."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.guards.base import GuardSection, On

HarmCategory = Literal["violence", "self_harm", "sexual", "hate", "weapons", "drugs", "cyber", "crime"]


class HarmSection(GuardSection):
    """Detects requests for harm, and abuse, in text from users, tools, documents and the model."""

    guard: Literal["harm"]
    on: On = Field(default="both", description="direction")
    action: Literal["block", "flag", "shadow"] = Field(
        default="flag", description="reject the request or stop the response, only report, or only count"
    )
    categories: tuple[HarmCategory, ...] = Field(
        default=("violence", "self_harm", "sexual", "hate", "weapons", "drugs", "cyber", "crime"),
        min_length=1,
        description="what to detect; hate includes abuse and harassment; crime includes fraud, theft and deceit",
    )
    threshold: float = Field(
        default=0.5,
        ge=0.05,
        le=0.99,
        description="lowest score that counts: a higher threshold finds less, with fewer false alarms",
    )
    message: str = Field(
        default="Content blocked: it looks harmful or asks for something harmful.",
        description="message for the client on block",
    )
