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
    masking: Masking = Field(default=Masking(), description="what a mask looks like")
    message: str = Field(
        default="The text was refused: it holds personal data.", description="what the client reads on block"
    )
