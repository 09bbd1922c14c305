"""The exchanges that one server ran, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ServedExchanges:
    """Of one server; arrays of one length. Times count from an origin of the caller. [us]

    Attributes:
        start_us: when the server began to compute it.
        first_us: its first token; at ``start_us`` or later.
        last_us: its last token, or when whoever asked had left; at ``first_us`` or later.
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
