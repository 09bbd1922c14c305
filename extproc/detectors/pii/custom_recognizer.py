"""Configured recognizers: a pattern, context words before it, and a checksum.

The pattern is applied to each cell separately (see ``cells``), so that it cannot match across words that a stream
delivers separately.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal

import re2

from extproc.detectors.pii.beginnings import custom_beginnings
from extproc.detectors.pii.checksums import luhn_valid
from extproc.detectors.pii.id_numbers import mod11_10_valid, mod97_valid, verhoeff_valid
from extproc.detectors.pii.recognizer import Candidate
from extproc.detectors.text.cells import cells
from extproc.detectors.text.latin1 import latin1_pattern

Checksum = Literal["none", "luhn", "mod97", "verhoeff", "mod11_10"]

_CUE_CHARS_MAX: Final = 40
_DIGIT_CHECKS: Final[dict[str, Callable[[str], bool]]] = {
    "luhn": luhn_valid,
    "verhoeff": verhoeff_valid,
    "mod11_10": mod11_10_valid,
}
_CHECKED_CHARS_MAX: Final = 64
_BEGINNING_CHARS_MIN: Final = 3


class CustomRecognizer:
    """One recognizer.

    Args:
        kind: name of its findings.
        pattern: RE2 syntax, Latin-1 characters, no anchors; must not match the empty string.
        context: one of these words must occur in the 40 characters before; empty: no context needed.
        checksum: over the digits of the match; ``mod97`` over its letters too.
        score: of each finding.
    """

    def __init__(
        self, kind: str, pattern: str, context: Sequence[str] = (), checksum: Checksum = "none", score: float = 0.8
    ) -> None:
        self.kind = kind
        self.gate = pattern
        self._pattern = latin1_pattern(pattern)
        self._cue = _cue_pattern(context) if context else None
        self._checksum = checksum
        self._score = score
        self.beginning = custom_beginnings(kind, pattern, self._cued, _BEGINNING_CHARS_MIN)

    def candidates(self, subject: bytes, text: str, begin: int) -> Iterator[Candidate]:
        """Kind, start, end and score of each match in a cell of ``text[begin:]``."""
        for first, last in cells(text[begin:]):
            cell = subject[begin + first : begin + last]
            for match in self._pattern.finditer(cell):
                start, end = begin + first + match.start(), begin + first + match.end()
                if start < end and self._checksum_holds(text[start:end]) and self._cued(text, start):
                    yield self.kind, start, end, self._score

    def _checksum_holds(self, matched: str) -> bool:
        if self._checksum == "none":
            return True
        if not matched.isascii() or len(matched) > _CHECKED_CHARS_MAX:
            return False
        if self._checksum == "mod97":
            characters = "".join(filter(str.isalnum, matched))
            return bool(characters) and mod97_valid(characters)
        digits = "".join(filter(str.isdigit, matched))
        return bool(digits) and _DIGIT_CHECKS[self._checksum](digits)

    def _cued(self, text: str, start: int) -> bool:
        if self._cue is None:
            return True
        before = text[max(0, start - _CUE_CHARS_MAX) : start].encode("utf-8", "replace")
        return self._cue.search(before) is not None


def _cue_pattern(words: Sequence[str]) -> Any:
    """Any of the words, as whole words, case-insensitive; bytes of UTF-8."""
    alternatives = "|".join(re2.escape(word) for word in words)
    return re2.compile(rf"(?i)(?:^|[^\pL\pN])(?:{alternatives})(?:$|[^\pL\pN])".encode())
