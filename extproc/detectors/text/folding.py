"""Folds characters to the ASCII they represent, one to one, so that positions stay: ``4111‑1111`` is ``4111-1111``.

Models write typographic hyphens and narrow blanks, keyboards full-width letters and other scripts' digits, web pages
``%40``, ``&#64;`` and ``\\@``. Each is folded to the ASCII character that it represents. Characters without meaning
(soft hyphens, zero widths, the rest of an escape) are folded to ``VANISHED``, which ``reading`` omits.
"""

from __future__ import annotations

import codecs
import re
import string
import sys
from collections.abc import Sequence
from typing import Final

from extproc.detectors.text.latin1 import CELL_ENDING_FIRST

VANISHED: Final = "\u00ad"
"""Placeholder for nothing in a folded text; it is itself a soft hyphen."""

BLANKS: Final = " \u00a0"
"""Folded blanks: the two of Latin-1."""

OTHER_BLANKS: Final = "\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
"""Other blanks within a line, each folded to an ASCII blank."""

# --- one character for one -----------------------------------------------------------------------------------------

_SIGNS: Final = {
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63\uff0d",
    ".": "\u2024\ufe52\uff0e",
    "@": "\ufe6b\uff20",
    "+": "\ufe62\uff0b",
    ":": "\u2236\ufe55\uff1a",
    "/": "\u2044\u2215\uff0f",
    "_": "\uff3f",
    "(": "\ufe59\uff08",
    ")": "\ufe5a\uff09",
    " ": OTHER_BLANKS,
}
_ZERO_DIGITS: Final = (
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20,
    0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0,
    0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x10D40, 0x11066, 0x110F0, 0x11136, 0x111D0,
    0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x116D0, 0x116DA, 0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50,
    0x11D50, 0x11DA0, 0x11F50, 0x16A60, 0x16AC0, 0x16B50, 0x1CCF0, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6,
    0x1E140, 0x1E2F0, 0x1E4F0, 0x1E5F1, 0x1E950, 0x1FBF0,
)  # fmt: skip
"""The zero of each script with decimal digits (general category Nd), followed by the others. Source: Unicode 16."""

_FULL_WIDTH_LETTERS: Final = (*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
_FULL_WIDTH_OFFSET: Final = 0xFEE0

_INVISIBLE: Final = (
    0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180E, 0x180F, 0x3164, 0xFEFF, 0xFFA0,
    *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFE00, 0xFE10),
    *range(0xE0000, 0xE0080), *range(0xE0100, 0xE01F0),
)  # fmt: skip
"""Soft hyphen, zero widths, joiners, direction marks, fillers, variation selectors, tags: all invisible. Source:
Default_Ignorable_Code_Point of Unicode, as far as it is assigned.
"""

_FOLDED: Final = {
    **{ord(written): sign for sign, ways in _SIGNS.items() for written in ways},
    **{zero + digit: str(digit) for zero in _ZERO_DIGITS for digit in range(10)},
    **{letter: chr(letter - _FULL_WIDTH_OFFSET) for letter in _FULL_WIDTH_LETTERS},
    **dict.fromkeys(_INVISIBLE, VANISHED),
}


def is_folded(character: str) -> bool:
    """Whether it represents another character, or nothing."""
    return ord(character) in _FOLDED


OTHER_NUMBER_MARKS: Final = frozenset(chr(code) for code, sign in _FOLDED.items() if sign in "0123456789@:")
"""Characters that represent a digit, ``@`` or ``:``."""

OTHER_COLONS: Final = frozenset(_SIGNS[":"])
"""Characters that represent ``:``."""

_BEYOND_BMP: Final = (
    "\U00010000-\U0001efff\U0001fbf0-\U0001fbf9\U000e0000-\U000e01ef"  # in few ranges: one comparison each
)
_IN_BMP: Final = "".join(chr(code) for code in sorted(_FOLDED) if code < 0x10000)
FOLDED_CLASS: Final = re.escape(_IN_BMP) + _BEYOND_BMP
"""Content of a character class: every folded character, and a few unfolded ones beyond the basic plane."""
_MAY_FOLD: Final = re.compile(f"[{FOLDED_CLASS}]")
_FOLDED_RUN: Final = re.compile(f"[{FOLDED_CLASS}][{FOLDED_CLASS}]*")  # not "+": the search would try each position

# --- escapes -------------------------------------------------------------------------------------------------------

_PERCENT: Final = r"%(?:0[ADad]|[2-7][0-9A-Fa-f])"
_PERCENT_SIGN: Final = r"%(?:2[BDEbde]|3[0-9Aa]|[4-7][0-9A-Fa-f])|[0-9A-Z]%20[0-9A-Z]"  # that may hide values
_WORD_BLANK: Final = "\x9e"
_WORD_END: Final = "\x9f"
"""Represent an escaped blank, and an escaped quote and the like: real ones would divide a word, part of which may have
been released. Only ``reading`` restores them.
"""
_NAMED: Final = {
    "&commat;": "@", "&period;": ".", "&plus;": "+", "&colon;": ":", "&sol;": "/", "&lowbar;": "_", "&lpar;": "(",
    "&rpar;": ")", "&hyphen;": "-", "&dash;": "-", "&ndash;": "-", "&mdash;": "-", "&minus;": "-", "&nbsp;": " ",
    "&ensp;": " ", "&emsp;": " ", "&thinsp;": " ", "&numsp;": " ", "&shy;": VANISHED, "&zwnj;": VANISHED,
    "&zwj;": VANISHED, "&lrm;": VANISHED, "&rlm;": VANISHED,
}  # fmt: skip
_REFERENCE: Final = rf"&(?:#[0-9]{{2,7}}|#[xX][0-9A-Fa-f]{{2,6}}|{'|'.join(name[1:-1] for name in _NAMED)});"
_UNICODE: Final = r"\\\\?u[0-9A-Fa-f]{4}"
_MARKDOWN: Final = r"\\\\?[@.+\-:_()]"
_ESCAPE: Final = re.compile(f"{_PERCENT}|{_REFERENCE}|{_UNICODE}|{_MARKDOWN}")
ESCAPE_CHARS_MAX: Final = 10

