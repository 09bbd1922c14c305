"""Finds texts hidden in a text: encoded, escaped, reversed. Bounded, and linear in its length.

Results serve to decide, and have no offsets. Each kind has a nearly free prefilter that benign text rarely passes; at
most ``HIDDEN_TEXTS_MAX`` texts come from one, and their hidden texts are decoded once more.
"""

from __future__ import annotations

import html
import re
from binascii import unhexlify
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final
from urllib.parse import unquote_to_bytes

import re2

from extproc.detectors.text.normalize import base64_texts, may_hold_base64, mostly_printable, plain

HIDDEN_TEXTS_MAX: Final = 24
_RUNS_MAX: Final = 16
_RUN_BYTES_MAX: Final = 32_768
_CHARACTERS_MIN: Final = 12

_TURNED_WORDS: Final = (
    "ignore previous instructions instruction prompt system reveal rules your the and you",
    "what this with from for all now without show tell give guidelines guideline restrictions restriction",
    "unrestricted unfiltered disregard training assistant access override mode hidden initial secret message",
    "answer respond output print display enable disable developer admin user must will repeat configuration",
    "protocols protocol policy policies safety content filters filter limits pretend bypass command commands text",
    "anweisungen regeln deine alle vorherigen zeige ignoriere und nicht ist ich auf",
    "instructions regles consignes precedentes toutes tes ignore les que vous pour",
    "instrucciones anteriores reglas todas tus muestra ignora las que los una para",
    "instrucoes anteriores regras todas suas mostra ignore voce para",
    "istruzioni precedenti regole tutte tue mostra ignora che della sono",
)
_ROTATION: Final = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM"
)
_WORDS: Final = sorted({word for line in _TURNED_WORDS for word in line.split()})
_HONEST: Final = frozenset(
    {"anna", "dna", "dnu", "ella", "eut", "han", "hna", "pur", "sal", "sel", "set", "sol", "sut", "won"}
)
"""Words that also make sense reversed."""
_ROTATED: Final = {word.translate(_ROTATION) for word in _WORDS} - _HONEST
_REVERSED: Final = {word[::-1] for word in _WORDS} - _HONEST
TURNED: Final = rf"\b(?:{'|'.join(sorted(_ROTATED | _REVERSED))})\b"
"""Pattern (plain form) for words common in attacks, in ROT13 or reversed."""

_WORDS_WITHOUT_BLANKS: Final = (
    *("忽略", "無視", "无视", "指令", "指示", "命令", "提示", "規則", "规则"),
    *("プロンプト", "ルール", "してください", "输出", "出力"),
)
TURNED_WITHOUT_BLANKS: Final = "|".join(plain(word)[::-1] for word in _WORDS_WITHOUT_BLANKS)
"""The same for scripts without blanks, reversed."""

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz"
_ROTATED_BY: Final = 13
_ALPHABETS: Final = [
    str.maketrans(_ALPHABET + _ALPHABET.upper(), 2 * (_ALPHABET[shift:] + _ALPHABET[:shift])) for shift in range(26)
] + [str.maketrans(_ALPHABET + _ALPHABET.upper(), 2 * _ALPHABET[::-1])]
_COMMON: Final = {ord(letter): share for letter, share in zip("etaonirsl", (12, 9, 8, 8, 7, 7, 6, 6, 4), strict=True)}
"""The most frequent letters, with their approximate percentage in the supported languages."""

_LETTER: Final = 1
_VOWEL: Final = 2
_LETTER_KINDS: Final = bytes(
    (_LETTER if chr(byte).isascii() and chr(byte).isalpha() else 0) | (_VOWEL if chr(byte) in "aeiou" else 0)
    for byte in range(256)
)
_LETTERS_MIN: Final = 12
_VOWELS_BYTES_MAX: Final = 256
_VOWELS: Final = int.from_bytes(bytes([_VOWEL]) * _VOWELS_BYTES_MAX)
_VOWELS_MIN_PERCENT: Final = 29
"""Languages in Latin script have 35 to 50 vowels per 100 letters; ROT13 text has 17 to 25."""

