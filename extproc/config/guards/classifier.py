"""The section of the guard that has texts judged by a classifier, beside the exchange or before it goes on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.guards.base import GuardSection, On
from extproc.config.section import Name

SpeakerName = Literal["system", "user", "assistant", "tool", "document", "definition"]


class ClassifierGuard(GuardSection):
    """Has texts judged by one of `classifiers`: beside the exchange, or with `await_ms` before it goes on."""

    guard: Literal["classifier"]
    classifier: Name = Field(description="which of `classifiers` judges")
    on: On = Field(default="both", description="direction; with `await_ms` only the request")
    action: Literal["block", "flag", "shadow"] = Field(
        default="flag", description="report, only count, or refuse the request, for which `await_ms` is needed"
    )
    await_ms: int | None = Field(
        default=None, ge=1, le=60_000, description="how long a request waits for the verdict; then `on_error` decides"
    )
    sample: float = Field(default=1.0, ge=0, le=1, description="share of exchanges that is judged")
    speakers: tuple[SpeakerName, ...] = Field(
        default=("user", "tool", "document"), min_length=1, description="whose texts of a request are judged"
    )
    against: Literal["documents"] | None = Field(
        default=None,
        description="hold answers against the documents and results of tools in their request, by a classifier that "
        "judges pairs",
    )
    context_chars_min: int = Field(
        default=1_000,
        ge=1,
        le=1_000_000,
        description="with `against`: without documents, how long a user's text must be to be held against",
    )
    context_chars_max: int = Field(
        default=32_000,
        ge=1_000,
        le=1_000_000,
        description="with `against`: answers to more text than this are not judged, and counted as `skipped_too_long`",
    )
    texts_max: int = Field(
        default=16,
        ge=1,
        le=1_000,
        description="texts of a request that are judged, the last ones; coverage tells of more",
    )
    chars_max: int = Field(
        default=8_000, ge=100, le=1_000_000, description="how much of a text is judged; coverage tells of longer ones"
    )
    message: str = Field(
        default="The request was refused by a safety check.", description="what the client reads on block"
    )
