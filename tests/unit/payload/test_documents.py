"""Which texts of a request an answer is held against."""

from __future__ import annotations

from extproc.payload.documents import brought_texts, pasted_texts
from tests.unit.payload.requests import minimal, read


def test_documents_and_results_of_tools_are_brought() -> None:
    """Neither the names of their keys nor what anybody says."""
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "When?"},
        {"role": "tool", "tool_call_id": "t", "name": "clock", "content": "At nine."},
    ]
    view = read("chat", minimal("chat", messages=messages, documents=[{"title": "Hours", "text": "Nine to five."}]))
    brought = brought_texts(view.texts)
    assert {"At nine.", "Hours", "Nine to five."} <= set(brought)
    assert not {"title", "text", "When?", "Be kind."} & set(brought)


def test_a_long_text_of_a_user_is_more_than_a_question() -> None:
    """From the given length on; nobody else's is."""
    messages = [{"role": "system", "content": "x" * 9}, {"role": "user", "content": "y" * 9}]
    texts = read("chat", minimal("chat", messages=messages)).texts
    assert pasted_texts(texts, 9) == ["y" * 9]
    assert pasted_texts(texts, 10) == []
