"""Error bodies of the model server: they may quote the request, and even what the model said.

Source: vLLM quotes up to 200 characters of a wrong field's value; a tool call that is no object is quoted after it was
made.
"""

from __future__ import annotations

from typing import Any

from extproc.domain.text import Kind
from extproc.payload.view import AnswerView, Slot, answer_source, strings_in


def error_slots(tree: dict[str, Any]) -> list[Slot]:
    """Every string of an error object."""
    return [
        Slot(answer_source(Kind.ASIDE, 0, number), holder, key, complete=True)
        for number, (_, holder, key, _) in enumerate(strings_in(tree))
    ]


class PlainTextView(AnswerView):
    """An error body that is not JSON: one text."""

    def __init__(self, body: bytes) -> None:
        tree = {"text": body.decode("utf-8", "replace")}
        super().__init__(tree, [Slot(answer_source(Kind.ASIDE, 0), tree, "text")])

    def write(self) -> bytes:
        """The text, as it came but for what was changed."""
        text: str = self.tree["text"]
        return text.encode()
