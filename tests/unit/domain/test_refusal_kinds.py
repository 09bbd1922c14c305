"""Kinds of refusals, and what reports them."""

from __future__ import annotations

from extproc.domain.refusal_kinds import KIND_OF_FINDING, RefusalKind


def test_what_declines_keeps_the_name_that_reviews_have() -> None:
    """Findings that are stored already are of this kind."""
    assert RefusalKind.DECLINES.finding == "REFUSAL"


def test_each_kind_has_a_finding_of_its_own() -> None:
    """So a guard can tell them apart."""
    assert [KIND_OF_FINDING[kind.finding] for kind in RefusalKind] == list(RefusalKind)
    assert all(name.startswith("REFUSAL") for name in KIND_OF_FINDING)
