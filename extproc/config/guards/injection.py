"""The section of the guard against prompt injection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from extproc.config.guards.base import Around, GuardSection
from extproc.config.problems import KeyPath, Places, Problem


class InjectionGuard(GuardSection):
    """Looks for prompt injection and jailbreaks in what users, tools and documents say; in definitions if asked."""

    guard: Literal["injection"]
    on: Literal["request"] = Field(default="request", description="direction")
    action: Literal["block", "flag", "shadow"] = Field(
        default="block", description="refuse the request, only report, or only count"
    )
    message: str = Field(
        default="Request blocked: it looks like a prompt injection attempt.",
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

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """What is refused is reported too, and shadow changes nothing."""
        for prefix in ("", "tool_"):
            flag, block = f"{prefix}flag_threshold", f"{prefix}block_threshold"
            if getattr(self, flag) > getattr(self, block):
                given = flag if flag in self.model_fields_set else block
                found = f"{flag} is {getattr(self, flag):g}, above {block}, which is {getattr(self, block):g}"
                hint = f"A score from {flag} on is reported, from {block} on acted upon: the first is the lower one."
                yield places.problem((*at, given), found, hint=hint)
        if self.fence and self.action == "shadow":
            hint = "Set `action: flag`, or leave `fence:` out."
            yield places.problem((*at, "fence"), "in shadow nothing is changed, so nothing is fenced", hint=hint)
