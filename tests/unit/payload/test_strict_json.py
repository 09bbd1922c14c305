"""Bodies that two parsers could read differently are refused; what is accepted means the same to both."""

from __future__ import annotations

import json
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.errors import PayloadRefused
from extproc.payload.strict_json import parse_strict

DEPTH_MAX = 64
SECRET = "jane.doe@example.com"


def refusal_of(body: bytes, depth_max: int = DEPTH_MAX) -> str:
    """The code with which a body is refused; its message must not quote the body."""
    with pytest.raises(PayloadRefused) as caught:
        parse_strict(body, depth_max)
    assert caught.value.error.status == 400
    assert SECRET not in caught.value.error.message
    assert caught.value.__cause__ is None
    return caught.value.error.code


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":2}',
        b'{"x":{"y":[{"a":1,"b":2,"a":1}]}}',
        b'[[{"jane.doe@example.com":1,"jane.doe@example.com":1}]]',
        b'{"":1,"":1}',
    ],
)
def test_a_key_twice_is_refused_at_any_depth_and_in_any_spelling(body: bytes) -> None:
    """vLLM takes the last of two equal keys; other parsers take the first."""
    assert refusal_of(body) == "duplicate_key"


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
@pytest.mark.parametrize("text", ['{"a":"jane.doe@example.com"}', "1", "{}"])
def test_other_encodings_than_bare_utf_8_are_refused(text: str, encoding: str) -> None:
    """Python's json accepts them all; nothing else does."""
    assert refusal_of(text.encode(encoding)) == "invalid_encoding"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b"[-Infinity]",
        b"[1e400]",
        b'{"a":"\\ud800"}',
        b'{"\\udc00":1}',
        b'{"a":"jane.doe@example.com',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":"tab\there"}',
        b'{"a":1}{"a":2}',
        b'{"a":1}\x00',
        b"[01]",
        b"// comment\n{}",
        b"[" + b"1" * 5_000 + b"]",
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    """Also what Python's json lets pass: NaN, lone surrogates, numbers without end."""
    assert refusal_of(body) == "invalid_json"


@pytest.mark.parametrize("value", [[], {}, [1], "text", 5, None, True, 1.5])
def test_any_json_value_is_given_back(value: Any) -> None:
    """Whether it must be an object is for the dialect to say."""
    assert parse_strict(orjson.dumps(value), DEPTH_MAX) == (value, True)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
def test_the_depth_limit_counts_objects_and_arrays(opening: bytes, closing: bytes) -> None:
    """Exactly the limit passes, one more does not."""
    levels = 1 + opening.startswith(b"[{")
    inner = b"1"
    fits = opening * (8 // levels) + inner + closing * (8 // levels)
    assert parse_strict(fits, 8)[0]
    assert refusal_of(b"[" + fits + b"]", 8) == "json_too_deep"
    assert refusal_of(b'{"a":' + fits + b"}", 8) == "json_too_deep"


def test_many_brackets_are_not_depth() -> None:
    """Width is free, and so are brackets in strings."""
    parse_strict(orjson.dumps([[1], {"a": "[{[{[{"}] * 50), 3)


def test_a_very_deep_body_is_refused() -> None:
    """Deeper than any parser goes."""
    assert refusal_of(b"[" * 100_000 + b"]" * 100_000) in {"invalid_json", "json_too_deep"}


def test_a_broad_body_costs_linear_time() -> None:
    """The depth check visits each value once, whatever the number of brackets."""
    body = orjson.dumps([[[]] * 10] * 20_000)
    began = time.perf_counter()
    parse_strict(body, 3)
    assert time.perf_counter() - began < 2


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=15,
)


@given(JSON, st.booleans(), st.sampled_from([None, 0, 1, "\t"]))
def test_what_is_accepted_is_what_python_reads(value: Any, ascii_only: bool, indent: int | str | None) -> None:
    """Any spelling of a value is read as vLLM (Python's json) reads it, and called canonical only if it is."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    body = text.encode()
    read, canonical = parse_strict(body, DEPTH_MAX)
    assert json.dumps(read) == json.dumps(json.loads(body))
    assert canonical is (orjson.dumps(read) == body)


@given(st.binary(max_size=40) | st.text(alphabet='{}[]",:\\u0d8nN1e+-. \t\n\ufeff\u00e9', max_size=40).map(str.encode))
def test_bytes_are_read_as_python_reads_them_or_not_at_all(body: bytes) -> None:
    """No bytes mean one thing to us and another to Python's json, duplicate keys included."""
    try:
        read, canonical = parse_strict(body, DEPTH_MAX)
    except PayloadRefused:
        return
    pairs: list[list[tuple[str, Any]]] = []
    python = json.loads(body, object_pairs_hook=lambda items: pairs.append(items) or dict(items))
    assert json.dumps(read) == json.dumps(python)
    assert all(len(dict(items)) == len(items) for items in pairs)
    assert canonical is (orjson.dumps(read) == body)


@given(JSON, st.text(max_size=6), st.data())
def test_doubling_any_key_is_refused(value: Any, key: str, data: st.DataObject) -> None:
    """Wherever the object stands that has it twice."""
    twice = json.dumps({key: value})[:-1] + ", " + json.dumps({key: data.draw(JSON)})[1:]
    for _ in range(data.draw(st.integers(0, 3))):
        twice = data.draw(st.sampled_from(['{"o": %s}', "[%s]", '[0, %s, {"b": 1}]'])) % twice
    assert refusal_of(twice.encode()) in {"duplicate_key", "invalid_json"}


def test_numbers_past_64_bits_pass_as_they_are() -> None:
    """They are not text; the body keeps them, since it is spliced."""
    read, canonical = parse_strict(b'{"seed":12345678901234567890123}', DEPTH_MAX)
    assert read["seed"] == pytest.approx(1.2345678901234568e22)
    assert not canonical
