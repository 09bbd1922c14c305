"""The section of the guard against prompt injection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from extproc.config.guards.asking import AskingSection
from extproc.config.guards.base import Around
from extproc.config.problems import KeyPath, Places, Problem


class InjectionSection(AskingSection):
    """Detects prompt injection and jailbreaks in text from users, tools and documents; optionally in tool schemas."""

    guard: Literal["injection"]
    on: Literal["request"] = Field(default="request", description="direction")
    action: Literal["block", "flag", "shadow"] = Field(
        default="block", description="reject the request, only report, or only count"
    )
    message: str = Field(
        default="Request blocked: it looks like a prompt injection attempt.",
        description="message for the client",
    )
    block_threshold: float = Field(
        default=0.5, gt=0, le=1, description="lowest score of user text that triggers the action"
    )
    flag_threshold: float = Field(default=0.25, gt=0, le=1, description="lowest score of user text that is reported")
    tool_block_threshold: float = Field(
        default=0.35, gt=0, le=1, description="lowest score of text from tools and documents that triggers the action"
    )
    tool_flag_threshold: float = Field(
        default=0.25, gt=0, le=1, description="lowest score of text from tools and documents that is reported"
    )
    tool_definitions: bool = Field(
        default=False,
        description="check tool definitions and schemas too, with the tool thresholds",
    )
    model: bool = Field(default=True, description="use the packaged model as well as the patterns")
    fence: bool = Field(
        default=True,
        description="put free text of tools and documents between marks that tell a chat model it is data (not in"
        " shadow)",
    )

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """A flag threshold above its block threshold, a fence in shadow mode, and what cannot be asked."""
        yield from super().problems(at, around, places)
        for prefix in ("", "tool_"):
            flag, block = f"{prefix}flag_threshold", f"{prefix}block_threshold"
            if getattr(self, flag) > getattr(self, block):
                given = flag if flag in self.model_fields_set else block
                found = f"{flag} is {getattr(self, flag):g}, above {block}, which is {getattr(self, block):g}"
                hint = f"A score from {flag} on is reported, from {block} on acted upon: the first is the lower one."
                yield places.problem((*at, given), found, hint=hint)
        if self.fence and "fence" in self.model_fields_set and self.action == "shadow":
            hint = "Set `action: flag`, or leave `fence:` out."
            yield places.problem((*at, "fence"), "shadow changes nothing, so nothing is fenced", hint=hint)
