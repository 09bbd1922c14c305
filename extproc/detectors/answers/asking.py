"""Whether an answer ends with a question, as one that asks back does."""

from __future__ import annotations

from typing import Final

TAIL_CHARS: Final = 64
_CLOSING: Final = " \t\r\n\"'”’»)]}*_`~"
_QUESTION_MARKS: Final = ("?", "？", "؟", ";", "՞", "⁇", "⁈")


def asks_back(tail: str) -> bool:
    """Whether the end of an answer is a question. Args: tail: its last ``TAIL_CHARS``, or more."""
    return tail.rstrip(_CLOSING).endswith(_QUESTION_MARKS)
