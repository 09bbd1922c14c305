"""How long Envoy tries to reach a processor."""

from __future__ import annotations

import random

import pytest

from extproc.envoy_config.retries import processor_retries

RUNS = 2_000


def waits_ms(tries: int, base_ms: float, longest_ms: float, chance: random.Random) -> float:
    """All of the intervals of a call, each a random part of what doubles up to the longest, as Envoy has them."""
    return sum(chance.random() * min(base_ms * (1 << min(number, 16)), longest_ms) for number in range(tries))


@pytest.mark.parametrize("timeout_ms", [50, 250, 500, 2_000, 10_000, 600_000])
def test_the_timeout_ends_the_tries_and_their_number_does_not(timeout_ms: int) -> None:
    """With a timeout of 500 ms eight tries were over after 357 ms once, and the client got 503 in place of a wait."""
    policy, chance = processor_retries(), random.Random(timeout_ms)
    back_off = policy["retry_back_off"]
    base_ms, longest_ms = (
        float(back_off[name].removesuffix("s")) * 1_000 for name in ("base_interval", "max_interval")
    )
    runs = RUNS if timeout_ms < 100_000 else 10
    assert min(waits_ms(policy["num_retries"], base_ms, longest_ms, chance) for _ in range(runs)) > timeout_ms
