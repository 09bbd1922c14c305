"""Embeddings, and scores: what may be asked of them."""

from __future__ import annotations

import pytest

from tests.unit.payload.requests import minimal, read, refusal


@pytest.mark.parametrize("name", ["embeddings", "rerank"])
def test_what_is_embedded_or_scored_may_be_truncated(name: str) -> None:
    """There is no system prompt in it, and long texts are commonly cut."""
    read(name, minimal(name, truncate_prompt_tokens=512))


@pytest.mark.parametrize("name", ["embeddings", "rerank"])
def test_vectors_and_scores_are_not_streamed(name: str) -> None:
    """It would be a stream that nobody reads."""
    assert refusal(name, minimal(name, stream=True)).param == "stream"
