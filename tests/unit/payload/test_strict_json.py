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
from extproc.payload.strict_json import parse_once, parse_strict

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

    def kept(items: list[tuple[str, Any]]) -> dict[str, Any]:
        pairs.append(items)
        return dict(items)

    python = json.loads(body, object_pairs_hook=kept)
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


# Pieces of strings that are easily counted wrongly: quotes, backslashes, and what only looks like an escape.
PIECES = st.one_of(
    st.sampled_from(["a", r"\u0061", "u0022", "0022", r"\n", r"\/", "{", "[", ":", ",", " "]),
    st.sampled_from([r"\"", r"\u0022", r"\\", r"\u005c", r"\u005C"]),
    st.sampled_from(["é", r"\u00e9", r"\u00E9", r"\ud83d\ude00", "😀", r"\ud83d"]),
)
STRINGS = st.lists(PIECES, max_size=3).map(lambda pieces: '"' + "".join(pieces) + '"')
SPACES = st.sampled_from(["", " ", "\r\n\t"])
SPELLED = st.recursive(
    STRINGS | st.sampled_from(["1", "-0", "1e5", "true", "null", "[]", "{ }"]),
    lambda inner: (
        st.lists(st.tuples(SPACES, inner).map("".join), min_size=1, max_size=3).map(
            lambda items: f"[{','.join(items)}]"
        )
        | st.lists(st.tuples(STRINGS, SPACES, st.just(":"), SPACES, inner, SPACES).map("".join), max_size=4).map(
            lambda items: "{" + ",".join(items) + "}"
        )
    ),
    max_leaves=12,
)


def plainly_parsed(body: bytes, depth_max: int) -> tuple[Any, bool] | str:
    """What ``parse_strict`` gives, or the code of its refusal, by reading the body as Python does, key by key."""

    class DuplicateKey(Exception):
        pass

    def once(pairs: list[tuple[str, Any]]) -> None:
        if len({key for key, _ in pairs}) != len(pairs):
            raise DuplicateKey

    def depth(value: Any) -> int:
        if not isinstance(value, dict | list):
            return 0
        return 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0)

    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "invalid_json"
    if depth(value) > depth_max:
        return "json_too_deep"
    try:
        json.loads(body, object_pairs_hook=once)
    except DuplicateKey:
        return "duplicate_key"
    return value, orjson.dumps(value) == body


@given(SPELLED, st.integers(1, 5))
def test_quotes_tell_of_duplicates_what_reading_each_key_tells(text: str, depth_max: int) -> None:
    """However strings and keys are spelled, wherever spaces stand; and the depth is right too."""
    body = text.encode()
    expected = plainly_parsed(body, depth_max)
    if isinstance(expected, str):
        assert refusal_of(body, depth_max) == expected
    else:
        assert parse_strict(body, depth_max) == expected


@pytest.mark.parametrize(
    ("body", "is_refused"),
    [
        (b'{"a":"\\u0022", "b":1}', False),
        (b'{"a":"\\\\u0022", "b":1}', False),
        (b'{"a":"\\\\\\u0022", "b":1}', False),
        (b'{"\\u0022":1,"\\"":2}', True),
        (b'{"a":"\\u0022\\u0022","a":"\\"\\"\\"\\""}', True),
        (b'{"a":"\\\\u0022\\\\u0022","a":1}', True),
    ],
)
def test_a_quote_in_a_string_hides_no_key(body: bytes, is_refused: bool) -> None:
    """However it is spelled, and behind any number of backslashes."""
    if is_refused:
        assert refusal_of(body) == "duplicate_key"
    else:
        assert parse_strict(body, DEPTH_MAX)[1] is False


def test_a_deep_place_far_into_a_large_body_is_found() -> None:
    """Brackets are counted from the beginning to the end."""
    flat = ["x" * 50_000, "[" * 9]
    assert parse_strict(orjson.dumps([flat, [[[1]]]]), 4)[1]
    assert refusal_of(orjson.dumps([flat, [[[[1]]]]]), 4) == "json_too_deep"


def test_numbers_past_64_bits_pass_as_they_are() -> None:
    """They are not text; the body keeps them, since it is spliced."""
    read, canonical = parse_strict(b'{"seed":12345678901234567890123}', DEPTH_MAX)
    assert read["seed"] == pytest.approx(1.2345678901234568e22)
    assert not canonical


def test_an_answer_nested_too_deeply_is_not_parsed() -> None:
    """It could not be written again."""
    assert parse_once(b"[" * 200 + b"]" * 200)
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_once(b"[" * 300 + b"]" * 300)


@pytest.mark.parametrize("sign", ["", "-"])
def test_an_integer_has_all_its_digits_or_is_refused(sign: str) -> None:
    """None is rounded: the server reads them all."""
    longest = int(f"{sign}{'7' * 308}")
    assert parse_strict(b'{"n": %d}' % longest, 8)[0] == {"n": longest}
    with pytest.raises(PayloadRefused) as refused:
        parse_strict(b'{"n": %d0}' % longest, 8)
    assert refused.value.error.code == "invalid_json"
