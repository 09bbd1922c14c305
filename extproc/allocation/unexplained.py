"""Work that a server counted, and no exchange of the ledger has: somebody reached it on another way.

Without it, those who are in the ledger would pay for those who are not. A server says no more than how many tokens it
computed and wrote between two answers, so what is missing there is taken to be one exchange, that ran as long as it
would have run alone.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from extproc.allocation.running import SeenExchanges
from extproc.allocation.served import ServedExchanges
from extproc.allocation.server_samples import UNKNOWN, ServerSamples
from extproc.allocation.step_costs import StepCosts
from extproc.statistics.arrays import Bools, Floats, Ints

PART_MIN: Final = 0.02
"""Of a server's tokens in a slice: less may be estimated tokens, or exchanges on the border of two answers."""
TOKENS_MIN: Final = 1_000
NO_ENTRY: Final = -1
"""Number of such an exchange: the ledger has none."""


def unexplained_work(
    samples: ServerSamples, served: ServedExchanges, borders_us: Ints, costs: StepCosts
) -> SeenExchanges:
    """What is missing, in each slice in which that is much; at most one exchange between two answers.

    Args: served: all that the ledger has of the server in this time, and around it. borders_us: of the slices.
    """
    is_whole = _same_process(samples)
    begin, end = samples.at_us[:-1][is_whole], samples.at_us[1:][is_whole]
    written = np.diff(samples.written)[is_whole] - np.diff(_written_up_to(served, samples.at_us))[is_whole]
    computed = np.diff(samples.computed)[is_whole] - np.diff(_computed_up_to(served, samples.at_us))[is_whole]
    counted = np.diff(samples.written)[is_whole] + np.diff(samples.computed)[is_whole]
    place = np.searchsorted(borders_us, begin, "right") - 1
    inside = (place >= 0) & (begin < borders_us[-1])
    slices = len(borders_us) - 1
    of_prompts, of_answers = (_kept(one[inside], place[inside], counted[inside], slices) for one in (computed, written))
    return _exchanges(begin[inside], end[inside], of_prompts, of_answers, costs)


def _same_process(samples: ServerSamples) -> Bools:
    """Between which answers both counters are those of one process."""
    known = (samples.written != UNKNOWN) & (samples.computed != UNKNOWN)
    same = (np.diff(samples.start_us) == 0) & (np.diff(samples.ready_us) == 0)
    rises = (np.diff(samples.written) >= 0) & (np.diff(samples.computed) >= 0)
    found: Bools = known[:-1] & known[1:] & same & rises
    return found


def _written_up_to(served: ServedExchanges, at_us: Ints) -> Floats:
    """Tokens of answers, each evenly from its first to its last."""
    lasts = np.maximum(served.last_us - served.first_us, 1)
    cuts = np.sort(np.concatenate((served.first_us, served.first_us + lasts)))
    rate = np.zeros(len(cuts))
    np.add.at(rate, np.searchsorted(cuts, served.first_us), served.written / lasts)
    np.subtract.at(rate, np.searchsorted(cuts, served.first_us + lasts), served.written / lasts)
    if not len(cuts):
        return np.zeros(len(at_us))
    sums = np.concatenate((np.zeros(1), np.cumsum(np.cumsum(rate)[:-1] * np.diff(cuts))))
    return np.interp(at_us, cuts, sums)


def _computed_up_to(served: ServedExchanges, at_us: Ints) -> Floats:
    """Tokens of prompts: a server counts them at the first token of an answer."""
    order = np.argsort(served.first_us)
    sums = np.concatenate((np.zeros(1), np.cumsum((served.prompt - served.cached)[order])))
    found: Floats = sums[np.searchsorted(served.first_us[order], at_us, "right")]
    return found


def _kept(missing: Floats, place: Ints, counted: Ints, slices: int) -> Ints:
    """What is missing in a slice, where that is much, shared over its answers as they miss it."""
    whole = np.bincount(place, missing, minlength=slices)
    tokens = np.bincount(place, counted, minlength=slices)
    whole = np.where((whole >= TOKENS_MIN) & (whole >= PART_MIN * tokens), whole, 0.0)
    over = np.maximum(missing, 0.0)
    sums = np.bincount(place, over, minlength=slices)
    part = np.divide(whole, sums, out=np.zeros(slices), where=sums > 0)
    return np.rint(over * np.minimum(part, 1.0)[place]).astype(np.int64)


def _exchanges(begin: Ints, end: Ints, computed: Ints, written: Ints, costs: StepCosts) -> SeenExchanges:
    some = (computed > 0) | (written > 0)
    begin, end, computed, written = begin[some], end[some], computed[some], written[some]
    none, one = np.zeros(len(begin), dtype=np.int64), np.ones(len(begin), dtype=np.int64)
    prefill = costs.prefill_us(computed, none) + costs.step * costs.chunks(computed, none)
    first = begin + _within(prefill, end - begin)
    decode = written * (costs.step + costs.sequence + costs.kv_token * (computed + written / 2.0))
    last = first + _within(decode, end - first)
    return SeenExchanges(none + NO_ENTRY, begin, first, last, computed, none, written, one, one.astype(np.float64))


def _within(time_us: Floats, most_us: Ints) -> Ints:
    """Whole microseconds; a counter that leaps has more work than any integer has time."""
    found: Ints = np.ceil(np.minimum(time_us, most_us)).astype(np.int64)
    return found
