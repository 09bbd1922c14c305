"""Matches a text with one byte per character, so that RE2's offsets are the text's own.

Suitable for ASCII values: numbers, addresses, keys. Letters beyond Latin-1 become ``?``; characters that always end a
cell (scripts from Hebrew on, emoji, lone surrogates) become a line end, which no pattern crosses.
"""

from __future__ import annotations

import codecs
from typing import Any, Final

import re2

from extproc.detectors.text.automata import compiled_on_use

CELL_ENDING_FIRST: Final = "\u0590"
"""From this character on, every character ends a cell."""

_REPLACEMENT: Final = "extproc.cell_ending"


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    return "".join("\n" if character >= CELL_ENDING_FIRST else "?" for character in unknown), error.end


codecs.register_error(_REPLACEMENT, _replace)


def latin1_bytes(text: str) -> bytes:
    """The text as Latin-1, with ``?`` or a line end for other characters; byte offsets equal character offsets."""
    return text.encode("latin-1", _REPLACEMENT)


def latin1_pattern(pattern: str) -> Any:
    """``pattern`` (RE2 syntax), for ``latin1_bytes``.

    It is compiled when it is used first (``compiled_on_use``).
    """
    return compiled_on_use(pattern.encode("latin-1"), latin1_options)


def latin1_options() -> Any:
    """RE2 options for ``latin1_bytes``."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    return options


def cue_before(cue: Any, subject: bytes, at: int, width: int = 40) -> bool:
    """Whether the ``width`` characters before ``at`` match ``cue``: words that say what a number is."""
    return cue.search(subject[max(0, at - width) : at]) is not None


WORD_BYTES: Final = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_") | frozenset(
    range(0xC0, 0x100)
)
"""Bytes that continue a word: ASCII letters, digits, underscore, Latin-1 letters."""

DIGIT_BYTES: Final = frozenset(b"0123456789")
"""ASCII digits."""


_NO_DIGITS: Final = bytes(byte for byte in range(256) if byte not in DIGIT_BYTES)


def stands_alone(subject: bytes, start: int, end: int) -> bool:
    """Whether no word character touches ``subject[start:end]``, and no number continues across ``.``, ``-``
    or ``/``.
    """
    if start and subject[start - 1] in WORD_BYTES:
        return False
    if end < len(subject) and subject[end] in WORD_BYTES:
        return False
    before, after = subject[max(0, start - 2) : start], subject[end : end + 2]
    if len(before) == 2 and before[0] in DIGIT_BYTES and before[1] in b".-/":
        return False
    return not (len(after) == 2 and after[0] in b".-/" and after[1] in DIGIT_BYTES)


def digits_of(subject: bytes, start: int, end: int) -> str:
    """The ASCII digits in ``subject[start:end]``, without separators."""
    return subject[start:end].translate(None, _NO_DIGITS).decode("ascii")
