"""Sentences: how a text that comes in pieces is judged sentence by sentence as if it had come whole.

A sentence ends behind the first full stop (question mark, exclamation mark) with white space behind it, or line end, at
or after its ``SENTENCE_CHARS_MIN``-th character; short ones are therefore joined with the next. One that reaches
``SENTENCE_CHARS_MAX`` ends at its last blank, or there. Where a sentence ends depends on its own characters alone, so
sentences are a property of the text, however it is cut.

What is judged with what stood before it begins and ends with whole words (``whole_words``), so that no word is found in
a part of the text that is not found in the text.
"""

from __future__ import annotations

import re

SENTENCE_CHARS_MIN = 40
SENTENCE_CHARS_MAX = 200
_LATE_BLANK_CHARS = 160  # a sentence that is cut for its length ends at a blank behind this many, if there is one
# Character classes only: linear, whatever the text.
_END = re.compile(r"[.!?]\s|[\n。！？।؟]")
# Characters that continue no word in the plain form: blanks, ASCII punctuation, letters of scripts without Latin forms.
_BETWEEN = (
    r"[\s!-/:-@\[-^`{-~\u0620-\u064a\u0904-\u0939\u3001\u3002\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]"
)
_FIRST_BETWEEN = re.compile(_BETWEEN)
_UP_TO_LAST_BETWEEN = re.compile(rf".*{_BETWEEN}", re.DOTALL)  # steps back over one word at most


def sentence_end(text: str, start: int) -> int:
    """Where the sentence that begins at ``start`` ends [characters]; -1 if that is not known before more text comes."""
    end_max = start + SENTENCE_CHARS_MAX
    match = _END.search(text, start + SENTENCE_CHARS_MIN - 1, end_max)
    if match is not None:
        return match.end()
    if len(text) < end_max:
        return -1
    blank = text.rfind(" ", start + _LATE_BLANK_CHARS, end_max)
    return end_max if blank < 0 else blank + 1


def whole_words(text: str, begins_whole: bool, ends_whole: bool) -> str:
    """The text without the part of a word at its beginning or its end, where it was cut out of a longer one."""
    if not ends_whole:
        last = _UP_TO_LAST_BETWEEN.match(text)
        text = last.group() if last else ""
    if not begins_whole:
        first = _FIRST_BETWEEN.search(text)
        text = text[first.start() :] if first else ""
    return text


def ends_whole(sentence: str) -> bool:
    """Whether a sentence that ``sentence_end`` found ends between two words."""
    return len(sentence) < SENTENCE_CHARS_MAX or _FIRST_BETWEEN.match(sentence, len(sentence) - 1) is not None
