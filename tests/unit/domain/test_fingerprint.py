"""A fingerprint is short, and the same for the same text on every machine."""

from __future__ import annotations

from extproc.domain.fingerprint import fingerprint_of_text


def test_a_fingerprint_is_twelve_digits_of_a_text() -> None:
    """It is compared between replicas and over time, so it must never change."""
    assert fingerprint_of_text("Be brief.") == "213c22ed7234"
    assert fingerprint_of_text("Be brief. ") != fingerprint_of_text("Be brief.")
