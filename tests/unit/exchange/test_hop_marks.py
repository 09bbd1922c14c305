"""Marks of a hop: any change of a request or of the mark breaks it, keys can be rotated, and clocks may differ."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.hop_results import MarkResult
from extproc.exchange.hop_marks import (
    GUARDS_MAX,
    MARK_CHARS_MAX,
    HopKey,
    HopMark,
    MarkRefused,
    RequestAtHop,
    body_digest,
    checked_mark,
    hop_key,
    signed_mark,
)

NOW_S = 1_796_040_000
AGE_S_MAX = 60
KEY, OTHER = hop_key(b"k" * 32), hop_key(b"o" * 32)
BODY = b'{"model":"tiny","messages":[{"role":"user","content":"Good morning"}]}'
REQUEST = RequestAtHop("tiny/v1", "chat", BODY, NOW_S)
KNOWN_ELSEWHERE = (MarkResult.GOOD, MarkResult.ABSENT, MarkResult.USED)
VERSIONS = st.sampled_from(["tiny/v1", "tiny/v2", "tin/y/v1", "other/v1"])
ENDPOINTS = st.sampled_from(["chat", "completions", "messages"])


def mark_of(request: RequestAtHop = REQUEST, key: HopKey = KEY, guards: tuple[str, ...] = ("a1", "b2")) -> HopMark:
    """What the first hop says of a request."""
    digest = body_digest(request.body, key)
    return HopMark("e-1", request.version, request.endpoint, guards, True, True, int(request.utc_s), digest)


def result_of(text: str, request: RequestAtHop = REQUEST, *keys: HopKey) -> MarkResult:
    """What becomes of a mark at the second hop."""
    try:
        checked_mark(text, keys or (KEY,), request, AGE_S_MAX)
    except MarkRefused as refused:
        return refused.result
    return MarkResult.GOOD


# --- laws ----------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200), VERSIONS, ENDPOINTS, st.lists(st.text("abcdef0123456789", min_size=1), max_size=9))
def test_a_mark_brings_what_was_signed(body: bytes, version: str, endpoint: str, guards: list[str]) -> None:
    """Of any request, and of any guards."""
    request = RequestAtHop(version, endpoint, body, NOW_S)
    mark = mark_of(request, guards=tuple(guards))
    assert checked_mark(signed_mark(mark, KEY), (KEY,), request, AGE_S_MAX) == mark


@given(st.binary(max_size=200), VERSIONS, ENDPOINTS)
def test_a_mark_vouches_for_nothing_else(body: bytes, version: str, endpoint: str) -> None:
    """Another body, version or API is told by its own reason."""
    other = RequestAtHop(version, endpoint, body, NOW_S)
    expected = (
        MarkResult.OTHER_VERSION
        if version != REQUEST.version
        else MarkResult.OTHER_ENDPOINT
        if endpoint != REQUEST.endpoint
        else MarkResult.OTHER_BODY
        if body != BODY
        else MarkResult.GOOD
    )
    assert result_of(signed_mark(mark_of(), KEY), other) is expected


@given(st.data())
def test_no_character_of_a_mark_can_be_changed(data: st.DataObject) -> None:
    """Nor removed, nor added."""
    text = signed_mark(mark_of(), KEY)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    changed = text[:start] + data.draw(st.text(max_size=3)) + text[end:]
    assert (result_of(changed) is MarkResult.GOOD) == (changed == text)


@given(st.text(max_size=100) | st.binary(max_size=100).map(lambda one: one.decode("latin-1")))
def test_no_header_is_a_mark_by_chance(text: str) -> None:
    """Whatever a client sends is refused, and raises nothing else."""
    assert result_of(text) in (MarkResult.MALFORMED, MarkResult.UNKNOWN_KEY, MarkResult.FORGED)


@given(st.integers(-200, 200))
def test_clocks_may_differ_by_the_age(seconds: int) -> None:
    """Either way, as nobody knows whose clock is wrong."""
    late = REQUEST._replace(utc_s=NOW_S + seconds)
    expected = MarkResult.GOOD if abs(seconds) <= AGE_S_MAX else MarkResult.EXPIRED
    assert result_of(signed_mark(mark_of(), KEY), late) is expected


@given(st.binary(min_size=32, max_size=64), st.binary(min_size=32, max_size=64))
def test_a_mark_of_another_key_is_none(mine: bytes, theirs: bytes) -> None:
    """No two keys accept each other's marks, and each its own."""
    first, second = hop_key(mine), hop_key(theirs)
    text = signed_mark(mark_of(key=first), first)
    assert result_of(text, REQUEST, first) is MarkResult.GOOD
    assert result_of(text, REQUEST, second) is (MarkResult.GOOD if mine == theirs else MarkResult.UNKNOWN_KEY)


