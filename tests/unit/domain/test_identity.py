"""Who asks."""

from __future__ import annotations

from extproc.domain.identity import CLAIMED, CallerIdentity


def test_an_identity_that_no_source_settled_is_claimed() -> None:
    """What it leaves open is empty."""
    caller = CallerIdentity("search")
    assert caller.source == CLAIMED
    assert (caller.project, caller.budget_code, caller.user, caller.tier, caller.key_id) == ("", "", "", "", "")
