"""The section of the guard that counts refusals."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.guards.base import GuardSection


class RefusalSection(GuardSection):
    """Counts responses in which the model does not do what was asked, by kind."""

    guard: Literal["refusal"]
    on: Literal["response"] = Field(default="response", description="direction")
    action: Literal["flag", "shadow"] = Field(default="flag", description="report, or only count")
    prefix_chars: int = Field(default=300, ge=20, le=4_000, description="how much of the beginning is checked")
