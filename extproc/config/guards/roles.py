"""The section of the guard for the roles that a request may contain."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.guards.base import GuardSection
from extproc.config.guards.judged import SpeakerName


class RolesSection(GuardSection):
    """Rejects messages of roles that clients may not use."""

    guard: Literal["roles"]
    on: Literal["request"] = Field(default="request", description="direction")
    action: Literal["block", "flag", "shadow"] = Field(
        default="block", description="reject the request, only report, or only count"
    )
    allowed: tuple[SpeakerName, ...] = Field(
        default=("user", "assistant", "tool", "document", "definition"),
        min_length=1,
        description=(
            "allowed roles: system includes developer and instructions; tool includes function; definition is "
            "whatever shapes the response: tools, schemas, stop words"
        ),
    )
    prefill: bool = Field(default=False, description="allow an assistant message at the end, which the model continues")
    message: str = Field(
        default="Request blocked: it contains a message with a role that is not allowed here.",
        description="message for the client",
    )
