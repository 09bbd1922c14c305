"""The section of the guard against requests that are too large to be meant."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.guards.base import GuardSection


class SizeGuard(GuardSection):
    """Limits how much a request may hold."""

    guard: Literal["size"]
    on: Literal["request"] = Field(default="request", description="direction")
    action: Literal["block", "flag", "shadow"] = Field(
        default="block", description="refuse the request, only report, or only count"
    )
    chars_max: int | None = Field(
        default=None, ge=1, description="characters of all texts together, definitions of tools too; left out: any"
    )
    message_chars_max: int | None = Field(default=None, ge=1, description="characters of one message; left out: any")
    messages_max: int | None = Field(
        default=None, ge=1, description="messages of a chat, or items of a response's input; left out: any"
    )
    tools_max: int | None = Field(default=None, ge=0, description="definitions of tools; left out: any")