# For many replacements, the standard library's engine is many times faster than RE2's binding; these patterns
# begin with a distinctive mark and are bounded, so that there is no backtracking.
_ENTITY: Final = re2.compile(r"&(?:#[xX]?[0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});?")
_ESCAPE: Final = re.compile(
    r"\\(?:u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[0-3][0-7]{2})"
)
_TERMINAL: Final = re.compile("\x1b\\[[0-9;]{0,16}[A-Za-z]|[^\b]\b")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_QUOTED_PRINTABLE: Final = re2.compile(r"(?:=[0-9A-F]{2}){4}")
_TAG_PATTERN: Final = r"(?:<!--[^<>]{0,200}-->|</?[A-Za-z][^<>]{0,100}>)"
_TAG: Final = re.compile(_TAG_PATTERN)
_IN_WORD: Final = (
    r"[^\x00-@\[-`{-\x7f]"  # any character beyond ASCII is taken for a letter: RE2 holds 1.5 MB for all letters
)
_TAG_IN_WORD: Final = re2.compile(rf"{_IN_WORD}(?:<!--[^<>]*-->|</?[A-Za-z][^<>]*>)+{_IN_WORD}")
_ESCAPES_MIN: Final = 4
_GAPS: Final = b" \n:,-"
_HEX_MAP: Final = bytes(
    ord("h") if chr(byte) in "0123456789abcdefABCDEF" else ord("g") if byte in _GAPS else 0 for byte in range(256)
)
_HEX_TOGETHER: Final = b"h" * (2 * _CHARACTERS_MIN)
_HEX_APART: Final = b"hhg" * _CHARACTERS_MIN
_HEX_RUN: Final = re2.compile(r"(?:[0-9A-Fa-f]{2}[ \n:,-]?){12,}")
_BITS_TOGETHER: Final = b"h" * (8 * _CHARACTERS_MIN)
_BITS_APART: Final = b"hhhhhhhhg" * _CHARACTERS_MIN
_BITS_RUN: Final = re2.compile(r"(?:[01]{8}[ \n,]?){12,}")
_CODE: Final = "(?:3[2-9]|[4-9][0-9]|1[01][0-9]|12[0-6])"
_CODES_RUN: Final = re2.compile(rf"\b(?:{_CODE}(?:, ?|; ?|[ \n])){{11,}}{_CODE}\b")
_CODES_BEGIN: Final = r"(?:[0-9]{2,3}(?:, ?|; ?|[ \n])){4}"
_TURNED_LETTERS: Final = "ɐqɔpǝɟƃɥᴉɾʞɯuodbɹʇnʌʍʎ"
_UPSIDE_DOWN: Final = str.maketrans(_TURNED_LETTERS, "abcdefghijkmnopqrtuvwy")
_TURNED_LETTERS_MIN: Final = 2
_NUMBER: Final = re.compile("[0-9]+")
_UPSIDE_DOWN_SIGN: Final = "ǝ"
"""Every upside-down text soon contains an e."""

_RUN_BEGINS: Final = re2.compile(
    rb"[A-Za-z0-9+/_\-]{20}|(?:[0-9A-Fa-f]{2}[ \n:,\-]){3}|[0-9A-Fa-f]{8}[ \n:,\-]|0x|" + _CODES_BEGIN.encode()
)
"""Contained in every run of base64, of digits or of numbers, with or without separators."""


