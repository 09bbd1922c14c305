"""The responses API: its input, and an answer that is cut."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.unit.payload.requests import (
    BY_NAME,
    minimal,
    refusal,
)


def test_responses_answer_cut() -> None:
    """Items after the last that was reached are gone, and the status says why."""
    item = {"type": "message", "content": [{"type": "output_text", "text": "a"}]}
    tree: dict[str, Any] = {"output": [orjson.loads(orjson.dumps(item)) for _ in range(3)], "status": "completed"}
    view = BY_NAME["responses"].read_response(tree)
    BY_NAME["responses"].cut_response(view, 0, view.slots[:2])
    assert (len(tree["output"]), tree["status"]) == (2, "incomplete")
    assert tree["incomplete_details"] == {"reason": "content_filter"}


@pytest.mark.parametrize("value", [None, 5, {}, ["text"]])
def test_input_must_be_text_or_items(value: Any) -> None:
    """An absent input too."""
    assert refusal("responses", {"input": value}).code == "invalid_type"


def test_responses_in_the_background_are_refused() -> None:
    """Their answer is fetched later, past every guard."""
    assert refusal("responses", minimal("responses", background=True)).param == "background"
