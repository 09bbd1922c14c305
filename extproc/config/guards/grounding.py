"""The section of the guard that holds answers against what the request brought along."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.guards.base import GuardSection


class GroundingGuard(GuardSection):
    """Looks for numbers, names, addresses, citations and words in answers that the request's documents do not have."""

    guard: Literal["grounding"]
    on: Literal["response"] = Field(default="response", description="direction")
    action: Literal["flag", "shadow"] = Field(default="flag", description="report, or only count")
    context_chars_min: int = Field(
        default=1_000,
        ge=1,
        le=1_000_000,
        description="without documents and results of tools: how long a user's text must be to be held against",
    )
    context_chars_max: int = Field(
        default=100_000,
        ge=1_000,
        le=1_000_000,
        description="answers to requests with more text than this are not judged, and counted as `skipped_too_long`",
    )
    unsupported_percent_min: int = Field(
        default=50, ge=1, le=100, description="share of items that occur nowhere in the request, to be UNSUPPORTED"
    )
    items_min: int = Field(default=3, ge=1, le=100, description="how many items an answer must have for that")
    novel_words_percent_min: int = Field(
        default=50,
        ge=1,
        le=100,
        description="share of new words, frequent ones left out and short answers given less, to be NOVEL_WORDS",
    )
