"""Texts of an exchange in its span: the shape of the conventions, and no personal data."""

from __future__ import annotations

import json
from typing import Any

from extproc.domain.record import KEPT_TEXT_CHARS_MAX, Outcome
from extproc.tracing.content import MessageMaker
from tests.unit.tracing.records import ended

MAIL = "jane.doe@example.com"
MAKER = MessageMaker()


def messages_of(texts: dict[str, str] | None, **changes: Any) -> dict[str, Any]:
    """Each attribute, read."""
    return {name: json.loads(value) for name, value in MAKER.of(ended(texts=texts, **changes))}


def test_texts_by_role_and_kind() -> None:
    """Instructions of the system are an attribute of their own."""
    found = messages_of(
        {
            "request.system.content": "Be brief.",
            "request.user.content": "Hello",
            "request.tool.content": "42",
            "response.assistant.reasoning": "Well",
            "response.assistant.content": "Hi",
        }
    )
    assert found == {
        "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
        "gen_ai.input.messages": [
            {"role": "user", "parts": [{"type": "text", "content": "Hello"}]},
            {"role": "tool", "parts": [{"type": "text", "content": "42"}]},
        ],
        "gen_ai.output.messages": [
            {
                "role": "assistant",
                "parts": [{"type": "reasoning", "content": "Well"}, {"type": "text", "content": "Hi"}],
            }
        ],
    }


def test_without_texts_there_is_nothing() -> None:
    """Neither if none are kept, nor if there are none."""
    assert messages_of(None) == {}
    assert messages_of({}) == {}


def test_personal_data_is_masked_whatever_the_policy_does() -> None:
    """As in the review queue."""
    found = messages_of({"request.user.content": f"Write to {MAIL} today"})
    assert found["gen_ai.input.messages"][0]["parts"][0]["content"] == "Write to <EMAIL> today"


def test_half_a_value_at_the_end_is_left_out() -> None:
    """Of a text that is cut off at the limit, and of a response that ended early."""
    long = ("word " * KEPT_TEXT_CHARS_MAX)[: KEPT_TEXT_CHARS_MAX - 9] + " jane.doe"
    shown = messages_of({"request.user.content": long})["gen_ai.input.messages"][0]["parts"][0]["content"]
    assert "jane" not in shown
    assert len(shown) > KEPT_TEXT_CHARS_MAX - 20
    aborted = messages_of({"response.assistant.content": "Write to jane.doe"}, outcome=Outcome.ABORTED)
    assert aborted["gen_ai.output.messages"][0]["parts"][0]["content"] == "Write to "
