"""Actions become Envoy's messages: one kind each, and every rule of Envoy's that a message must keep."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc._pb import ext_proc_pb2 as pb
from extproc.domain.text import Direction
from extproc.exchange.events import (
    Abort,
    BodyMode,
    Command,
    ContinueBody,
    ContinueChunk,
    ContinueHeaders,
    ContinueTrailers,
    HeaderChanges,
    ImmediateResponse,
    SendChunk,
)
from extproc.wire.encode import encode
from tests.unit.wire.reference import built

REQUEST, RESPONSE = Direction.REQUEST, Direction.RESPONSE
SEND, SKIP = pb.ProcessingMode.SEND, pb.ProcessingMode.SKIP


def encoded(action: Command) -> pb.ProcessingResponse:
    """What Envoy reads."""
    return pb.ProcessingResponse.FromString(encode(action))


def set_headers(mutation: pb.HeaderMutation) -> dict[str, bytes]:
    """What a mutation sets; each name once."""
    names = [option.header.key for option in mutation.set_headers]
    assert len(set(names)) == len(names)
    return {option.header.key: option.header.raw_value for option in mutation.set_headers}


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (ContinueHeaders(REQUEST), "request_headers"),
        (ContinueHeaders(RESPONSE), "response_headers"),
        (ContinueBody(REQUEST), "request_body"),
        (ContinueBody(RESPONSE), "response_body"),
        (ContinueChunk(), "response_body"),
        (SendChunk(b"", end=False), "response_body"),
        (ContinueTrailers(REQUEST), "request_trailers"),
        (ContinueTrailers(RESPONSE), "response_trailers"),
        (ImmediateResponse(403, b"{}", "blocked", "id-1"), "immediate_response"),
    ],
)
def test_every_action_is_a_message_of_its_kind(action: Command, kind: str) -> None:
    """Also where nothing is changed: an empty reply would end the exchange with an error of Envoy's."""
    message = encoded(action)
    assert message.WhichOneof("response") == kind


def test_an_abort_has_no_message() -> None:
    """Ending a stream is for the transport; a message in its place would let the exchange go on."""
    with pytest.raises(TypeError, match="Abort"):
        encode(Abort("internal_error"))


@pytest.mark.parametrize("direction", [REQUEST, RESPONSE])
@pytest.mark.parametrize(("body", "length"), [(b"new", b"3"), (b"", b"0"), ("ä".encode(), b"2")])
def test_a_replaced_body_brings_its_length(direction: Direction, body: bytes, length: bytes) -> None:
    """In bytes; an empty body is a replacement too."""
    message = encoded(ContinueBody(direction, body, HeaderChanges((("a", "b"),), ("c",))))
    common = (message.request_body if direction is REQUEST else message.response_body).response
    assert common.body_mutation.WhichOneof("mutation") == "body"
    assert common.body_mutation.body == body
    assert set_headers(common.header_mutation) == {"a": b"b", "content-length": length}
    assert list(common.header_mutation.remove_headers) == ["c"]


@pytest.mark.parametrize("direction", [REQUEST, RESPONSE])
def test_a_body_that_stays_keeps_its_length(direction: Direction) -> None:
    """Neither the body nor its length is touched."""
    message = encoded(ContinueBody(direction, None, HeaderChanges((("a", "b"),))))
    common = (message.request_body if direction is REQUEST else message.response_body).response
    assert not common.HasField("body_mutation")
    assert set_headers(common.header_mutation) == {"a": b"b"}


@pytest.mark.parametrize("clear", [False, True])
def test_the_route_is_chosen_again_on_demand(clear: bool) -> None:
    """New routing headers do nothing without it."""
    assert encoded(ContinueBody(REQUEST, clear_route_cache=clear)).request_body.response.clear_route_cache is clear


def test_headers_are_set_over_what_stands_there_and_as_bytes() -> None:
    """A client's value under the same name does not stay beside ours."""
    message = encoded(ContinueHeaders(REQUEST, HeaderChanges((("x-llm-version", "vä"),), ("x-llm-model",))))
    mutation = message.request_headers.response.header_mutation
    (option,) = mutation.set_headers
    assert option.append_action == pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    assert (option.header.value, option.header.raw_value) == ("", "vä".encode())
    assert list(mutation.remove_headers) == ["x-llm-model"]


def test_without_a_mode_there_is_no_override() -> None:
    """Envoy goes on as its configuration says."""
    assert not encoded(ContinueHeaders(REQUEST)).HasField("mode_override")


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        (BodyMode.NONE, "NONE"),
        (BodyMode.STREAMED, "STREAMED"),
        (BodyMode.BUFFERED, "BUFFERED"),
        (BodyMode.FULL_DUPLEX, "FULL_DUPLEX_STREAMED"),
    ],
)
@pytest.mark.parametrize("direction", [REQUEST, RESPONSE])
def test_an_override_sets_every_field(direction: Direction, mode: BodyMode, name: str) -> None:
    """Zero is a mode: a field that is left out would turn a phase off. Full-duplex answers need their trailers."""
    override = encoded(ContinueHeaders(direction, response_body=mode)).mode_override
    assert override.response_body_mode == pb.ProcessingMode.BodySendMode.Value(name)
    assert override.request_body_mode == pb.ProcessingMode.BUFFERED
    assert (override.request_header_mode, override.response_header_mode) == (SEND, SEND)
    assert (override.request_trailer_mode, override.response_trailer_mode) == (SKIP, SEND)


def test_a_body_that_nobody_reads_is_not_sent() -> None:
    """A path that is passed on: neither body comes, the answer's headers do."""
    override = encoded(ContinueHeaders(REQUEST, request_body=BodyMode.NONE, response_body=BodyMode.NONE)).mode_override
    assert (override.request_body_mode, override.response_body_mode) == (pb.ProcessingMode.NONE, pb.ProcessingMode.NONE)
    assert override.response_header_mode == SEND


