"""The judge of growth tells work that looks back from work that does not."""

from __future__ import annotations

from tests.growth import grows_in_proportion


def test_work_that_reads_on_grows_in_proportion() -> None:
    """Each character once."""
    assert grows_in_proportion(lambda text: [text.count(letter) for letter in "abcdefgh"], "word ", 400_000)


def test_work_that_looks_at_all_that_came_again_and_again_does_not() -> None:
    """At each piece, at everything before it."""
    assert not grows_in_proportion(
        lambda text: [text[:end].split() for end in range(0, len(text), 200)], "word ", 100_000
    )
