"""Envoy's messages become events: each kind, headers as bytes, and whatever else the bytes may hold."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct
from hypothesis import example, given
from hypothesis import strategies as st

from extproc._pb import ext_proc_pb2 as pb
from extproc.exchange.events import (
    RequestBody,
    RequestHeaders,
    RequestTrailers,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)
from extproc.wire.decode import UnknownMessage, decode, plain_chunk
from tests.unit.wire.messages import ENVOYS, decoded, request_with, with_headers


@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize(
    ("message", "event"),
    [
        (
            lambda end: {"request_headers": with_headers((":path", b"/"), end=end)},
            lambda end: RequestHeaders({":path": "/"}, end),
        ),
        (
            lambda end: {"response_headers": with_headers((":status", b"200"), end=end)},
            lambda end: ResponseHeaders({":status": "200"}, end),
        ),
        (
            lambda end: {"request_body": pb.HttpBody(body=b"a", end_of_stream=end)},
            lambda end: RequestBody(b"a", end),
        ),
        (
            lambda end: {"response_body": pb.HttpBody(body=b"a", end_of_stream=end)},
            lambda end: ResponseBody(b"a", end),
        ),
        (lambda _: {"request_trailers": pb.HttpTrailers()}, lambda _: RequestTrailers()),
        (lambda _: {"response_trailers": pb.HttpTrailers()}, lambda _: ResponseTrailers()),
    ],
)
def test_every_kind_of_message_is_an_event(message: Any, event: Any, end: bool) -> None:
    """Content and end of the stream are taken over."""
    assert decoded(pb.ProcessingRequest(**message(end))) == event(end)


def test_a_message_without_a_part_we_know_is_refused() -> None:
    """It must not be taken for something that may go on."""
    with pytest.raises(UnknownMessage):
        decoded(pb.ProcessingRequest())
    with pytest.raises(UnknownMessage):
        decoded(pb.ProcessingRequest(attributes={"envoy.filters.http.ext_proc": Struct()}))


def test_header_values_come_from_raw_value() -> None:
    """The other field is for peers that have no ``raw_value``; where both are, the bytes count."""
    headers = pb.HttpHeaders()
    headers.headers.headers.add(key="both", value="old", raw_value=b"new")
    headers.headers.headers.add(key="plain", value="old")
    headers.headers.headers.add(key="empty")
    event = decoded(pb.ProcessingRequest(request_headers=headers))
    assert event == RequestHeaders({"both": "new", "plain": "old", "empty": ""})


def test_a_value_that_is_not_utf8_is_still_a_text() -> None:
    """Such bytes are replaced: they must not end an exchange, and must not be read as anything else."""
    event = decoded(pb.ProcessingRequest(request_headers=with_headers(("x-team", b"caf\xe9"))))
    assert event == RequestHeaders({"x-team": "caf\ufffd"})


def test_a_repeated_header_is_joined_so_that_no_reader_takes_one_of_two() -> None:
    """Two content types are one value that is no content type: whoever looks for JSON does not find it."""
    twice = with_headers(("content-type", b"application/json"), ("content-type", b"text/plain"))
    event = decoded(pb.ProcessingRequest(request_headers=twice))
    assert event == RequestHeaders({"content-type": "application/json,text/plain"})


@pytest.mark.parametrize(
    ("attributes", "details"),
    [
        ({}, ""),
        ({"envoy.filters.http.ext_proc": {}}, ""),
        ({"envoy.filters.http.ext_proc": {"response.code_details": "via_upstream"}}, "via_upstream"),
        ({"envoy.filters.http.ext_proc": {"response.code_details": 7}}, ""),
        ({"llm.extproc": {"response.code_details": "via_upstream"}}, ""),
    ],
)
def test_envoys_details_are_read_from_its_own_key(attributes: dict[str, Any], details: str) -> None:
    """The key is the same whatever the filter's name; anything else is unknown, and never an upstream's answer."""
    message = pb.ProcessingRequest(response_headers=with_headers())
    for key, fields in attributes.items():
        message.attributes[key].update(fields)
    assert decoded(message) == ResponseHeaders({}, details=details)


@pytest.mark.parametrize(
    ("attributes", "upstream"),
    [
        ({}, ""),
        ({ENVOYS: {"response.code_details": "via_upstream"}}, ""),
        ({ENVOYS: {"upstream.address": "10.0.0.7:8000"}}, "10.0.0.7:8000"),
        ({ENVOYS: {"upstream.address": 7}}, ""),
        ({"llm.extproc": {"upstream.address": "10.0.0.7:8000"}}, ""),
    ],
)
def test_the_server_of_an_answer_is_what_envoy_says(attributes: dict[str, Any], upstream: str) -> None:
    """An Envoy whose configuration is of an older release does not say it."""
    message = pb.ProcessingRequest(response_headers=with_headers())
    for key, fields in attributes.items():
        message.attributes[key].update(fields)
    event = decoded(message)
    assert isinstance(event, ResponseHeaders)
    assert event.upstream == upstream


PARTS = st.one_of(
    st.builds(
        lambda name, pairs, end: request_with(name, with_headers(*pairs, end=end)),
        st.sampled_from(["request_headers", "response_headers"]),
        st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=8)), max_size=4),
        st.booleans(),
    ),
    st.builds(
        lambda name, body, end: request_with(name, pb.HttpBody(body=body, end_of_stream=end)),
        st.sampled_from(["request_body", "response_body"]),
        st.binary(max_size=64),
        st.booleans(),
    ),
)


@given(PARTS, st.data())
def test_damaged_messages_are_events_or_unknown(message: pb.ProcessingRequest, data: st.DataObject) -> None:
    """Whatever parses as a message decodes, or is refused as unknown: nothing else is raised."""
    bytes_ = bytearray(message.SerializeToString())
    for _ in range(data.draw(st.integers(0, 3))):
        if bytes_:
            bytes_[data.draw(st.integers(0, len(bytes_) - 1))] = data.draw(st.integers(0, 255))
    decode_bytes(bytes(bytes_))


@pytest.mark.parametrize("size", [0, 1, 2, 123, 124, 125, 126, 127, 128, 129, 16_300, *range(16_370, 16_390)])
@pytest.mark.parametrize("end", [False, True])
def test_a_chunk_of_any_size_is_read_as_the_library_reads_it(size: int, end: bool) -> None:
    """Lengths of one, two and three bytes: by hand or by the library, the event is the same."""
    body = bytes(number % 251 for number in range(size))
    message = pb.ProcessingRequest(response_body=pb.HttpBody(body=body, end_of_stream=end))
    assert decoded(message) == ResponseBody(body, end)


def test_the_usual_chunk_is_read_by_hand() -> None:
    """If Envoy's chunks were not, nothing else would tell."""
    message = pb.ProcessingRequest(response_body=pb.HttpBody(body=b"data: {}\n\n"))
    assert plain_chunk(message.SerializeToString()) == b"data: {}\n\n"


