"""Plain form: undoes disguises, so that one set of patterns matches them all.

Character by character (so positions can be mapped back): Unicode tags become the ASCII they hide, invisible characters
are removed, compatibility forms (full width, circled, mathematical) become plain, case is folded, marks are stripped,
look-alikes of Latin letters become Latin. Accents are removed too: patterns are written without them, and a pattern in
another script must go through the same mapping (``plain``).

Then *variants*, which serve to decide and have no offsets: without blanks and punctuation (spaced letters, broken
words), leetspeak read as letters, misspelled words corrected, and base64 runs decoded.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from typing import Final

import re2

from extproc.detectors.text.look_alike_letters import LOOK_ALIKE_LETTERS

_LOOK_ALIKES: Final = {
    look_alike: drawn_as
    for drawn_as, look_alikes in {
        "a": "аαɑ", "b": "ьβ", "c": "сϲ", "d": "ԁđ", "e": "еєεҽ", "g": "ɡԍ", "h": "һħн", "i": "іıιɪї", "j": "јϳ",
        "k": "кκ", "l": "ӏł", "m": "мм", "n": "ոη", "o": "оοøօ", "p": "рρ", "q": "ԛ", "r": "гʀ", "s": "ѕ", "t": "тτ",
        "u": "υս", "v": "νѵ", "w": "ԝω", "x": "хχ", "y": "уγү", "z": "ζ",
        "'": "‘’ʼ′`´", '"': "“”„«»″", "-": "‐‑‒–—",
    }.items()
    for look_alike in look_alikes
}  # fmt: skip
_LOOK_ALIKES.update(dict(zip("ᴀʙᴄᴅᴇꜰɢʜᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghjklmnoprstuvwyz", strict=True)))  # small capitals
_LOOK_ALIKES.update(dict(zip("ꭺꮟꮯꭰꭼꮐꮋꮖꭻꮶꮮꮇꮲꭱꮪꭲꮩꮃꭹꮓ".upper(), "abcdeghijklmprstvwyz", strict=True)))  # Cherokee
_LOOK_ALIKES.update(dict(zip("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵", "abcdefghijklmnopqrstuvwxyz", strict=True)))  # Braille
_LOOK_ALIKES.update({chr(0x1F1E6 + place): chr(ord("a") + place) for place in range(26)})  # of flags
_LOOK_ALIKES.update(
    {
        look_alike: drawn_as
        for drawn_as, look_alikes in LOOK_ALIKE_LETTERS.items()
        for look_alike in look_alikes
        if look_alike not in _LOOK_ALIKES
    }
)
"""Letters that are drawn like a Latin one, and quotation marks and dashes that mean the same.