@pytest.mark.parametrize(
    ("body", "mutation"), [(None, None), (b"", "clear_body"), (b"data: {}\n\n", "body")], ids=["same", "none", "other"]
)
def test_a_chunk_stays_goes_or_is_replaced(body: bytes | None, mutation: str | None) -> None:
    """An empty replacement must clear the chunk: an empty ``body`` would be no mutation at all."""
    response = encoded(ContinueChunk(body)).response_body.response
    assert response.body_mutation.WhichOneof("mutation") == mutation
    assert response.body_mutation.body == (body or b"")


@pytest.mark.parametrize("end", [False, True])
def test_a_sent_chunk_says_whether_it_is_the_last(end: bool) -> None:
    """Full duplex: its end is the end of the client's answer."""
    mutation = encoded(SendChunk(b"data: {}\n\n", end)).response_body.response.body_mutation
    assert (mutation.streamed_response.body, mutation.streamed_response.end_of_stream) == (b"data: {}\n\n", end)


def test_an_answer_of_ours_is_recognized_by_its_details() -> None:
    """Envoy wraps other local answers in an error object; ours it must leave as it is."""
    answer = encoded(ImmediateResponse(403, b'{"error": {}}', "blocked", "id-1")).immediate_response
    assert (answer.status.code, answer.body, answer.details) == (403, b'{"error": {}}', "llm_extproc_blocked")
    assert set_headers(answer.headers) == {"content-type": b"application/json", "x-llm-exchange-id": b"id-1"}


def test_a_refused_credential_says_which_kind_is_asked_for() -> None:
    """As HTTP wants it with every 401."""
    answer = encoded(ImmediateResponse(401, b"{}", "invalid_api_key", "id-1")).immediate_response
    assert set_headers(answer.headers)["www-authenticate"] == b"Bearer"


def test_the_id_of_the_exchange_is_set_over_the_servers_own() -> None:
    """Also where a server's header of that name is to be removed: Envoy removes before it sets."""
    changes = HeaderChanges((), ("x-llm-exchange-id",))
    for one in ("id-1", "id-2"):
        message = encoded(ContinueHeaders(RESPONSE, changes, response_body=BodyMode.STREAMED, exchange_id=one))
        mutation = message.response_headers.response.header_mutation
        assert set_headers(mutation) == {"x-llm-exchange-id": one.encode()}
        assert mutation.set_headers[0].append_action == pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
        assert message.mode_override.response_body_mode == pb.ProcessingMode.STREAMED


@pytest.mark.parametrize(
    "action",
    [
        ContinueBody(REQUEST, metadata={"team": "search", "tokens": 3}),
        ContinueChunk(metadata={"team": "search", "tokens": 3}),
        SendChunk(b"", end=True, metadata={"team": "search", "tokens": 3}),
    ],
)
def test_metadata_is_in_our_namespace(action: Command) -> None:
    """Envoy drops what is elsewhere; numbers stay numbers."""
    fields = encoded(action).dynamic_metadata.fields
    assert list(fields) == ["llm_extproc"]
    inner = fields["llm_extproc"].struct_value.fields
    assert (inner["team"].string_value, inner["tokens"].number_value) == ("search", 3)


def test_without_metadata_there_is_none() -> None:
    """An empty struct would overwrite what an earlier message said."""
    assert not encoded(ContinueBody(REQUEST)).HasField("dynamic_metadata")


DIRECTIONS = st.sampled_from(Direction)
MODES = st.none() | st.sampled_from(BodyMode)
NAMES = st.text(min_size=1, max_size=8)
CHANGES = st.builds(
    HeaderChanges, st.lists(st.tuples(NAMES, NAMES), max_size=3).map(tuple), st.lists(NAMES, max_size=3).map(tuple)
)
IDS = st.text(min_size=1, max_size=200)
BODIES = st.none() | st.binary(max_size=32)
METADATA = st.dictionaries(NAMES, st.text(max_size=8) | st.integers(0, 2**53), max_size=3)
ACTIONS: st.SearchStrategy[Any] = st.one_of(
    st.builds(ContinueHeaders, DIRECTIONS, CHANGES, MODES, MODES, st.just("") | IDS),
    st.builds(ContinueBody, DIRECTIONS, BODIES, CHANGES, st.booleans(), METADATA),
    st.builds(ContinueChunk, BODIES, METADATA),
    st.builds(SendChunk, st.binary(max_size=32), st.booleans(), METADATA),
    st.builds(ContinueTrailers, DIRECTIONS),
    st.builds(ImmediateResponse, st.integers(200, 599), st.binary(max_size=32), NAMES, IDS, NAMES),
)


@given(ACTIONS)
def test_what_is_written_by_hand_is_what_the_library_builds(action: Command) -> None:
    """Each field, for each action, whatever is kept from the ones before."""
    assert encoded(action) == built(action)


@given(ACTIONS)
def test_no_field_is_written_twice_or_unknown(action: Command) -> None:
    """The library writes what it read with as many bytes: nothing was merged away, and nothing left aside."""
    message = encoded(action)
    again = message.SerializeToString()
    assert len(again) == len(built(action).SerializeToString())
    assert pb.ProcessingResponse.FromString(again) == message


@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 129, 16_383, 16_384, 16_385, 2_097_152])
def test_lengths_of_every_size_are_right(size: int) -> None:
    """At the edges of one, two, three and four bytes."""
    body = bytes(size)
    for action in (SendChunk(body, False), SendChunk(body, True), ContinueBody(REQUEST, body), ContinueChunk(body)):
        assert encoded(action) == built(action)
