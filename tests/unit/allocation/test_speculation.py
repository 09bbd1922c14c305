"""Tokens of a step, by what a server counts of its drafts."""

from __future__ import annotations

import pytest

from extproc.allocation.server_samples import UNKNOWN, ServerSample, ServerSamples
from extproc.allocation.speculation import computed_tokens


def samples(*counts: tuple[int, int]) -> ServerSamples:
    """Drafts, and their tokens."""
    return ServerSamples.of(
        [ServerSample(at, drafts=drafts, draft_tokens=tokens) for at, (drafts, tokens) in enumerate(counts)]
    )


@pytest.mark.parametrize(
    ("counts", "computed"),
    [
        ([(0, 0), (10, 30), (20, 60)], 4.0),
        ([(100, 300), (110, 350)], 6.0),  # only what grew counts
        ([(100, 300), (4, 20), (10, 50)], 6.0),  # it started again
        ([(UNKNOWN, UNKNOWN), (UNKNOWN, UNKNOWN)], 1.0),  # a server without speculation does not say it
        ([(7, 21), (7, 21)], 1.0),
        ([(7, 21)], 1.0),
        ([], 1.0),
    ],
)
def test_drafts_are_computed_too(counts: list[tuple[int, int]], computed: float) -> None:
    """On average over all requests."""
    assert computed_tokens(samples(*counts)) == computed
