"""JSON as the model server reads it, or not at all.

vLLM reads bodies with Python's ``json``: it takes UTF-16, a byte order mark, NaN, and the last of two equal keys. A
guard that reads them otherwise inspects another request than the one that is answered. So whatever two parsers could
read differently is refused, with the reason; what is accepted has one meaning.

A body that is written as ``orjson`` writes it (which is what the usual clients send) is recognized by writing it again
and comparing: then it has no key twice, and changes can be made in the tree. In any other body a key that stands twice
is found by counting: the parser has dropped the first of the two, so the value written again has fewer quotes.

``orjson`` rounds integers past 64 bits, and a card's number may stand in one. So a body with so many digits in a row is
parsed again by the standard library, as vLLM does, which keeps them all.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from extproc.domain.errors import PayloadRefused, refuse

JsonValue = Any

_MARKS_OF_OTHER_ENCODINGS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_CONTAINERS = frozenset({dict, list})
_WINDOW_CHARS = 8_192  # many brackets mostly show early in a large body
_DIGITS_AS_ZEROS = bytes([ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256)])
_LONG_NUMBER = b"0" * len(str(1 << 63))  # no integer with fewer digits is past 64 bits


def parse_once(text: bytes) -> JsonValue:
    """Parse JSON in which no object has a key twice.

    A server's own writing costs one comparison.
    Raises: ValueError, which never quotes the text.
    """
    value = orjson.loads(text)
    try:
        written = orjson.dumps(value)
    except orjson.JSONEncodeError:
        raise ValueError("nested too deeply") from None
    if written != text and _count_quotes(text.decode("latin-1")) != written.decode("latin-1").count('"'):
        raise ValueError("the same key twice")
    return value


def parse_strict(body: bytes, depth_max: int) -> tuple[JsonValue, bool]:
    """Parse a body that must mean the same to every parser.

    Args:
        body: UTF-8 JSON without a byte order mark.
        depth_max: deepest nesting of objects and arrays that is accepted.
    Returns: the value, and whether the body is written exactly as ``orjson.dumps`` writes that value.
    Raises: PayloadRefused (400), which never quotes the body.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _unreadable(body, error) from None
    text = body.decode("latin-1")  # any bytes, a character each: strings are counted much faster than bytes
    if _has_more_brackets(text, depth_max):
        _refuse_deep(value, depth_max)
    canonical = orjson.dumps(value)
    if canonical == body:
        return value, True
    if _count_quotes(text) != canonical.decode("latin-1").count('"'):
        raise refuse(400, "duplicate_key", "An object of the body has the same key twice. Send each key once.")
    if _LONG_NUMBER in body.translate(_DIGITS_AS_ZEROS):
        value = _with_long_integers(body)
    return value, False


def _with_long_integers(body: bytes) -> JsonValue:
    """The value with all digits of its integers: Python's, and so vLLM's, may have up to 4,300."""
    try:
        return json.loads(body)
    except ValueError:
        raise refuse(400, "invalid_json", "A number of the body has too many digits. Send it as a string.") from None


def _unreadable(body: bytes, error: orjson.JSONDecodeError) -> PayloadRefused:
    if body.startswith(_MARKS_OF_OTHER_ENCODINGS) or b"\x00" in body[:4]:
        return refuse(400, "invalid_encoding", "The body must be UTF-8 without a byte order mark.")
    where = f"line {error.lineno}, column {error.colno}"
    return refuse(400, "invalid_json", f"The body is not valid JSON ({where}). Send UTF-8 JSON.")


def _has_more_brackets(text: str, count_max: int) -> bool:
    """Whether there are more opening brackets than that, in strings or not: no body is deeper than it has brackets."""
    count = 0
    for begin in range(0, len(text), _WINDOW_CHARS):
        end = begin + _WINDOW_CHARS
        count += text.count("{", begin, end) + text.count("[", begin, end)
        if count > count_max:
            return True
    return False


def _refuse_deep(value: JsonValue, depth_max: int) -> None:
    containers = [value] if type(value) in _CONTAINERS else []
    for _ in range(depth_max):
        containers = [
            child
            for parent in containers
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) in _CONTAINERS
        ]
        if not containers:
            return
    raise refuse(400, "json_too_deep", f"The body is nested deeper than {depth_max} levels.")


def _count_quotes(text: str) -> int:
    """How many quotes a JSON text has: around its strings and in them, whether spelled ``\\"`` or ``\\u0022``.

    So it depends on the strings alone, and not on who wrote them. (orjson never writes ``\\u0022``.)
    """
    quotes = text.count('"')
    if "\\u0022" in text:
        # Behind an escaped backslash it is no escape.
        quotes += text.replace("\\\\", "").count("\\u0022")
    return quotes