def hidden_texts(text: str, rotated: bool, backwards: bool) -> list[tuple[str, str]]:
    """The hidden texts as (method, text); at most ``HIDDEN_TEXTS_MAX``, plus four transformations of the whole text.

    Args:
        text: the original, not its plain form: base64 depends on case.
        rotated: whether its letters may be rotated.
        backwards: whether it may be reversed.
    """
    direct = list(islice(_direct(text), HIDDEN_TEXTS_MAX))
    ways = {hidden: how for how, hidden in direct}
    for _, outer in direct:  # two methods may yield the same text
        for how, hidden in islice(_direct(outer), HIDDEN_TEXTS_MAX - len(ways)):
            ways.setdefault(hidden, how)
    found = [(how, hidden) for hidden, how in ways.items()]
    if rotated:
        found.append(("rot13", text.translate(_ROTATION)))
        if (alphabet := _likely_alphabet(text)) is not None:
            found.append(("shifted", text.translate(alphabet)))
    if backwards:
        found.append(("reversed", text[::-1]))
        found.append(("reversed", " ".join(word[::-1] for word in text.split())))
    return found


def _likely_alphabet(text: str) -> dict[int, int] | None:
    """The rotation under which the beginning of a text has the most frequent letters, unless that is ROT13."""
    beginning = text[:_VOWELS_BYTES_MAX].lower()
    counts = [beginning.count(letter) for letter in _ALPHABET]
    weights = [
        sum(count * _COMMON.get(alphabet[ord(letter)], 0) for letter, count in zip(_ALPHABET, counts, strict=True))
        for alphabet in _ALPHABETS
    ]
    likely = max(range(len(weights)), key=weights.__getitem__)
    return None if likely in (0, _ROTATED_BY) else _ALPHABETS[likely]


def lacks_vowels(plain_utf8: bytes) -> bool:
    """Whether a text's beginning has fewer vowels than any language."""
    # branch-free bit counting: vowels are unpredictable for a CPU
    kinds = int.from_bytes(plain_utf8[:_VOWELS_BYTES_MAX].translate(_LETTER_KINDS))
    vowels = (kinds & _VOWELS).bit_count()
    letters = kinds.bit_count() - vowels
    return letters >= _LETTERS_MIN and vowels * 100 < _VOWELS_MIN_PERCENT * letters


def looks_backwards(text: str) -> bool:
    """Whether a text begins like the end of a sentence, or ends like its beginning; or its first word does."""
    text = text.strip()
    first = text[: text.find(" ")]
    return text[:1] in (".", "?", "!") or _ends_in_capital(text) or _ends_in_capital(first)


def _ends_in_capital(text: str) -> bool:
    return text[-1:].isupper() and text[-2:-1].islower()


def may_hide(text: str) -> bool:
    """Nearly free prefilter: False only if ``hidden_texts`` finds nothing but transformations of the whole text."""
    if "<" in text or "\x1b" in text or "\b" in text or _UPSIDE_DOWN_SIGN in text:
        return True
    for sign in "%&\\=":
        if sign in text and text.count(sign) >= _ESCAPES_MIN:
            return True
    if _RUN_BEGINS.search(text.encode("utf-8", "replace")) is None:
        return False
    return may_hold_base64(text) or _may_hold_digits(text) or _CODES_RUN.search(text) is not None


def _may_hold_digits(text: str) -> bool:
    digits = text.replace("0x", "").encode("utf-8", "replace").translate(_HEX_MAP)
    return _HEX_APART in digits or _BITS_APART in digits or _HEX_TOGETHER in digits


def _direct(text: str) -> Iterator[tuple[str, str]]:
    for how, read in _READERS:
        for hidden in read(text):
            if len(hidden) >= _CHARACTERS_MIN and mostly_printable(hidden):
                yield how, hidden


def _percent_texts(text: str) -> Iterator[str]:
    """URL encoding, even of parts."""
    if text.count("%") < _ESCAPES_MIN:
        return
    utf8 = text.encode("utf-8", "replace").replace(b"+", b" ")
    decoded = unquote_to_bytes(utf8)
    if decoded != utf8:
        yield decoded.decode("utf-8", "replace")


