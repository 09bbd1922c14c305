"""The rules by which busy time is divided, by the names that results are stored with.

A rule that changes gets another name: a bill that was sent stays what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from extproc.allocation.even_ps import even_ps
from extproc.allocation.prefill_decode import prefill_decode_split
from extproc.allocation.shares import Shares
from extproc.allocation.step_costs import StepCosts
from extproc.allocation.timeline import Timeline
from extproc.allocation.token_prices import tokens_1_2p5
from extproc.allocation.weighted_ps import weighted_ps


class AllocationMethod(Protocol):
    """Says what each exchange has of each slice; only the relations within a slice count."""

    def __call__(self, timeline: Timeline, costs: StepCosts, /) -> Shares:
        """Weights, at least 0, of all exchanges in all slices that they touch."""


METHODS: Final[Mapping[str, AllocationMethod]] = MappingProxyType(
    {
        "weighted_ps_v1": weighted_ps,
        "even_ps": even_ps,
        "tokens_1_2p5": tokens_1_2p5,
        "prefill_decode_split": prefill_decode_split,
    }
)
DEFAULT_METHOD: Final = "weighted_ps_v1"
