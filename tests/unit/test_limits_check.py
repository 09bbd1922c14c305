"""What `make limits-check` calls wrong."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.tools.limits_check import OUTAGE_S, Load, wrong_in

LOAD = Load("by-requests", "requests", 1_200, 20)
EXPECTED = 20.0
FEW, MANY = Counter({200: 30, 429: 900}), Counter({200: 4_000})
NONE = Counter({503: 900})


@pytest.mark.parametrize(
    ("policy", "before", "during", "after", "gone", "wrong"),
    [
        ("local_share", EXPECTED, EXPECTED, EXPECTED, FEW, 0),
        ("local_share", EXPECTED, EXPECTED + LOAD.burst / OUTAGE_S + 1, EXPECTED, FEW, 1),
        ("local_share", 2 * EXPECTED, EXPECTED, EXPECTED / 2, FEW, 2),
        ("open", EXPECTED, 600, EXPECTED, MANY, 0),
        ("open", EXPECTED, EXPECTED, EXPECTED, FEW, 1),
        ("closed", EXPECTED, 0, EXPECTED, NONE, 0),
        ("closed", EXPECTED, 600, EXPECTED, MANY, 1),
        ("open", EXPECTED, 600, EXPECTED, MANY + Counter({500: 1}), 1),
    ],
)
def test_each_policy_has_its_bounds(
    policy: str, before: float, during: float, after: float, gone: Counter[int], wrong: int
) -> None:
    """Before and after the limit is reached; without the store what the policy says."""
    assert len(wrong_in(policy, LOAD, before, during, after, gone)) == wrong
