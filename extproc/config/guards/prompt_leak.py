"""The section of the guard for responses that repeat the system prompt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from extproc.config.guards.base import Around, GuardSection
from extproc.config.problems import KeyPath, Places, Problem


class PromptLeakSection(GuardSection):
    """Detects runs of words from the system prompt in responses."""

    guard: Literal["prompt_leak"]
    on: Literal["response"] = Field(default="response", description="direction")
    action: Literal["mask", "block", "flag", "shadow"] = Field(
        default="block", description="replace the run with <PROMPT>, stop the response, only report, or only count"
    )
    of: Literal["version", "client", "both"] = Field(
        default="version",
        description="protected system prompt: the version's, the client's (first 16,384 characters), or both",
    )
    words_min: int = Field(
        default=12,
        ge=4,
        le=100,
        description="minimum consecutive words that count as a leak; shorter prompts are not checked",
    )
    message: str = Field(
        default="Response stopped: it repeats the system prompt.",
        description="message for the client on block",
    )

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """No prompt that could leak."""
        if self.of == "version" and not around.has_prompt:
            hint = "Give a version a `prompt:`, or write `of: client`."
            yield places.problem(at, "no version has a prompt that could leak", hint=hint, at_key=True)
