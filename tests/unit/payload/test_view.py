"""Values of an answer that are judged as text."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.unit.payload.requests import (
    BY_NAME,
    chat_with,
    minimal,
    read,
)


@pytest.mark.parametrize(("text", "after"), [('{"a":"<X>"}', {"a": "<X>"}), ('{"a":"', {})])
def test_structured_values_stay_values(text: str, after: Any) -> None:
    """A tool's input is judged as JSON text and put back as a value; one that was cut short is emptied."""
    tree = {"content": [{"type": "tool_use", "name": "f", "input": {"a": "jane"}}]}
    (_, slot) = BY_NAME["messages"].read_response(tree).slots
    assert slot.text == '{"a":"jane"}'
    slot.put(text)
    assert tree["content"][0]["input"] == after


def test_numbers_long_enough_to_identify_are_texts_but_not_in_schemas() -> None:
    """A card number need not be quoted; a schema's bounds are no one's number."""
    documents = [{"iban": 4111111111111111, "n": 12, "ok": True}]
    found = chat_with({"role": "user", "content": "Hi"}, documents=documents, tools=[{"maximum": 9007199254740991}])
    assert found == [("user", "content", "Hi"), ("document", "content", "4111111111111111")]


def test_a_number_that_is_replaced_becomes_a_text() -> None:
    """The mask stands in the place of the number."""
    view = read("chat", minimal("chat", documents=[{"card": 4111111111111111}]))
    (number,) = [field for field in view.texts if field.text == "4111111111111111"]
    view.replace_text(number, "<CARD>")
    assert orjson.loads(view.body_after())["documents"] == [{"card": "<CARD>"}]
