"""Headers that are read by hand are those that the protobuf library reads; secrets are not kept."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from extproc._pb import ext_proc_pb2 as pb
from extproc.exchange.events import RequestHeaders
from extproc.wire import header_map as by_hand
from extproc.wire.decode import UnknownMessage, decode, parsed
from tests.unit.wire.messages import ENVOYS, decoded, request_with, with_headers

NAMES = st.sampled_from([":path", "content-type", "x-team", "a" * 130, "Stra\xdfe", ""])
VALUES = st.one_of(st.binary(max_size=5), st.sampled_from([b"application/json", b"v" * 127, b"w" * 128, b"x" * 17_000]))
HEADERS = st.builds(
    lambda name, pairs, end: request_with(name, with_headers(*pairs, end=end)),
    st.sampled_from(["request_headers", "response_headers"]),
    st.lists(st.tuples(NAMES, VALUES), max_size=5),
    st.booleans(),
)


def read_by(read: Any, content: bytes) -> Any:
    """The event, or the kind of error."""
    try:
        return read(content)
    except (DecodeError, UnknownMessage) as error:
        return type(error)


@given(HEADERS, st.booleans(), st.data())
def test_headers_are_read_as_the_library_reads_them(
    message: pb.ProcessingRequest, attributes: bool, data: st.DataObject
) -> None:
    """Whatever follows, whatever byte is another, and wherever the bytes end; a value that was kept is the same."""
    if attributes:
        message.attributes[ENVOYS].update({"response.code_details": "via_upstream", "upstream.address": "10.0.0.7:8"})
    content = bytearray(message.SerializeToString())
    for _ in range(data.draw(st.integers(0, 2))):
        if content:
            content[data.draw(st.integers(0, min(40, len(content) - 1)))] = data.draw(st.integers(0, 255))
    bytes_ = bytes(content)[: data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))]
    expected = read_by(parsed, bytes_)
    assert read_by(decode, bytes_) == expected
    assert read_by(decode, bytes_) == expected


def test_the_usual_headers_are_read_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """If Envoy's headers were not, nothing else would tell. And a credential is not kept."""
    monkeypatch.setattr("extproc.wire.decode.parsed", pytest.fail)
    secret = b"Bearer sk-0123456789"
    message = pb.ProcessingRequest(
        request_headers=with_headers(("accept-encoding", b"gzip"), ("authorization", secret))
    )
    message.attributes[ENVOYS].update({"response.code_details": ""})
    assert decoded(message) == RequestHeaders({"accept-encoding": "gzip", "authorization": secret.decode()})
    assert any(b"gzip" in entry for entry in by_hand._kept)
    assert not any(secret in entry for entry in by_hand._kept)


def test_few_values_are_kept() -> None:
    """However many paths clients ask for."""
    for number in range(3 * by_hand._KEPT_MAX):
        decoded(pb.ProcessingRequest(request_headers=with_headers((":path", b"/%d" % number))))
    assert len(by_hand._kept) <= by_hand._KEPT_MAX
