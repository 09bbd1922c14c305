"""Coefficients of steps by windows between scrapes: an equation for each, with the steps that the server counted in it.

The product fits by exchanges. Windows need one counter more (``vllm:iteration_tokens_total_count``), and show what the
time between scrapes is worth.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from extproc.allocation.calibration import work_in_spans
from extproc.allocation.intervals import Intervals
from extproc.allocation.served import ServedExchanges
from extproc.allocation.step_costs import StepCosts
from extproc.allocation.step_fit import fit_steps
from extproc.allocation.timeline import timeline_of, up_to
from extproc.statistics.arrays import Floats, Ints

_BUSY_SHARE_MIN: Final = 0.05


def calibrated_by_windows(served: ServedExchanges, scrapes_us: Ints, steps: Floats, chunk_tokens: int) -> StepCosts:
    """Fit the costs of a step of one server.

    Args: scrapes_us: rising. steps: in which anything was decoded, up to each scrape.
    """
    timeline = timeline_of(served, np.array([np.min(served.start_us), np.max(served.last_us) + 1]))
    counted = np.interp(timeline.cuts_us, scrapes_us, steps)
    works = [up_to(work) for work in work_in_spans(timeline, counted, chunk_tokens)]
    columns = [np.diff(np.interp(scrapes_us, timeline.cuts_us, work)) for work in works]
    busy = Intervals.union(served.start_us, served.last_us).within(scrapes_us).astype(np.float64)
    used = busy > _BUSY_SHARE_MIN * np.diff(scrapes_us)
    equations = np.maximum(np.column_stack((np.diff(steps), *columns)), 0.0)
    return costs_of(fit_steps(equations[used], busy[used]).coefficients, chunk_tokens)


def costs_of(coefficients: Floats, chunk_tokens: int) -> StepCosts:
    """Costs, of which a step is at least a microsecond."""
    step, prefill_token, sequence, kv_token, attention_pair = coefficients.tolist()
    return StepCosts(max(step, 1.0), prefill_token, sequence, kv_token, attention_pair, chunk_tokens)
