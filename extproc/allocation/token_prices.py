"""Method ``tokens_1_2p5``: by tokens at flat prices, 1 for one of the prompt and 2.5 for one that was written.

It is what most bills do. Cached tokens count like others.
"""

from __future__ import annotations

from typing import Final

from extproc.allocation.shares import Shares, spread
from extproc.allocation.step_costs import StepCosts
from extproc.allocation.timeline import Timeline

WRITTEN_PRICE: Final = 2.5


def tokens_1_2p5(timeline: Timeline, _: StepCosts) -> Shares:
    """Weights, spread evenly over the time that an exchange runs."""
    served = timeline.served
    return spread(timeline, served.prompt + WRITTEN_PRICE * served.written)
