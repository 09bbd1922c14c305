"""Anthropic's messages: what they must be, and an answer that is cut."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.payload.requests import (
    BY_NAME,
    minimal,
    refusal,
)


def test_messages_answer_cut() -> None:
    """Blocks after the last that was reached are gone."""
    tree = {"content": [{"type": "text", "text": text} for text in "abc"], "stop_reason": "end_turn"}
    view = BY_NAME["messages"].read_response(tree)
    BY_NAME["messages"].cut_response(view, 0, view.slots[:2])
    assert (len(tree["content"]), tree["stop_reason"]) == (2, "refusal")


@pytest.mark.parametrize("field", ["system", "messages"])
@pytest.mark.parametrize("value", [5, {"type": "text"}, [5], ["text"]])
def test_messages_must_be_text_or_blocks(field: str, value: Any) -> None:
    """Anything else is refused."""
    assert refusal("messages", minimal("messages", **{field: value})).code == "invalid_type"
