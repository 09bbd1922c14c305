"""What an exchange takes of its limits, and which of several refusals it is told."""

from __future__ import annotations

from extproc.domain.usage import Usage
from extproc.exchange.claims import Claim, ClaimStatus, Refusal, refusal_of
from tests.unit.exchange.limits import AT_A_TIME, REQUESTS, TOKENS, compiled, record_of

LIMITS = compiled(REQUESTS, TOKENS, AT_A_TIME)


def claim() -> Claim:
    """Of three limits."""
    return Claim(LIMITS.of(record_of()))


def test_until_it_is_estimated_it_takes_the_least() -> None:
    """Then what the estimate says, of each quantity."""
    one = claim()
    assert [each.amount for each in one.limits] == [1, 1, 1]
    one.expect(Usage(100, 20))
    assert [each.amount for each in one.limits] == [1, 120, 1]
    one.use(Usage(100, 5), None)
    assert [each.used for each in one.limits] == [1, 105, 1]


def test_the_refusal_that_lasts_longest_is_told() -> None:
    """One that lasts for ever comes first."""
    one, limit = claim(), LIMITS.limits[0]
    short, long, ever = Refusal(limit, 5, 1), Refusal(limit, 9, 1), Refusal(limit, 0, 1)
    one.refuse([short, long], ["shadow"])
    assert (one.refusal, one.shadow_refused, one.status) == (long, ("shadow",), ClaimStatus.REFUSED)
    one.refuse([long, ever, short], [])
    assert one.refusal == ever


def test_a_claim_that_nobody_refuses_stays() -> None:
    """Only the names in shadow are noted."""
    one = claim()
    one.refuse([], ["shadow"])
    assert (one.refusal, one.status) == (None, ClaimStatus.NEW)


def test_a_wait_is_rounded_up_to_a_nanosecond() -> None:
    """So that trying then succeeds."""
    one = claim().limits[1]
    assert refusal_of(one, 1).wait_ns == 1
    one.amount = one.limit.burst + 1
    assert refusal_of(one, 1).wait_ns == 0


def test_only_what_is_held_is_settled() -> None:
    """A limit in shadow that had no room holds nothing."""
    one = claim()
    one.limits[1].is_held = True
    assert [each.limit.name for each in one.held()] == ["tokens"]