# --- cases ---------------------------------------------------------------------------------------------------------


def test_keys_are_rotated_without_a_gap() -> None:
    """The sidecars learn the new key, then the gateways sign with it, then the old one goes."""
    before, after = signed_mark(mark_of(), KEY), signed_mark(mark_of(key=OTHER), OTHER)
    assert [result_of(before, REQUEST, KEY), result_of(after, REQUEST, KEY)] == ["good", "unknown_key"]
    assert [result_of(one, REQUEST, KEY, OTHER) for one in (before, after)] == ["good", "good"]
    assert [result_of(one, REQUEST, OTHER) for one in (before, after)] == ["unknown_key", "good"]


def test_the_name_of_a_key_alone_opens_nothing() -> None:
    """The name stands in each mark, so anyone who sees one can write it."""
    name, payload, _ = signed_mark(mark_of(), KEY).split(".")
    assert result_of(f"{name}.{payload}.{'0' * 64}") is MarkResult.FORGED
    theirs = signed_mark(mark_of(key=OTHER), OTHER).split(".")
    assert result_of(f"{name}.{theirs[1]}.{theirs[2]}") is MarkResult.FORGED


def signed(payload: bytes) -> str:
    """Any payload, signed as a mark is."""
    covered = f"{KEY.name}.{base64.urlsafe_b64encode(payload).decode()}"
    return f"{covered}.{hmac.digest(KEY.for_marks, covered.encode(), 'sha256').hex()}"


@pytest.mark.parametrize("format_number", [1, 2])
def test_a_mark_of_another_format_is_refused(format_number: int) -> None:
    """A later release may sign other facts with the same key: this one guards then."""
    payload = json.dumps([format_number, *mark_of()]).encode()
    assert result_of(signed(payload)) is (MarkResult.GOOD if format_number == 1 else MarkResult.MALFORMED)


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b"[1]", b"[2]", b"null", b"\xff", b'[1,"e-1","v",9]'])
def test_a_signed_payload_that_is_no_mark_is_refused(payload: bytes) -> None:
    """Nothing is raised that would end the exchange."""
    assert result_of(signed(payload)) is MarkResult.MALFORMED


def test_a_long_header_is_not_looked_at() -> None:
    """Its signature would be computed over all of it."""
    text = signed_mark(mark_of(guards=tuple(f"{number:016x}" for number in range(2 * GUARDS_MAX))), KEY)
    assert len(text) < MARK_CHARS_MAX
    assert len(checked_mark(text, (KEY,), REQUEST, AGE_S_MAX).guards) == GUARDS_MAX
    assert result_of(text + "0" * MARK_CHARS_MAX) is MarkResult.MALFORMED


def test_two_headers_are_no_mark() -> None:
    """Envoy joins them with a comma."""
    text = signed_mark(mark_of(), KEY)
    assert result_of(f"{text},{text}") is MarkResult.MALFORMED


def test_neither_key_nor_body_can_be_read_from_a_mark() -> None:
    """A digest without a key would let a reader of access logs test guesses of a text."""
    secret = b"k" * 32
    text = signed_mark(mark_of(), KEY)
    for hidden in (secret.decode(), secret.hex(), hashlib.sha256(BODY).hexdigest(), "Good morning"):
        assert hidden not in text
        assert hidden not in repr(KEY)


@pytest.mark.parametrize("result", [one for one in MarkResult if one not in KNOWN_ELSEWHERE])
def test_every_reason_occurs(result: MarkResult) -> None:
    """Each is told by a request of its own."""
    text = signed_mark(mark_of(), KEY)
    requests = {
        MarkResult.MALFORMED: ("x", REQUEST),
        MarkResult.UNKNOWN_KEY: (signed_mark(mark_of(key=OTHER), OTHER), REQUEST),
        MarkResult.FORGED: (text[:-1] + ("0" if text[-1] != "0" else "1"), REQUEST),
        MarkResult.EXPIRED: (text, REQUEST._replace(utc_s=NOW_S + AGE_S_MAX + 1)),
        MarkResult.OTHER_VERSION: (text, REQUEST._replace(version="tiny/v2")),
        MarkResult.OTHER_ENDPOINT: (text, REQUEST._replace(endpoint="messages")),
        MarkResult.OTHER_BODY: (text, REQUEST._replace(body=BODY + b" ")),
    }
    assert result_of(*requests[result]) is result
