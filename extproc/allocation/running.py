"""When exchanges ran, from what a proxy sees of them.

A proxy knows when it sent a request, when the first text of a stream arrived, and when the answer had ended. It does
not know how long a request waited at the server, so a prefill that would have lasted much longer than its work takes is
cut at its begin: what waits computes nothing. A step computes several prompts, and their first tokens come at once; so
it counts the work of all of these. Of an answer that is no stream the first token is placed by its own work alone.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from extproc.allocation.served import ServedExchanges
from extproc.allocation.step_costs import StepCosts
from extproc.statistics.arrays import Floats, Ints

PREFILL_TIMES: Final = 1.5
"""A prefill lasts at most so many times the work of its steps, as others decode in these; and two steps more."""
STEPS_MORE: Final = 2.0
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


def running(seen: SeenExchanges, costs: StepCosts) -> RunExchanges:
    """When each ran. Those that had ended before they were sent, or at once, ran at no time, and are left out."""
    at = np.flatnonzero(is_possible(seen))
    sent, ended = seen.sent_us[at], seen.ended_us[at]
    prompt = np.maximum(seen.prompt[at], 0)
    cached = np.clip(seen.cached[at], 0, prompt)
    own = costs.prefill_us(prompt, cached) + costs.step * costs.chunks(prompt, cached)
    has_first = seen.first_us[at] != UNKNOWN
    first = np.where(has_first, np.clip(seen.first_us[at], sent, ended), np.minimum(ended, sent + _longest(own, costs)))
    start = np.maximum(sent, first - _longest(_of_steps(own, first, costs), costs))
    sequences, computed = np.maximum(seen.sequences[at], 1), np.maximum(seen.computed[at], 1.0)
    written = np.maximum(seen.written[at], 0)
    served = ServedExchanges(start, first, ended, prompt, cached, written, sequences, computed)
    order = np.lexsort((seen.number[at], ended, start))
    return RunExchanges(served.of(order), at[order])


def is_possible(seen: SeenExchanges) -> npt.NDArray[np.bool_]:
    """Whether each took any time."""
    return seen.ended_us > seen.sent_us


def _of_steps(own: Floats, first: Ints, costs: StepCosts) -> Floats:
    """The work of all prefills that ended in the same step: each lasts as long as all of it takes."""
    order = np.lexsort((own, first))
    at, up_to_each = first[order], np.concatenate((np.zeros(1), np.cumsum(own[order])))
    near = round(costs.step)
    return up_to_each[np.searchsorted(at, first + near, "right")] - up_to_each[np.searchsorted(at, first - near)]


def _longest(own: Floats, costs: StepCosts) -> Ints:
    return np.ceil(PREFILL_TIMES * own + STEPS_MORE * costs.step).astype(np.int64)
