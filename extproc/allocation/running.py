"""When exchanges ran, from what a proxy sees of them.

A proxy knows when it sent a request, when the first text of a stream arrived, and when the answer had ended. It does
not know how long a request waited at the server, so a prefill that would have lasted much longer than its work takes is
cut at its begin: what waits computes nothing. A step computes several prompts, and their first tokens come at once; so
it counts the work of all of these. Of an answer that is no stream the first
token is placed by its own work, or if it waited for long by the steps that its tokens took, if the server counts them.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from extproc.allocation.counted_steps import NOT_COUNTED, CountedSteps
from extproc.allocation.served import ServedExchanges
from extproc.allocation.step_costs import StepCosts
from extproc.statistics.arrays import Floats, Ints

PREFILL_TIMES: Final = 1.5
"""A prefill lasts at most so many times the work of its steps, as others decode in these; and two steps more."""
STEPS_MORE: Final = 2.0
_LASTS_US_MAX: Final = float(1 << 52)
"""A prompt of which a server tells a number that no prompt has is longer than any integer of microseconds."""
UNKNOWN: Final = -(1 << 62)
"""A first token that nobody saw; no time."""


class SeenExchanges(NamedTuple):
    """Of one server, as the ledger has them; arrays of one length, in any order. Times count from one origin. [us]

    Attributes:
        number: orders exchanges of the same times; each is there once.
        sent_us: to the server. first_us: ``UNKNOWN`` without a stream. ended_us: the answer, or who asked had left.
        prompt, cached, written: tokens. sequences: answers at once; at least 1. computed: see ``ServedExchanges``.
    """

    number: Ints
    sent_us: Ints
    first_us: Ints
    ended_us: Ints
    prompt: Ints
    cached: Ints
    written: Ints
    sequences: Ints
    computed: Floats

    def joined(self, other: SeenExchanges) -> Self:
        """With others."""
        columns = {name: np.concatenate((column, getattr(other, name))) for name, column in self._asdict().items()}
        return self._replace(**columns)


class RunExchanges(NamedTuple):
    """``served`` in the one order that results depend on; ``place``: where each was among those that were seen."""

    served: ServedExchanges
    place: Ints


def running(seen: SeenExchanges, costs: StepCosts, counted: CountedSteps = NOT_COUNTED) -> RunExchanges:
    """When each ran. Those that had ended before they were sent, or at once, ran at no time, and are left out."""
    at = np.flatnonzero(is_possible(seen))
    sent, ended = seen.sent_us[at], seen.ended_us[at]
    prompt = np.maximum(seen.prompt[at], 0)
    cached = np.clip(seen.cached[at], 0, prompt)
    sequences, computed = np.maximum(seen.sequences[at], 1), np.maximum(seen.computed[at], 1.0)
    written = np.maximum(seen.written[at], 0)
    own = costs.prefill_us(prompt, cached) + costs.step * costs.chunks(prompt, cached)
    unseen = np.minimum(ended, sent + _longest(own, costs))
    if len(counted.at_us) > 1:
        unseen = np.where(computed == 1.0, _after_a_queue(unseen, ended, written / sequences, counted), unseen)
    first = np.where(seen.first_us[at] == UNKNOWN, unseen, np.clip(seen.first_us[at], sent, ended))
    start = np.maximum(sent, first - _longest(_of_steps(own, first, costs), costs))
    served = ServedExchanges(start, first, ended, prompt, cached, written, sequences, computed)
    order = np.lexsort((seen.number[at], ended, start))
    return RunExchanges(served.of(order), at[order])


def is_possible(seen: SeenExchanges) -> npt.NDArray[np.bool_]:
    """Whether each took any time."""
    return seen.ended_us > seen.sent_us


def _after_a_queue(first: Ints, ended: Ints, tokens: Floats, counted: CountedSteps) -> Ints:
    """First tokens that nobody saw, of answers that waited at the server.

    An answer takes a step for each token, so its first token is so many steps before its last one. Between two samples
    steps are only spread evenly; so this counts where it shows a longer wait than samples are apart.

    Args: first: without a queue. tokens: of each sequence.
    """
    at_us, steps = counted
    begun = np.interp(ended, at_us, steps) - np.maximum(tokens - 1.0, 0.0)
    before = np.clip(np.searchsorted(steps, begun, "right") - 1, 0, len(steps) - 2)
    apart = np.diff(at_us)[before]
    within = (begun - steps[before]) / np.maximum(np.diff(steps)[before], 1)
    by_steps = at_us[before] + np.rint(np.clip(within, 0.0, 1.0) * apart).astype(np.int64)
    is_known = (ended <= at_us[-1]) & (begun >= steps[0]) & (by_steps - first > apart)
    return np.where(is_known, np.minimum(by_steps, ended), first)


def _of_steps(own: Floats, first: Ints, costs: StepCosts) -> Floats:
    """The work of all prefills that ended in the same step: each lasts as long as all of it takes."""
    order = np.lexsort((own, first))
    at, up_to_each = first[order], np.concatenate((np.zeros(1), np.cumsum(own[order])))
    near = round(costs.step)
    return up_to_each[np.searchsorted(at, first + near, "right")] - up_to_each[np.searchsorted(at, first - near)]


def _longest(own: Floats, costs: StepCosts) -> Ints:
    return np.ceil(np.minimum(PREFILL_TIMES * own + STEPS_MORE * costs.step, _LASTS_US_MAX)).astype(np.int64)
