"""The report on excerpts: its figures are there, and masks keep them where they are."""

from __future__ import annotations

from tests.tools.review_report import report


def test_little_that_is_labelled_is_left_in_excerpts() -> None:
    """On the sample that is in the project; what is left is what the detector does not know."""
    figures = report()
    assert figures["review.values"] >= 100
    assert figures["review.values_left.all"] <= 0.1
    assert figures["review.excerpt_us"] > 0
