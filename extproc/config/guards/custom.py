"""The section of a guard whose detector comes from another package."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from extproc.config.guards.base import GuardSection, On
from extproc.config.section import Name


class CustomSection(GuardSection):
    """Runs a detector from an installed package."""

    guard: Literal["custom"]
    detector: Name = Field(description="entry point in the group `llm_extproc.detectors`")
    settings: dict[str, Any] = Field(default={}, description="constructor arguments of its class")
    on: On = Field(default="both", description="direction")
    action: Literal["mask", "block", "flag", "shadow"] = Field(
        default="flag", description="replace with <KIND>, reject, only report, or only count"
    )
    message: str = Field(
        default="Content blocked: it contains something that is not allowed here.",
        description="message for the client on block",
    )
