"""The section of the guard that checks responses against the context in their request."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.guards.base import GuardSection


class GroundingSection(GuardSection):
    """Detects numbers, names, addresses, citations and words in responses that the documents lack or contradict."""

    guard: Literal["grounding"]
    on: Literal["response"] = Field(default="response", description="direction")
    action: Literal["flag", "shadow"] = Field(default="flag", description="report, or only count")
    context_chars_min: int = Field(
        default=1_000,
        ge=1,
        le=1_000_000,
        description="minimum length of a user's text to serve as context without documents and tool results",
    )
    context_chars_max: int = Field(
        default=100_000,
        ge=1_000,
        le=1_000_000,
        description="skip responses with more context than this; counted as `skipped_too_long`",
    )
    unsupported_percent_min: int = Field(
        default=50,
        ge=1,
        le=100,
        description="share of items missing from the request that makes a response UNSUPPORTED",
    )
    items_min: int = Field(default=3, ge=1, le=100, description="minimum items in a response for UNSUPPORTED")
    novel_words_percent_min: int = Field(
        default=50,
        ge=1,
        le=100,
        description=(
            "share of new words that makes a response NOVEL_WORDS; frequent words do not count, names and numbers "
            "count twice, short responses are weighted down"
        ),
    )
    contradictions: bool = Field(
        default=True,
        description="report CONTRADICTED for a sentence that restates one of a document with another value, month, name"
        " or negation",
    )
