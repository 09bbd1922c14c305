"""Upper bounds for the tokens of one exchange: larger counts of a server are not trusted, and not billed."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from extproc.domain.usage import Usage


class UsageBounds(NamedTuple):
    """More than any honest count. [tokens]"""

    prompt: int
    completion: int

    def within(self, usage: Usage) -> Usage:
        """The usage itself if it is within bounds; otherwise capped, and marked as an estimate."""
        if usage.prompt <= self.prompt and usage.completion <= self.completion and usage.cached <= usage.prompt:
            return usage
        prompt, completion = min(usage.prompt, self.prompt), min(usage.completion, self.completion)
        return replace(
            usage,
            prompt=prompt,
            completion=completion,
            cached=min(usage.cached, prompt),
            reasoning=min(usage.reasoning, completion),
            estimated=True,
        )
