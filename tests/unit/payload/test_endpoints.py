"""Which API's errors a client reads."""

from __future__ import annotations

import pytest

from extproc.payload.endpoints import dialect_of_errors


@pytest.mark.parametrize(
    ("path", "name"),
    [("/v1/messages/batches", "messages"), ("/v1/responses", "responses"), ("/metrics", "chat"), ("", "chat")],
)
def test_errors_of_paths_that_are_not_read(path: str, name: str) -> None:
    """A client of Anthropic's API reads Anthropic's errors, also where it may not go."""
    assert dialect_of_errors(path).name == name
    assert dialect_of_errors(path, anthropic=True).name == (name if name == "responses" else "messages")
