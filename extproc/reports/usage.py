"""What a group of entries used in a period. Usages of parts add up to that of the whole, to the token."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final


class Measure(StrEnum):
    """What groups are ordered by, and what a change is a change of."""

    COST = "cost"
    TOKENS = "tokens"
    REQUESTS = "requests"


@dataclass(slots=True, kw_only=True)
class GroupUsage:
    """Sums over entries; names are those of the ledger's columns.

    Attributes:
        exchanges: that reached a model.
        refused: requests that were refused before; the ledger has them with ``ledger.refused``. Of all figures only
            ``findings`` count theirs too.
        failed: exchanges whose answer was neither complete nor cut by a guard.
        estimated: exchanges of which the processor estimated some tokens.
        prompt_tokens: including cached ones; ``completion_tokens`` include those of reasoning.
        refusals: of the model.
    """

    exchanges: int = 0
    refused: int = 0
    failed: int = 0
    estimated: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cost_micro_usd: int = 0
    refusals: int = 0
    findings: int = 0

    @property
    def tokens(self) -> int:
        """Input and output."""
        return self.prompt_tokens + self.completion_tokens

    def add(self, other: GroupUsage) -> None:
        """Add that of another part."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


COUNTS: Final = tuple(one.name for one in fields(GroupUsage))
