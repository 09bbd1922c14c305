"""How long a step of an engine takes, by what is in it: several laws, most of which are not affine."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from extproc.allocation.step_costs import StepCosts
from extproc.statistics.arrays import Floats


class StepWork(NamedTuple):
    """What requests have in a step; arrays of one shape. Work of several requests adds up.

    Attributes:
        prefill: tokens of prompts, or of what is computed again.
        decode: sequences that decode a token.
        kv: tokens that stand before those.
        pairs: of a token that is prefilled and one before it.
    """

    prefill: npt.NDArray[Any]
    decode: npt.NDArray[Any]
    kv: npt.NDArray[Any]
    pairs: npt.NDArray[Any]


class StepLaw(Protocol):
    """The time of steps in which something is computed. [us]"""

    def __call__(self, work: StepWork, /) -> Floats:
        """Of each step."""


class Affine(NamedTuple):
    """The law that rules assume."""

    costs: StepCosts = StepCosts(6_000.0, 27.0, 10.0, 0.049, 0.0013)

    def __call__(self, work: StepWork, /) -> Floats:
        """Of each step. [us]"""
        one = self.costs
        own = one.prefill_token * work.prefill + one.sequence * work.decode
        found: Floats = one.step + own + one.kv_token * work.kv + one.attention_pair * work.pairs
        return found


class Roofline(NamedTuple):
    """Layers take the longer of reading weights and of computing; attention reads or computes on its own.

    The figures are of 8B weights in bf16 on an H100: 16 GB at 80 % of 3.35 TB/s, 16 GFLOP a token at 60 % of the
    peak, 128 KiB a token of context.
    """

    overhead: float = 500.0
    weights: float = 6_000.0
    token: float = 27.0
    sequence: float = 10.0
    kv_token: float = 0.049
    attention_pair: float = 0.0013

    def __call__(self, work: StepWork, /) -> Floats:
        """Of each step. [us]"""
        layers = np.maximum(self.weights, self.token * (work.prefill + work.decode))
        attention = self.kv_token * work.kv + self.attention_pair * work.pairs
        found: Floats = self.overhead + layers + attention + self.sequence * work.decode
        return found


class HardMaximum(NamedTuple):
    """All that a step reads, or all that it computes: the longer of the two, as if they overlapped fully."""

    roofline: Roofline = Roofline()

    def __call__(self, work: StepWork, /) -> Floats:
        """Of each step. [us]"""
        one = self.roofline
        reads = one.weights + one.kv_token * work.kv
        computes = one.token * (work.prefill + work.decode) + one.attention_pair * work.pairs
        found: Floats = one.overhead + np.maximum(reads, computes) + one.sequence * work.decode
        return found


class MixtureOfExperts(NamedTuple):
    """The more tokens, the more experts are read: a step costs more in a larger batch, up to all weights.

    The figures are of 30B weights with 3B active, 8 of 128 experts a token, on an H100.
    """

    overhead: float = 1_000.0
    shared: float = 1_200.0
    experts: float = 21_000.0
    unused: float = 1.0 - 8.0 / 128.0
    token: float = 10.0
    sequence: float = 10.0
    kv_token: float = 0.037
    attention_pair: float = 0.001

    def __call__(self, work: StepWork, /) -> Floats:
        """Of each step. [us]"""
        tokens = work.prefill + work.decode
        reads = self.shared + self.experts * (1.0 - self.unused**tokens)
        attention = self.kv_token * work.kv + self.attention_pair * work.pairs
        layers = np.maximum(reads, self.token * tokens)
        found: Floats = self.overhead + layers + attention + self.sequence * work.decode
        return found