MAY_VANISH: Final = rf"[ -~\xA0-\xAC\xAE-\xFF]\xAD|{_PERCENT_SIGN}|{_REFERENCE}|{_UNICODE}|{_MARKDOWN}"
"""Pattern (RE2, Latin-1) over ``folded_bytes``: whether some of it may read differently than it is written."""

_READ_FROM_ESCAPES: Final = frozenset(string.ascii_letters + string.digits + "@.+-:/_() \u00a0" + VANISHED)
"""Nothing that ends a cell, except a blank: ``&#39;`` is kept."""

_UNFINISHED: Final = re.compile(
    r"\\{1,2}(?:u[0-9A-Fa-f]{0,3})?\Z|%[2-7]?\Z|&(?:#[0-9]{0,7}|#[xX][0-9A-Fa-f]{0,6}|[a-z]{0,6})\Z"
)


def _unescaped(match: re.Match[str]) -> str:
    """The character that an escape represents, and nothing for the rest."""
    escape = match[0]
    rest = VANISHED * (len(escape) - 1)
    if escape[0] == "%":
        return _of_percent(chr(int(escape[1:], 16))) + rest
    if escape[0] == "\\" and "u" not in escape:
        return rest + escape[-1]
    character = _of_reference(escape) if escape[0] == "&" else chr(int(escape[-4:], 16))
    character = _FOLDED.get(ord(character), character)
    if character not in _READ_FROM_ESCAPES:
        return escape
    return rest + character if character in BLANKS else character + rest  # no blank divides the escape it is read from


def _of_percent(character: str) -> str:
    if character == " ":
        return _WORD_BLANK
    return character if character in _READ_FROM_ESCAPES else _WORD_END


def _of_reference(reference: str) -> str:
    if reference[1] != "#":
        return _NAMED[reference]
    code = int(reference[3:-1], 16) if reference[2] in "xX" else int(reference[2:-1])
    return chr(code) if code <= sys.maxunicode else "\0"


# --- folding -------------------------------------------------------------------------------------------------------


def _folded_run(match: re.Match[str]) -> str:
    return match[0].translate(_FOLDED)


def is_plain(text: str) -> bool:
    """Whether nothing in a text, nor a beginning of an escape, can read differently than it is written."""
    return (
        "\\" not in text and "%" not in text and "&" not in text and (text.isascii() or _MAY_FOLD.search(text) is None)
    )


def folded(text: str) -> str:
    """The text as it is meant, with the same length; the same object if nothing in it is disguised."""
    if not text.isascii() and _MAY_FOLD.search(text) is not None:
        text = _FOLDED_RUN.sub(_folded_run, text)
    if "\\" in text or "&" in text or "%" in text:
        return _ESCAPE.sub(_unescaped, text)
    return text


def reading(shape: str) -> tuple[str, Sequence[int]]:
    """A folded text without vanished characters, and the original position of each remaining character."""
    places = [place for place, character in enumerate(shape) if character != VANISHED]
    return _said(shape), places


def read(text: str) -> str:
    """What a text says, as short as possible."""
    return _said(folded(text))


def _said(shape: str) -> str:
    return shape.replace(VANISHED, "").replace(_WORD_BLANK, " ").replace(_WORD_END, "\n")


def with_escapes(text: str, shape: str, start: int, end: int) -> tuple[int, int]:
    """The span ``start`` to ``end`` of a text, extended to all of the escapes of its first and last character."""
    while start and shape[start - 1] == VANISHED and text[start - 1] == "\\":
        start -= 1
    while end < len(shape) and shape[end] == VANISHED and text[end].isascii() and text[end] not in "\\&%":
        end += 1
    return start, end


def unfinished(text: str) -> int:
    """Start of an incomplete escape at the end of a text; the text's length if there is none.

    It may change how the last word begins, or continue a word that a backslash would end.
    """
    chars = len(text)
    end = text[-ESCAPE_CHARS_MAX:]
    if "\\" not in end and "%" not in end and "&" not in end:
        return chars
    match = _UNFINISHED.search(end)
    return chars - len(end) + match.start() if match else chars


# --- as bytes ------------------------------------------------------------------------------------------------------

_HANDLER: Final = "extproc.folding"
_CACHED_CHARACTERS_MAX: Final = 8_192


class _ByteTable(dict[int, str]):
    """``str.translate`` table that fills itself, up to a size: texts use only a few characters."""

    def __missing__(self, code: int) -> str:
        byte = _FOLDED.get(code) or ("\n" if code >= ord(CELL_ENDING_FIRST) else "?")
        if len(self) < _CACHED_CHARACTERS_MAX:
            self[code] = byte
        return byte


_BYTES: Final = _ByteTable()


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return error.object[error.start : error.end].translate(_BYTES), error.end


codecs.register_error(_HANDLER, _replace)


def read_bytes(text: str) -> bytes:
    """The bytes of what a text says."""
    return folded_bytes(read(text))


def folded_bytes(text: str) -> bytes:
    """Like ``latin1_bytes``, with each character folded, and escapes unchanged."""
    return text.encode("latin-1", _HANDLER)
