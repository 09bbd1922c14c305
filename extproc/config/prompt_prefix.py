"""The beginning of a prompt that all requests of a version share: what the server's prefix cache can reuse.

vLLM caches whole blocks of tokens, from the beginning of a request to the first difference. So a variable that differs
between requests ends what is shared. ``model`` and ``version`` are those of the version, and ``date`` changes once a
day: they end nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from extproc.config.document import Document
from extproc.config.problems import Places, Problem, Severity, shown
from extproc.config.prompt_files import compiled_prompt
from extproc.config.prompt_template import CompiledPrompt
from extproc.config.prompts import prompts_of
from extproc.domain.token_rates import TokenRates

STEADY: Final = frozenset({"date", "model", "version"})
"""Variables that do not differ between the requests of a version on one day."""
BLOCK_BYTES: Final = 64
"""About the 16 tokens that vLLM caches as one; less is nothing to lose."""


@dataclass(frozen=True, slots=True)
class SharedPrefix:
    """What requests share of the constant text of a prompt.

    Attributes:
        variable: that ends it; empty: none does.
    """

    shared_bytes: int
    constant_bytes: int
    variable: str

    @property
    def is_small(self) -> bool:
        """Whether the larger part of the constant text stands behind a variable that differs."""
        lost = self.constant_bytes - self.shared_bytes
        return lost >= BLOCK_BYTES and lost > self.shared_bytes


def shared_prefix(prompt: CompiledPrompt) -> SharedPrefix:
    """What requests share of a prompt."""
    shared, variable = 0, ""
    for part in prompt.parts:
        if isinstance(part, str):
            shared += len(part.encode())
        elif part.name not in STEADY:
            variable = part.name
            break
    return SharedPrefix(shared, len(prompt.constant_text.encode()), variable)


def estimated_tokens(utf8_bytes: int) -> int:
    """Tokens of a text in a current vocabulary."""
    return round(utf8_bytes * TokenRates().per_prompt_byte)


def prefix_warning(prefix: SharedPrefix) -> tuple[str, str]:
    """The warning about a prefix that is small, and its hint."""
    found = (
        f"the variable {shown(prefix.variable)} stands behind {prefix.shared_bytes} of {prefix.constant_bytes} constant"
        " bytes, so requests share little of the prompt in the server's prefix cache"
    )
    return found, "Move variables to its end."


def prefix_problems(document: Document, contents: Mapping[str, str], places: Places) -> Iterator[Problem]:
    """A warning for each prompt of which requests share little.

    Args: contents: of each prompt, by ``Prompt.key``.
    """
    seen: set[str] = set()
    for path, prompt in prompts_of(document):
        if prompt.file is None and prompt.key not in seen:
            seen.add(prompt.key)
            prefix = shared_prefix(compiled_prompt(prompt, contents))
            if prefix.is_small:
                found, hint = prefix_warning(prefix)
                yield places.problem((*path, "version"), found, hint=hint, severity=Severity.WARNING)
