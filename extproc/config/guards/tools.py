"""The section of the guard for tools: which may be offered to the model and called by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from extproc.config.guards.base import Around, GuardSection, On
from extproc.config.guards.judged import both_ways
from extproc.config.problems import KeyPath, Places, Problem

ToolName = Annotated[
    str,
    StringConstraints(pattern=r"^([^\s*]+\*?|\*)$", max_length=257),
    Field(json_schema_extra={"patternErrorMessage": "the name of a tool, or its beginning and `*`, such as `files_*`"}),
]


class ToolsSection(GuardSection):
    """Allows and denies tools by name; deny takes precedence."""

    guard: Literal["tools"]
    on: On = Field(default="both", description="direction: tool definitions and choice in requests, calls in responses")
    action: Literal["block", "flag", "shadow"] = Field(
        default="block", description="reject the request or stop the response, only report, or only count"
    )
    allow: tuple[ToolName, ...] | None = Field(
        default=None,
        description="allowed tools; built-in tools by type, MCP servers as mcp:LABEL. Default: all",
    )
    deny: tuple[ToolName, ...] = Field(default=(), description="denied tools")
    message: str = Field(
        default="Request blocked: it uses a tool that is not allowed here.",
        description="message for the client",
    )

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """A guard without tools, or a tool both allowed and denied."""
        if self.allow is None and not self.deny:
            hint = "Give it allow, deny or both."
            yield places.problem(at, "the guard names no tool, so it checks nothing", hint=hint, at_key=True)
        yield from both_ways("tool", self.allow or (), self.deny, at, places)
