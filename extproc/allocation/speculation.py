"""Speculative decoding: a step computes drafts too, which cost their server's time whether they are accepted or not."""

from __future__ import annotations

import numpy as np

from extproc.allocation.server_samples import UNKNOWN, ServerSamples
from extproc.statistics.arrays import Ints


def computed_tokens(samples: ServerSamples) -> float:
    """Tokens that a sequence computes in a step, on average: 1, and the drafts of those steps that have any.

    A server says it for all of its requests together, so each is taken to be like all.
    """
    drafts, tokens = _grown(samples.drafts), _grown(samples.draft_tokens)
    return 1.0 if drafts <= 0 or tokens <= 0 else 1.0 + tokens / drafts


def _grown(counter: Ints) -> int:
    """By how much a counter grew; where it fell, its server had started again."""
    known = counter[counter != UNKNOWN]
    steps = np.diff(known)
    return int(np.sum(np.where(steps >= 0, steps, known[1:])))
