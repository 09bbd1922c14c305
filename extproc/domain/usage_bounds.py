"""How many tokens one exchange can have: what a server counts beyond that is not believed, and not billed."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from extproc.domain.usage import Usage


class UsageBounds(NamedTuple):
    """More than any server that counts honestly says. [tokens]"""

    prompt: int
    completion: int

    def within(self, usage: Usage) -> Usage:
        """The usage itself where it fits; else what of it does, as an estimate."""
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
