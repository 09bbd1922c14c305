"""JSON as the model server reads it, or not at all.

vLLM reads bodies with Python's ``json``: it takes UTF-16, a byte order mark, NaN, and the last of two equal keys. A
guard that reads them otherwise inspects another request than the one that is answered. So whatever two parsers could
read differently is refused, with the reason; what is accepted has one meaning. (Only numbers past 64 bits differ in
precision; no text is in them.)

A body that is written as ``orjson`` writes it (which is what the usual clients send) is recognised by writing it again
and comparing: then it has no key twice, and changes can be made in the tree. Only other bodies pay for a slower
reading.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import orjson

from extproc.domain.errors import refuse

JsonValue = Any


class _DuplicateKey(Exception):
    pass


def parse_strict(body: bytes, depth_max: int) -> tuple[JsonValue, bool]:
    """Parse a body that must mean the same to every parser.

    Args:
        body: UTF-8 JSON without a byte order mark.
        depth_max: deepest nesting of objects and arrays that is accepted.
    Returns: the value, and whether the body is written exactly as ``orjson.dumps`` writes that value.
    Raises: PayloadRefused (400), which never quotes the body.
    """
    _refuse_other_encodings(body)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise refuse(
            400,
            "invalid_json",
            f"The body is not valid JSON (line {error.lineno}, column {error.colno}). Send UTF-8 JSON.",
        ) from None
    _refuse_deep(value, body, depth_max)
    if orjson.dumps(value) == body:
        return value, True
    _refuse_duplicate_keys(body)
    return value, False


def _refuse_other_encodings(body: bytes) -> None:
    if body[:3] == b"\xef\xbb\xbf" or body[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in body[:4]:
        raise refuse(400, "invalid_encoding", "The body must be UTF-8 without a byte order mark.")


def _refuse_deep(value: JsonValue, body: bytes, depth_max: int) -> None:
    if body.count(b"{") + body.count(b"[") <= depth_max:
        return
    containers = _containers([value])
    for _ in range(depth_max):
        containers = _containers(
            child for parent in containers for child in (parent.values() if isinstance(parent, dict) else parent)
        )
        if not containers:
            return
    raise refuse(400, "json_too_deep", f"The body is nested deeper than {depth_max} levels.")


def _containers(values: Iterable[JsonValue]) -> list[JsonValue]:
    return [value for value in values if isinstance(value, dict | list)]


def _refuse_duplicate_keys(body: bytes) -> None:
    def pairs_once(pairs: list[tuple[str, JsonValue]]) -> None:
        if len({key for key, _ in pairs}) != len(pairs):
            raise _DuplicateKey

    try:
        json.loads(body.decode(), object_pairs_hook=pairs_once)
    except _DuplicateKey:
        raise refuse(
            400, "duplicate_key", "An object of the body has the same key twice. Send each key once."
        ) from None