def _quoted_printable_texts(text: str) -> Iterator[str]:
    """Quoted-printable, as in e-mails."""
    if text.count("=") >= _ESCAPES_MIN and _QUOTED_PRINTABLE.search(text):
        yield unquote_to_bytes(text.replace("=", "%").encode("utf-8", "replace")).decode("utf-8", "replace")


def _undone_texts(text: str) -> Iterator[str]:
    """What a terminal shows: without colors and deleted characters."""
    if "\x1b" in text or "\b" in text:
        yield _TERMINAL.sub("", text)


def _entity_texts(text: str) -> Iterator[str]:
    """HTML character references."""
    if text.count("&") >= _ESCAPES_MIN and _ENTITY.search(text):
        yield html.unescape(text)


def _escaped_texts(text: str) -> Iterator[str]:
    """Escapes of JSON, JavaScript and Python."""
    if text.count("\\") >= _ESCAPES_MIN:
        decoded = _well_formed(_ESCAPE.sub(_unescape, text))
        if decoded != text:
            yield decoded


def _well_formed(text: str) -> str:
    """The text with surrogate pairs joined, as two escapes may encode one character, and lone surrogates removed.

    No reader of texts, including RE2, accepts surrogates.
    """
    if _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")


def _unescape(match: re.Match[str]) -> str:
    escape = match.group()
    code = int(escape[2:].strip("{}"), 16) if escape[1] in "uUx" else int(escape[1:], 8)
    return chr(code) if code < 0x110000 else ""


def _untagged_texts(text: str) -> Iterator[str]:
    """Words divided by tags or comments."""
    if "<" in text and _TAG_IN_WORD.search(text):
        yield _TAG.sub("", text)


def _hexadecimal_texts(text: str) -> Iterator[str]:
    """Bytes as hexadecimal digits, with or without separators."""
    if not _may_hold_digits(text):
        return
    for match in islice(_HEX_RUN.finditer(text.replace("0x", "")), _RUNS_MAX):
        digits = match.group()[: 4 * _RUN_BYTES_MAX].encode().translate(None, _GAPS)
        yield unhexlify(digits[: len(digits) // 2 * 2]).decode("utf-8", "ignore")


def _binary_texts(text: str) -> Iterator[str]:
    """Bytes as eight binary digits."""
    digits = text.encode("utf-8", "replace").translate(_HEX_MAP)
    if _BITS_APART not in digits and _BITS_TOGETHER not in digits:
        return
    for match in islice(_BITS_RUN.finditer(text), _RUNS_MAX):
        bits = match.group().encode().translate(None, _GAPS)[: 8 * _RUN_BYTES_MAX]
        yield bytes(int(bits[place : place + 8], 2) for place in range(0, len(bits) - 7, 8)).decode("utf-8", "ignore")


def _decimal_texts(text: str) -> Iterator[str]:
    """Characters as their decimal ASCII codes."""
    for match in islice(_CODES_RUN.finditer(text), _RUNS_MAX):
        yield "".join(chr(int(number)) for number in _NUMBER.findall(match.group()[: 4 * _RUN_BYTES_MAX]))


def _upside_down_texts(text: str) -> Iterator[str]:
    """Letters that look like others rotated by 180 degrees."""
    if text.count(_UPSIDE_DOWN_SIGN) >= _TURNED_LETTERS_MIN:
        yield text[::-1].translate(_UPSIDE_DOWN)


_READERS: Final[tuple[tuple[str, Callable[[str], Iterator[str] | list[str]]], ...]] = (
    ("base64", base64_texts),
    ("percent", _percent_texts),
    ("quoted-printable", _quoted_printable_texts),
    ("terminal", _undone_texts),
    ("entities", _entity_texts),
    ("escapes", _escaped_texts),
    ("tags", _untagged_texts),
    ("hex", _hexadecimal_texts),
    ("binary", _binary_texts),
    ("decimal", _decimal_texts),
    ("upside-down", _upside_down_texts),
)
