"""The section of the guard for personal data and secrets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.guards.base import GuardSection, On
from extproc.config.guards.masking import Masking

Entity = Literal["EMAIL", "PHONE", "CREDIT_CARD", "IBAN", "US_SSN", "IP_ADDRESS", "SECRET"]


class PiiGuard(GuardSection):
    """Looks for personal data and secrets in requests and answers."""

    guard: Literal["pii"]
    on: On = Field(default="both", description="direction")
    action: Literal["mask", "block", "flag", "shadow"] = Field(
        default="mask", description="replace by <TYPE>, refuse, only report, or only count"
    )
    entities: tuple[Entity, ...] = Field(
        default=("EMAIL", "PHONE", "CREDIT_CARD", "IBAN", "US_SSN", "IP_ADDRESS", "SECRET"),
        min_length=1,
        description="types looked for",
    )
    hold_chars_max: int = Field(
        default=2_048, ge=160, le=2_048, description="the most of an answer's text that is held back [characters]"
    )
    hold_ms_max: int | None = Field(
        default=None,
        ge=1,
        le=600_000,
        description="the longest that a streamed text is held back [ms], looked at when an event comes; default: as"
        " long as it takes",
    )
    at_limit: Literal["release", "mask"] = Field(
        default="release",
        description="what becomes of a word that is longer, or is held for longer: judged as far as it has come, and"
        " released, or masked as a whole",
    )
    masking: Masking = Field(default=Masking(), description="what a mask looks like")
    message: str = Field(
        default="The text was refused: it holds personal data.", description="what the client reads on block"
    )
