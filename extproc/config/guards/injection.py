"""The section of the guard against prompt injection."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.guards.base import GuardSection


class InjectionGuard(GuardSection):
    """Looks for prompt injection and jailbreaks in what users, tools and documents say; in definitions if asked."""

    guard: Literal["injection"]
    on: Literal["request"] = Field(default="request", description="direction")
    action: Literal["block", "flag", "shadow"] = Field(
        default="block", description="refuse the request, only report, or only count"
    )
    message: str = Field(
        default="The request was refused: it looks like an attempt to override the instructions of the model.",
        description="what the client reads",
    )
    block_threshold: float = Field(
        default=0.5, gt=0, le=1, description="what users say leads to the action from this score on"
    )
    flag_threshold: float = Field(default=0.25, gt=0, le=1, description="and is reported from this score on")
    tool_block_threshold: float = Field(
        default=0.35, gt=0, le=1, description="what tools and documents say leads to the action from this score on"
    )
    tool_flag_threshold: float = Field(default=0.15, gt=0, le=1, description="and is reported from this score on")
    tool_definitions: bool = Field(
        default=False,
        description="whether definitions of tools and schemas are judged too, with the thresholds for tools",
    )
    model: bool = Field(default=True, description="whether the shipped model judges too, or patterns alone")
    fence: bool = Field(
        default=False,
        description="whether free text of tools and documents goes on between marks that call it data (not in shadow)",
    )
