"""What a step of an engine costs, as an affine law of what is in it.

    microseconds = step + prefill_token * P + sequence * D + kv_token * KV + attention_pair * A

P prompt tokens computed, D tokens that sequences decode, KV the contexts of these sequences together, A the pairs of
a token of a chunk and what stands before it. Real cards bend at large batches, so coefficients share well only at the
sizes that they were fitted at (``calibration.py``).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from extproc.statistics.arrays import Floats, Ints


class StepCosts(NamedTuple):
    """Coefficients, at least 0; ``step`` is above 0. [us]

    Attributes:
        chunk_tokens: prompt tokens that a step computes at most (vLLM's ``max_num_batched_tokens``).
    """

    step: float
    prefill_token: float
    sequence: float
    kv_token: float
    attention_pair: float
    chunk_tokens: int = 8_192

    def check(self) -> None:
        """Raises: ValueError for what is no cost."""
        for name, value in zip(self._fields, self, strict=True):
            if not math.isfinite(value) or value < 0:
                raise ValueError(f"{name} is {value:g}; a cost is at least 0")
        if self.step <= 0 or self.chunk_tokens < 1:
            raise ValueError("a step costs more than 0, and computes at least one token")

    def chunks(self, prompt: Ints, cached: Ints) -> Ints:
        """Steps that compute a part of each prompt; at least one."""
        found: Ints = -(-np.maximum(prompt - cached, 1) // self.chunk_tokens)
        return found

    def prefill_us(self, prompt: Ints, cached: Ints) -> Floats:
        """What each prompt adds to the steps that compute it. [us]"""
        own = np.maximum(prompt - cached, 0).astype(np.float64)
        pairs = own * (prompt - own / 2.0)
        found: Floats = (
            self.prefill_token * own
            + self.attention_pair * pairs
            + self.kv_token * (prompt - own) * self.chunks(prompt, cached)
        )
        return found


TYPICAL = StepCosts(6_000.0, 27.0, 10.0, 0.049, 0.0013)
"""Of an 8B model in bf16 on an H100, from its bandwidth (3.35 TB/s at 80 %) and 60 % of its peak. Shares depend on the
relations between them, so that without a calibration teams are a few percent off; see docs/gpu-seconds.md."""
