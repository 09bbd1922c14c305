"""The section of the guard against answers that repeat the system prompt."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.guards.base import GuardSection


class PromptLeakGuard(GuardSection):
    """Looks for runs of words of the system prompt in answers."""

    guard: Literal["prompt_leak"]
    on: Literal["response"] = Field(default="response", description="direction")
    action: Literal["mask", "block", "flag", "shadow"] = Field(
        default="block", description="replace the run by <PROMPT>, end the answer, only report, or only count"
    )
    of: Literal["version", "client", "both"] = Field(
        default="version",
        description="whose system prompt: the version's own, the client's (its first 16,384 characters), or both",
    )
    words_min: int = Field(
        default=12, ge=4, le=100, description="how many words in a row are a leak; a prompt with fewer is not judged"
    )
    message: str = Field(
        default="The answer was ended: it repeats the instructions of the model.",
        description="what the client reads on block",
    )
