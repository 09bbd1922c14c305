"""The section of the guard for oversized requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from extproc.config.guards.base import Around, GuardSection
from extproc.config.problems import KeyPath, Places, Problem


class SizeSection(GuardSection):
    """Limits the size of a request."""

    guard: Literal["size"]
    on: Literal["request"] = Field(default="request", description="direction")
    action: Literal["block", "flag", "shadow"] = Field(
        default="block", description="reject the request, only report, or only count"
    )
    chars_max: int | None = Field(
        default=None, ge=1, description="maximum characters of all texts, including tool definitions; default: no limit"
    )
    message_chars_max: int | None = Field(
        default=None, ge=1, description="maximum characters of one message; default: no limit"
    )
    messages_max: int | None = Field(
        default=None,
        ge=1,
        description="maximum messages of a chat, or input items of the responses API; default: no limit",
    )
    tools_max: int | None = Field(default=None, ge=0, description="maximum tool definitions; default: no limit")

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """A guard without a limit, or a limit that contradicts another."""
        limits = (self.chars_max, self.message_chars_max, self.messages_max, self.tools_max)
        if limits == (None,) * len(limits):
            hint = "Give it one of chars_max, message_chars_max, messages_max, tools_max."
            yield places.problem(at, "the guard has no limit, so it checks nothing", hint=hint, at_key=True)
        if self.chars_max is not None and (self.message_chars_max or 0) > self.chars_max:
            found = "a message may be longer than all texts together"
            hint = "Lower it, or raise chars_max."
            yield places.problem((*at, "message_chars_max"), found, hint=hint)
