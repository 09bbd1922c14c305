"""Sentences of streamed text.

The end of a sentence depends on its beginning and on the few characters around its end, so sentences are a property of
the text, however it is cut. Line breaks end one too: lists and tables have no full stops.
"""

from __future__ import annotations

import re
from typing import Final

SENTENCE_CHARS_MAX: Final = 1_000
_ASIDE_CHARS_MAX: Final = 8  # quotes and blanks at a sentence's end
# After a period, a small letter or a digit continues the sentence ("approx. 30 days", "e.g. this").
_END: Final = re.compile(
    rf"""\n|[。！？]|[.!?…]["'”’»)\]*_]{{0,{_ASIDE_CHARS_MAX}}}[^\S\n]{{1,{_ASIDE_CHARS_MAX}}}(?=[^\sa-z0-9])"""
)
_END_CHARS_MAX: Final = 2 * _ASIDE_CHARS_MAX + 2


class SentenceBuffer:
    """Outputs whole sentences, with the white space after them, and keeps the open one."""

    __slots__ = ("open",)

    def __init__(self) -> None:
        self.open = ""

    def push(self, text: str) -> list[str]:
        """Process the next piece; return the sentences that it completes."""
        scan = max(0, len(self.open) - _END_CHARS_MAX)
        whole = self.open + text
        sentences: list[str] = []
        begin = 0
        while (end := _end_of(whole, begin, scan)) >= 0:
            sentences.append(whole[begin:end])
            begin = scan = end
        self.open = whole[begin:]
        return sentences

    def take(self) -> str:
        """The open sentence, which is complete now."""
        rest, self.open = self.open, ""
        return rest

    def copy(self) -> SentenceBuffer:
        """A buffer in the same state."""
        other = SentenceBuffer()
        other.open = self.open
        return other


def sentences_of(text: str) -> list[str]:
    """The sentences of a whole text, except for those of white space."""
    buffer = SentenceBuffer()
    return [sentence for sentence in (*buffer.push(text), buffer.take()) if sentence and not sentence.isspace()]


def _end_of(text: str, begin: int, scan: int) -> int:
    """End of the sentence that begins at ``begin``, -1 if unknown yet. [characters]"""
    match = _END.search(text, scan, begin + SENTENCE_CHARS_MAX + 1)
    if match is not None and match.end() <= begin + SENTENCE_CHARS_MAX:
        return match.end()
    return begin + SENTENCE_CHARS_MAX if len(text) - begin > SENTENCE_CHARS_MAX else -1
