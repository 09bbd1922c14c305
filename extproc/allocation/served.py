"""The exchanges that one server ran, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np

from extproc.statistics.arrays import Floats, Ints

_APART_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class ServedExchanges:
    """Of one server; arrays of one length. Times count from an origin of the caller. [us]

    Attributes:
        start_us: when the server began to compute it.
        first_us: its first token; at ``start_us`` or later.
        last_us: its last token, or when the client had left; at ``first_us`` or later.
        prompt: tokens, with those that the server had in its cache.
        cached: of these.
        written: tokens of all its answers.
        sequences: answers that are written at once; at least 1.
        computed: tokens that a sequence computes in a step: 1, and the drafts of speculation.
    """

    start_us: Ints
    first_us: Ints
    last_us: Ints
    prompt: Ints
    cached: Ints
    written: Ints
    sequences: Ints
    computed: Floats

    def __len__(self) -> int:
        return len(self.start_us)

    def of(self, places: Ints) -> Self:
        """Those at some places, in that order."""
        return type(self)(*(getattr(self, one.name)[places] for one in fields(self)))


def after_each_other(parts: Sequence[ServedExchanges]) -> ServedExchanges:
    """Those of several servers as if of one, a second apart: none runs with those of another."""
    moved, later_us = [], 0
    for one in parts:
        if len(one):
            begin_us = int(np.min(one.start_us))
            times = (one.start_us, one.first_us, one.last_us)
            work = (one.prompt, one.cached, one.written, one.sequences, one.computed)
            moved.append((*(at - begin_us + later_us for at in times), *work))
            later_us += int(np.max(one.last_us)) - begin_us + _APART_US
    if not moved:
        return parts[0]
    start, first, last, prompt, cached, written, sequences, computed = map(np.concatenate, zip(*moved, strict=True))
    return ServedExchanges(start, first, last, prompt, cached, written, sequences, computed)
