"""Limits that each process counts for itself."""

from __future__ import annotations

import pytest

from extproc.rate_limits.local import LocalLimits
from tests.unit.exchange.limits import REQUESTS, claim_of, compiled
from tests.unit.server.loops import in_loop


def admitted(limits: LocalLimits, workers: int) -> int:
    """How many of ten requests fit at once."""
    found = compiled({**REQUESTS, "burst": 8}, server={"workers": workers})
    limits.configure(found)
    claims = [claim_of(found) for _ in range(10)]
    assert all(limits.reserve(claim, 0) for claim in claims)
    return sum(claim.refusal is None for claim in claims)


@pytest.mark.parametrize(("workers", "fit"), [(1, 8), (4, 2)])
def test_a_worker_has_its_part(workers: int, fit: int) -> None:
    """So several admit together what one would."""
    assert admitted(LocalLimits(), workers) == fit


def test_without_limits_nothing_is_kept() -> None:
    """After a reload that removed them."""
    limits = LocalLimits()
    assert admitted(limits, 1) == 8
    limits.configure(None)
    assert len(limits) == 0


@in_loop
async def test_there_is_no_store_to_ask() -> None:
    """Every claim is decided at once."""
    with pytest.raises(AssertionError, match="decided here"):
        await LocalLimits().ask(claim_of(compiled(REQUESTS)))