@given(st.binary(max_size=300), st.data())
def test_what_is_read_by_hand_is_what_the_library_reads(body: bytes, data: st.DataObject) -> None:
    """Any byte may be another, and bytes may be missing or too many: read by hand is read alike, or not at all."""
    content = bytearray(pb.ProcessingRequest(response_body=pb.HttpBody(body=body)).SerializeToString())
    for _ in range(data.draw(st.integers(0, 2))):
        content[data.draw(st.integers(0, min(7, len(content) - 1)))] = data.draw(st.integers(0, 255))
    bytes_ = bytes(content)[: data.draw(st.integers(0, len(content)))] + data.draw(st.binary(max_size=3))
    chunk = plain_chunk(bytes_)
    if chunk is not None:
        expected = pb.ProcessingRequest(response_body=pb.HttpBody(body=chunk))
        try:
            read = pb.ProcessingRequest.FromString(bytes_)
        except DecodeError:
            assert b"\x42" in bytes_  # metadata, which is passed over
            return
        read.ClearField("metadata_context")
        assert read == expected


@given(st.binary(max_size=64))
@example(b"\x12\x00")
def test_random_bytes_are_events_or_unknown(content: bytes) -> None:
    """As above, for bytes that were never a message."""
    decode_bytes(content)


def decode_bytes(content: bytes) -> None:
    """Decodes what can be."""
    with contextlib.suppress(DecodeError, UnknownMessage):
        decode(content)


def verified_by_envoy(**claims: Any) -> pb.Metadata:
    """What Envoy's JWT filter has found, between what other filters say."""
    found, other = Struct(), Struct()
    found.update({"llm_claims_0": claims})
    other.update({"a": 1})
    return pb.Metadata(filter_metadata={"envoy.filters.http.jwt_authn": found, "other": other})


def test_what_envoy_says_of_a_token_comes_with_the_headers() -> None:
    """Texts, lists, numbers and blocks; nothing where it says nothing, or where another filter does."""
    claims = {"team": "search", "groups": ["a", "b"], "exp": 1.0, "nested": {"x": None, "y": True}}
    headers = with_headers((":path", b"/"))
    event = decoded(pb.ProcessingRequest(request_headers=headers, metadata_context=verified_by_envoy(**claims)))
    assert event == RequestHeaders({":path": "/"}, False, {"llm_claims_0": claims})
    without = pb.Metadata(filter_metadata={"other": Struct()})
    for message in (
        pb.ProcessingRequest(request_headers=headers),
        pb.ProcessingRequest(request_headers=headers, metadata_context=without),
    ):
        assert decoded(message) == RequestHeaders({":path": "/"}, False, None)


@given(st.binary(max_size=300), st.text(max_size=20_000), st.booleans())
@example(b"data: {}", "x" * 17_000, False)
def test_a_chunk_before_the_claims_of_a_token_is_read_by_hand_too(body: bytes, claim: str, end: bool) -> None:
    """Envoy repeats them with each message; what is too long for that, the library reads."""
    message = pb.ProcessingRequest(
        response_body=pb.HttpBody(body=body, end_of_stream=end), metadata_context=verified_by_envoy(team=claim)
    )
    content = message.SerializeToString()
    assert decode(content) == ResponseBody(body, end)
    if body and not end and len(content) < 1 << 14:
        assert plain_chunk(content) == body
