"""Splits streamed text into sentences, so that it is checked like unstreamed text.

A sentence ends after the first full stop (question mark, exclamation mark) followed by white space, or line end, at or
after its ``SENTENCE_CHARS_MIN``-th character; short sentences are therefore joined with the next. One that reaches
``SENTENCE_CHARS_MAX`` ends at its last blank, or there. The end of a sentence depends only on its own characters, so
sentences are a property of the text, however it is cut.

Text that is checked together with preceding text begins and ends with whole words (``whole_words``), so that no word is
found in a part of the text that is not found in the whole text.
"""

from __future__ import annotations

import re
from typing import Final

SENTENCE_CHARS_MIN: Final = 40
SENTENCE_CHARS_MAX: Final = 200
_LATE_BLANK_CHARS: Final = 160  # a sentence over the limit ends at a blank after this many characters, if there is one
# character classes only: linear for any input
_END: Final = re.compile(r"[.!?]\s|[\n。！？।؟]")
# Characters that do not continue a word in plain form: blanks, ASCII punctuation, letters of scripts without Latin
# forms.
_BETWEEN: Final = (
    r"[\s!-/:-@\[-^`{-~\u0620-\u064a\u0904-\u0939\u3001\u3002\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]"
)
_FIRST_BETWEEN: Final = re.compile(_BETWEEN)
_UP_TO_LAST_BETWEEN: Final = re.compile(rf".*{_BETWEEN}", re.DOTALL)  # at most one word


def sentence_end(text: str, start: int) -> int:
    """End of the sentence that begins at ``start`` [characters]; -1 if more text is needed to decide."""
    end_max = start + SENTENCE_CHARS_MAX
    match = _END.search(text, start + SENTENCE_CHARS_MIN - 1, end_max)
    if match is not None:
        return match.end()
    if len(text) < end_max:
        return -1
    blank = text.rfind(" ", start + _LATE_BLANK_CHARS, end_max)
    return end_max if blank < 0 else blank + 1


def whole_words(text: str, begins_whole: bool, ends_whole: bool) -> str:
    """The text without a partial word at its beginning or end, where it was cut out of a longer one."""
    if not ends_whole:
        last = _UP_TO_LAST_BETWEEN.match(text)
        text = last.group() if last else ""
    if not begins_whole:
        first = _FIRST_BETWEEN.search(text)
        text = text[first.start() :] if first else ""
    return text


def ends_whole(sentence: str) -> bool:
    """Whether a sentence found by ``sentence_end`` ends between two words."""
    return len(sentence) < SENTENCE_CHARS_MAX or _FIRST_BETWEEN.match(sentence, len(sentence) - 1) is not None
