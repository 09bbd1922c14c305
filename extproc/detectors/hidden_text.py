"""Texts that stand in a text written otherwise: encoded, escaped, turned round. Bounded, and linear in its length.

What is found serves to decide and has no offsets. Each kind has a look that costs next to nothing and that honest text
rarely passes; at most ``HIDDEN_TEXTS_MAX`` texts come of one, and what they hide in turn is read once more.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import re2

from extproc.detectors.normalise import base64_texts, may_hold_base64, mostly_printable, plain

HIDDEN_TEXTS_MAX = 24
_RUNS_MAX = 16
_RUN_BYTES_MAX = 32_768
_CHARACTERS_MIN = 12
_DEPTH_MAX = 2

_TURNED_WORDS = (
    "ignore previous instructions instruction prompt system reveal rules your the and you",
    "what this with from for are not all",
    "anweisungen regeln deine alle vorherigen zeige ignoriere und nicht ist ich auf",
    "instructions regles consignes precedentes toutes tes ignore les que vous pour",
    "instrucciones anteriores reglas todas tus muestra ignora las que los una para",
    "instrucoes anteriores regras todas suas mostra ignore voce nao para",
    "istruzioni precedenti regole tutte tue mostra ignora che della sono",
)
_ROTATION = str.maketrans("abcdefghijklmnopqrstuvwxyz", "nopqrstuvwxyzabcdefghijklm")
_WORDS = sorted({word for line in _TURNED_WORDS for word in line.split()})
_HONEST = frozenset(
    [
        "ana",
        "anna",
        "are",
        "dna",
        "dnu",
        "ella",
        "era",
        "eut",
        "han",
        "hna",
        "not",
        "pur",
        "rap",
        "sal",
        "sel",
        "set",
        "sol",
        "sut",
        "ton",
    ]
)
"""What is a word the other way round too."""
_ROTATED = {word.translate(_ROTATION) for word in _WORDS} - _HONEST
_REVERSED = {word[::-1] for word in _WORDS} - _HONEST
TURNED = rf"\b(?:{'|'.join(sorted(_ROTATED | _REVERSED))})\b"
"""Pattern (plain form) for words that are common in attacks, rotated by 13 letters or written backwards."""

_ROTATED_WORD = re2.compile(rf"\b(?:{'|'.join(sorted(_ROTATED))})\b")
_REVERSED_WORD = re2.compile(rf"\b(?:{'|'.join(sorted(_REVERSED))})\b")

_PERCENT = re2.compile(rb"%[0-9A-Fa-f]{2}")
_ENTITY = re2.compile(r"&(?:#[xX]?[0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});?")
_ESCAPE = re2.compile(r"\\(?:u\{?[0-9A-Fa-f]{4,6}\}?|x[0-9A-Fa-f]{2})")
_TAG_PATTERN = r"(?:<!--[^<>]{0,200}-->|</?[A-Za-z][^<>]{0,100}>)"
_TAG_IN_WORD = re2.compile(rf"\pL{_TAG_PATTERN}{{1,4}}\pL")
_TAG = re2.compile(_TAG_PATTERN)
_ESCAPES_MIN = 4
_HEX_MAP = bytes(
    ord("h") if chr(byte) in "0123456789abcdefABCDEF" else ord("g") if chr(byte) in " \n:,-" else 0
    for byte in range(256)
)
_HEX_TOGETHER, _HEX_APART = b"h" * (2 * _CHARACTERS_MIN), b"hhg" * _CHARACTERS_MIN
_HEX_RUN = re2.compile(r"(?:[0-9A-Fa-f]{2}[ \n:,-]?){12,}")
_HEX_GAP = re2.compile(r"[ \n:,-]")
_BITS_TOGETHER, _BITS_APART = b"h" * (8 * _CHARACTERS_MIN), b"hhhhhhhhg" * _CHARACTERS_MIN
_BITS_RUN = re2.compile(r"(?:[01]{8}[ \n,]?){12,}")


def hidden_texts(text: str, turned: bool) -> list[tuple[str, str]]:
    """What the text hides, as (how, text); at most ``HIDDEN_TEXTS_MAX``.

    Args:
        text: as it came, not its plain form: letters of either case matter to base64.
        turned: whether ``TURNED`` finds something in its plain form.
    """
    found = list(islice(_direct(text), HIDDEN_TEXTS_MAX))
    for _ in range(1, _DEPTH_MAX):
        inner = [hidden for _, outer in found for hidden in islice(_direct(outer), HIDDEN_TEXTS_MAX)]
        found += inner[: HIDDEN_TEXTS_MAX - len(found)]
    if turned:
        found += _turned(plain(text))
    return found


def may_hide(text: str) -> bool:
    """False only if ``hidden_texts`` finds nothing but turned words; a look that costs next to nothing."""
    return "%" in text or "&" in text or "\\" in text or "<" in text or may_hold_base64(text) or _may_hold_digits(text)


def _may_hold_digits(text: str) -> bool:
    digits = text.encode("utf-8", "replace").translate(_HEX_MAP)
    return _HEX_APART in digits or _BITS_APART in digits or _HEX_TOGETHER in digits


def _direct(text: str) -> Iterator[tuple[str, str]]:
    for how, read in _READERS:
        for hidden in read(text):
            if len(hidden) >= _CHARACTERS_MIN and mostly_printable(hidden):
                yield how, hidden


def _percent_texts(text: str) -> Iterator[str]:
    """URL encoding, also of a part."""
    if text.count("%") < _ESCAPES_MIN:
        return
    utf8 = text.encode("utf-8", "replace").replace(b"+", b" ")
    decoded = _PERCENT.sub(lambda match: bytes((int(match.group()[1:], 16),)), utf8)
    if decoded != utf8:
        yield decoded.decode("utf-8", "replace")


def _entity_texts(text: str) -> Iterator[str]:
    """Character references of HTML."""
    if text.count("&") >= _ESCAPES_MIN and _ENTITY.search(text):
        yield html.unescape(text)


def _escaped_texts(text: str) -> Iterator[str]:
    """Escapes of JSON, JavaScript and Python."""
    if text.count("\\") >= _ESCAPES_MIN:
        decoded = _ESCAPE.sub(_unescape, text)
        if decoded != text:
            yield decoded


def _unescape(match: Any) -> str:
    code = int(match.group()[2:].strip("{}"), 16)
    return chr(code) if code < 0x110000 else ""


def _untagged_texts(text: str) -> Iterator[str]:
    """Words that are divided by tags or comments."""
    if "<" in text and _TAG_IN_WORD.search(text):
        yield _TAG.sub("", text)


def _hexadecimal_texts(text: str) -> Iterator[str]:
    """Bytes as hexadecimal digits, together or apart."""
    if not _may_hold_digits(text):
        return
    for match in islice(_HEX_RUN.finditer(text), _RUNS_MAX):
        digits = _HEX_GAP.sub("", match.group()[: 4 * _RUN_BYTES_MAX])
        yield bytes.fromhex(digits[: len(digits) // 2 * 2]).decode("utf-8", "ignore")


def _binary_texts(text: str) -> Iterator[str]:
    """Bytes as eight binary digits."""
    digits = text.encode("utf-8", "replace").translate(_HEX_MAP)
    if _BITS_APART not in digits and _BITS_TOGETHER not in digits:
        return
    for match in islice(_BITS_RUN.finditer(text), _RUNS_MAX):
        bits = match.group().replace(" ", "").replace("\n", "").replace(",", "")[: 8 * _RUN_BYTES_MAX]
        yield bytes(int(bits[place : place + 8], 2) for place in range(0, len(bits) - 7, 8)).decode("utf-8", "ignore")


def _turned(plain_text: str) -> Iterator[tuple[str, str]]:
    """Rotated by 13, backwards, and with each word backwards."""
    if _ROTATED_WORD.search(plain_text):
        yield "rot13", plain_text.translate(_ROTATION)
    if _REVERSED_WORD.search(plain_text):
        yield "reversed", plain_text[::-1]
        yield "reversed", " ".join(word[::-1] for word in plain_text.split())


_READERS: tuple[tuple[str, Callable[[str], Iterator[str] | list[str]]], ...] = (
    ("base64", base64_texts),
    ("percent", _percent_texts),
    ("entities", _entity_texts),
    ("escapes", _escaped_texts),
    ("tags", _untagged_texts),
    ("hex", _hexadecimal_texts),
    ("binary", _binary_texts),
)