Of Greek, Cyrillic, Armenian and the like an own selection, of all other scripts Unicode's.
"""

_INVISIBLE: Final = frozenset("\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800")
_MARKS: Final = frozenset({"Mn", "Me", "Mc"})
_TAGS_FIRST: Final = 0xE0020
_TAGS_LAST: Final = 0xE007E
_SELECTORS_FIRST: Final = 0xE0110
_SELECTORS_LAST: Final = 0xE016E
"""Variation selectors that can hide a printable ASCII character: the 17th represents byte 32, and so on."""

PLAIN_CHARACTERS_MAX: Final = 4
"""Maximum expansion of one character; a character beyond it (a whole Arabic blessing) is left as it is."""

_CACHED_CHARACTERS_MAX: Final = 8_192


def _plain_character(code: int) -> str:
    if _TAGS_FIRST <= code <= _TAGS_LAST:
        return chr(code - 0xE0000).lower()
    if _SELECTORS_FIRST <= code <= _SELECTORS_LAST:
        return chr(code - _SELECTORS_FIRST + 0x20).lower()
    character = chr(code)
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    if category in ("Cf", "Cs", "Cn") or category in _MARKS or character in _INVISIBLE:
        return ""
    decomposed = unicodedata.normalize("NFKD", character)
    kept = "".join(part for part in decomposed if unicodedata.category(part) not in _MARKS).casefold()
    if 0xAC00 <= code <= 0xD7A3 or len(kept) > PLAIN_CHARACTERS_MAX:
        kept = character
    return "".join(_LOOK_ALIKES.get(part, part) for part in kept)


class _PlainTable(dict[int, str]):
    """``str.translate`` table that fills itself, up to a size: texts use only a few characters."""

    def __missing__(self, code: int) -> str:
        plain_character = _plain_character(code)
        if len(self) < _CACHED_CHARACTERS_MAX:
            self[code] = plain_character
        return plain_character


_PLAIN: Final = _PlainTable()


def plain(text: str) -> str:
    """The plain form of a text; linear in its length."""
    if text.isascii():
        return text.lower()
    plain_text = _plain_by_replacement(text)
    return text.translate(_PLAIN) if plain_text is None else plain_text


_ASCII: Final = bytes(range(128))
_REPLACED_CHARACTERS_MAX: Final = 12


def _plain_by_replacement(text: str) -> str | None:
    """Same result as ``_PLAIN``, several times faster, for ASCII with few different other characters;
    otherwise None.
    """
    utf8 = text.encode("utf-8", "surrogatepass")
    others_utf8 = utf8.translate(None, _ASCII)
    if len(others_utf8) * 4 > len(utf8):
        return None
    others = set(others_utf8.decode("utf-8", "surrogatepass"))
    if len(others) > _REPLACED_CHARACTERS_MAX:
        return None
    text = text.replace("`", "'")
    for other in others:
        plain_character = _PLAIN[ord(other)]
        if plain_character != other:
            if not plain_character.isascii():
                return None  # it could be mistaken for one that is still to be replaced
            text = text.replace(other, plain_character)
    return text.lower() if text.isascii() else text.encode("utf-8").lower().decode("utf-8")


def original_span(text: str, start: int, end: int) -> tuple[int, int]:
    """Position of ``plain(text)[start:end]`` in ``text`` [characters]."""
    if text.isascii():
        return start, end
    first, reached = 0, 0
    for place, character in enumerate(text):
        if reached <= start:
            first = place
        reached += len(_PLAIN[ord(character)])
        if reached >= end:
            return first, place + 1
    return first, len(text)


_ASCII_OR_NOT: Final = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]+")


def plain_with_places(text: str) -> tuple[str, Sequence[int]]:
    """The plain form, and for each of its characters, and its end, the original position in ``text``."""
    if text.isascii():
        return text.lower(), range(len(text) + 1)
    pieces: list[str] = []
    places: list[int] = []
    for run in _ASCII_OR_NOT.finditer(text):
        start, end = run.span()
        if run[0].isascii():
            pieces.append(run[0].lower())
            places += range(start, end)
        else:
            of_characters = [_PLAIN[ord(character)] for character in run[0]]
            pieces += of_characters
            places += [place for place, piece in enumerate(of_characters, start) for _ in piece]
    places.append(len(text))
    return "".join(pieces), places


# --- variants ------------------------------------------------------------------------------------------------------

_NOT_LETTERS: Final = bytes(code for code in range(128) if not (chr(code).isalnum()))


def compact(plain_utf8: bytes) -> bytes:
    """The plain form in UTF-8 without ASCII blanks and punctuation: undoes spaced letters and broken words."""
    return plain_utf8.translate(None, _NOT_LETTERS)


SEPARATORS: Final = r"[\x00-/:-@\[-`{-\x7f]*"
"""Pattern for what ``compact`` removes between two characters."""

SPACED_SIGN: Final = r"(?:[^a-z0-9]{1,3}[a-z0-9]){4}[^a-z0-9]"
"""Pattern required for any text that ``is_spaced``: fewer letters, and so a smaller automaton."""

_SPACED_LETTERS: Final = re2.compile(rb"(?:(?:^|[^a-z0-9]{1,3})[a-z0-9]){10}(?:[^a-z0-9]|$)")


def is_spaced(plain_utf8: bytes) -> bool:
    """Whether ten letters in a row are separated: ``i g n o r e`` or ``i.g.n.o.r.e``."""
    return _SPACED_LETTERS.search(plain_utf8) is not None


def unspaced(plain_utf8: bytes) -> bytes:
    """Spaced letters as words, if gaps between words are wider than between letters."""
    apart = plain_utf8.replace(b"   ", b"\0").replace(b"  ", b"\0").replace(b" ", b"")
    return apart.replace(b"\0", b" ")


_WITHOUT_BLANKS: Final = "[\u3040-\u30ff\u3400-\u9fff]"  # kana and Han
PARTED_SIGN: Final = rf"{_WITHOUT_BLANKS}[ \n]{{1,3}}{_WITHOUT_BLANKS}{{1,6}}[ \n]{{1,3}}{_WITHOUT_BLANKS}"
"""Pattern for a text of a script without blanks that has some."""

_PARTED: Final = re.compile(rf"(?<={_WITHOUT_BLANKS})[ \n]+(?={_WITHOUT_BLANKS})")


def unparted(plain_utf8: bytes) -> bytes:
    """The plain form without blanks where its script has none."""
    return _PARTED.sub("", plain_utf8.decode("utf-8", "replace")).encode("utf-8")


_BROKEN_WORD_BYTES_MAX: Final = 4
_BROKEN_BYTES_MIN: Final = 16


def is_broken(plain_utf8: bytes) -> bool:
    """Whether words are short: at most four bytes on average, as when they are broken up."""
    if plain_utf8.count(b" ") * (_BROKEN_WORD_BYTES_MAX + 1) < len(plain_utf8) - _BROKEN_WORD_BYTES_MAX:
        return False
    words = plain_utf8.split()
    return _BROKEN_BYTES_MIN <= sum(map(len, words)) <= _BROKEN_WORD_BYTES_MAX * len(words)


LEETSPEAK: Final = r"[a-z][013457@$!|]+[a-z]|\b[013457@$!|][a-z]+[013457@$!|]|[013457][013457][a-z]|[a-z][013457]{2}"
"""Pattern (for the plain form) for words with digits or symbols in place of letters."""

_LEETSPEAK_WORD: Final = re2.compile(LEETSPEAK.encode())
_LEETSPEAK_WORDS_MIN: Final = 4


def is_leetspeak(plain_utf8: bytes) -> bool:
    """Whether several words have digits or symbols in place of letters; one or two are common in benign text."""
    return sum(1 for _ in islice(_LEETSPEAK_WORD.finditer(plain_utf8), _LEETSPEAK_WORDS_MIN)) == _LEETSPEAK_WORDS_MIN


_LEET: Final = bytes.maketrans(b"013457@$!|", b"oieastasil")


def unleet(plain_utf8: bytes) -> bytes:
    """The plain form with digits and symbols read as the letters they resemble."""
    return plain_utf8.translate(_LEET)


_MISSPELLED: Final = (
    "ignore", "previous", "instruction", "instructions", "disregard", "override", "bypass", "reveal",
    "system", "prompt", "guidelines", "restrictions", "restriction", "unrestricted", "developer", "everything",
)  # fmt: skip
"""Words of attacks that are worth misspelling."""


def _misspellings(word: str) -> str:
    """Pattern for a word with the same first and last letter and its other letters permuted; one may be missing."""
    letters = "".join(sorted(set(word[1:-1])))
    lacking = f"{word[0]}[{letters}]{{{len(word) - 3}}}{word[-1]}"
    others = (
        word[:place] + f"[{letters.replace(word[place], '')}][{letters}]{{{len(word) - 2 - place}}}{word[-1]}"
        for place in range(1, len(word) - 1)
    )
    return "|".join((lacking, *others))


MISSPELLED: Final = rf"\b(?:{'|'.join(_misspellings(word) for word in _MISSPELLED)})\b"
"""Pattern (plain form) for possible misspellings of such words; never the correct word."""

_MAYBE_MISSPELLED: Final = re2.compile(MISSPELLED.encode())
_MISSPELLED_UTF8: Final = [word.encode() for word in _MISSPELLED]
_CACHED_WORDS_MAX: Final = 1_024


def spelled_right(plain_utf8: bytes) -> bytes:
    """The plain form with misspellings corrected whose inner letters are permuted, or that lack one."""
    corrected: bytes = _MAYBE_MISSPELLED.sub(lambda match: _spelled_right(match.group()), plain_utf8)
    return corrected


@lru_cache(_CACHED_WORDS_MAX)
def _spelled_right(written: bytes) -> bytes:
    letters, ends = Counter(written), (written[0], written[-1])
    candidates = (word for word in _MISSPELLED_UTF8 if (word[0], word[-1]) == ends and len(word) - len(written) <= 1)
    return next((word for word in candidates if not letters - Counter(word)), written)


_BASE64_RUN: Final = re2.compile(rb"[A-Za-z0-9+/_\-]{20,}={0,2}")
_BASE64_MAP: Final = bytes(ord("x") if re2.fullmatch(r"[A-Za-z0-9+/_\-]", chr(byte)) else 0 for byte in range(256))
_BASE64_SHORTEST: Final = b"x" * 20
_BASE64_RUNS_MAX: Final = 16
_BASE64_BYTES_MAX: Final = 16_384
_HIDDEN_CHARACTERS_MIN: Final = 12
_UNPRINTABLE_MAX_PERCENT: Final = 5


def may_hold_base64(text: str) -> bool:
    """Prefilter: False only if the text has no base64 run."""
    return _BASE64_SHORTEST in text.encode("utf-8", "replace").translate(_BASE64_MAP)


def base64_texts(text: str) -> list[str]:
    """The decoded first base64 runs, if mostly printable text; at most 16 runs of 16 KiB."""
    texts: list[str] = []
    if not may_hold_base64(text):
        return texts
    for tried, match in enumerate(_BASE64_RUN.finditer(text.encode("utf-8", "replace"))):
        if tried == _BASE64_RUNS_MAX:
            break
        hidden = _base64_text(match.group()[:_BASE64_BYTES_MAX])
        if hidden:
            texts.append(hidden)
    return texts


def _base64_text(run: bytes) -> str | None:
    standard = run.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    whole = standard[: len(standard) - (len(standard) % 4 == 1)]
    try:
        decoded = base64.b64decode(whole + b"=" * (-len(whole) % 4)).decode("utf-8", "ignore")
    except (binascii.Error, ValueError):
        return None
    return decoded if len(decoded) >= _HIDDEN_CHARACTERS_MIN and mostly_printable(decoded) else None


def mostly_printable(text: str) -> bool:
    """Whether at least 95 % are printable or blank."""
    if text.isprintable():
        return True
    written = "".join(text.split())
    return (len(written) - sum(map(str.isprintable, written))) * 100 <= len(text) * _UNPRINTABLE_MAX_PERCENT
