"""The section of the guard against prompt injection."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.guards.base import GuardSection


class InjectionGuard(GuardSection):
    """Looks for prompt injection and jailbreaks in what users, tools and documents say."""

    guard: Literal["injection"]
    on: Literal["request"] = Field(default="request", description="direction")
    action: Literal["block", "flag", "shadow"] = Field(
        default="block", description="refuse the request, only report, or only count"
    )
    message: str = Field(
        default="The request was refused: it looks like an attempt to override the instructions of the model.",
        description="what the client reads",
    )
