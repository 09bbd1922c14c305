"""Parses JSON exactly like the model server, or refuses it.

vLLM parses bodies with Python's ``json``: it accepts UTF-16, a byte order mark, NaN, and the last of two equal keys. A
guard that parses them differently checks a different request from the one that is processed. Therefore everything that
two parsers could read differently is refused, with the reason; an accepted body has one meaning.

A body serialized exactly as by ``orjson`` (as most clients do) is recognized by serializing it again and comparing:
then it has no duplicate key, and changes can be made in the tree. In any other body duplicate keys are detected by
counting quotes: the parser has dropped the first of the two, so the serialized value has fewer quotes.

``orjson`` rounds integers beyond 64 bits, and such an integer may hold a card number. A body with that many digits in a
row is therefore parsed again by the standard library, as in vLLM, which keeps all digits.
"""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

from extproc.domain.errors import PayloadRefused, refuse

JsonValue = Any

_MARKS_OF_OTHER_ENCODINGS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_CONTAINERS: Final = frozenset({dict, list})
_WINDOW_CHARS: Final = 8_192  # excessive brackets usually appear early in a large body
_DIGITS_AS_ZEROS: Final = bytes([ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256)])
_LONG_NUMBER: Final = b"0" * len(str(1 << 63))  # no integer with fewer digits exceeds 64 bits


def parse_once(text: bytes) -> JsonValue:
    """Parse JSON in which no object has a duplicate key.

    A server's compact JSON costs one comparison. Raises: ValueError, which never quotes the text.
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
    """Parse a body that must have the same meaning for every parser.

    Args:
        body: UTF-8 JSON without a byte order mark.
        depth_max: the deepest accepted nesting of objects and arrays.

    Returns: the value, and whether the body is exactly ``orjson.dumps`` of it.

    Raises: PayloadRefused (400), which never quotes the body.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _unreadable(body, error) from None
    text = body.decode("latin-1")  # one character per byte: counting in str is much faster than in bytes
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
    """The value with all digits of its integers, as Python, and therefore vLLM, keeps them.

    orjson has refused a number of more than 308 digits, before this limit of Python's: 4,300.
    """
    return json.loads(body)


def _unreadable(body: bytes, error: orjson.JSONDecodeError) -> PayloadRefused:
    if body.startswith(_MARKS_OF_OTHER_ENCODINGS) or b"\x00" in body[:4]:
        return refuse(400, "invalid_encoding", "The body must be UTF-8 without a byte order mark.")
    where = f"line {error.lineno}, column {error.colno}"
    return refuse(400, "invalid_json", f"The body is not valid JSON ({where}). Send UTF-8 JSON.")


def _has_more_brackets(text: str, count_max: int) -> bool:
    """Whether there are more opening brackets than that, in strings or not: the depth never exceeds their number."""
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
    """The number of quotes in a JSON text: around its strings and in them, spelled ``\"`` or ``\u0022``.

    So it depends on the strings alone, not on the serializer. (orjson never writes ``\u0022``.)
    """
    quotes = text.count('"')
    if "\\u0022" in text:
        # After an escaped backslash it is not an escape.
        quotes += text.replace("\\\\", "").count("\\u0022")
    return quotes
