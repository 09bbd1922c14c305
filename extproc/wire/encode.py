"""Encodes actions as Envoy's messages. Owns content-length: a replaced body gets its own.

Written by hand, since building messages as objects costs more than the decisions in them; constant parts (tags,
headers, metadata, the frame of a chunk of a given length) are cached. ``tests/unit/wire/reference.py`` builds the same
messages with the protobuf library, and both must agree.

Source: Envoy's external_processor.proto; measured on Envoy 1.40: a replaced BUFFERED body without its length is a 5xx,
every field of a mode override counts (0 is NONE, not "unchanged"), header values go in ``raw_value``, and a full-duplex
response needs its trailers sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from struct import Struct
from typing import Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct as MetadataStruct
from google.protobuf.struct_pb2 import Value

from extproc._pb import ext_proc_pb2 as pb
from extproc.domain.contract import EXCHANGE_ID_HEADER, METADATA_NAMESPACE, REPLY_DETAILS_PREFIX
from extproc.domain.text import Direction
from extproc.exchange.events import (
    BodyMode,
    Command,
    ContinueBody,
    ContinueChunk,
    ContinueHeaders,
    ContinueTrailers,
    ImmediateResponse,
    SendChunk,
)

_KEPT_MAX: Final = 4_096
_UNAUTHORIZED: Final = 401
_MODES: Final = {
    BodyMode.NONE: pb.ProcessingMode.NONE,
    BodyMode.STREAMED: pb.ProcessingMode.STREAMED,
    BodyMode.BUFFERED: pb.ProcessingMode.BUFFERED,
    BodyMode.FULL_DUPLEX: pb.ProcessingMode.FULL_DUPLEX_STREAMED,
}

# --- protobuf's wire format. Source: protobuf.dev, "Encoding" --------------------------------------------------------

_VARINT: Final = 0
_FIXED64: Final = 1
_SIZED: Final = 2
_DOUBLE: Final = Struct("<d")
_WIRE_TYPES: Final = {
    FieldDescriptor.TYPE_DOUBLE: _FIXED64,
    FieldDescriptor.TYPE_BYTES: _SIZED,
    FieldDescriptor.TYPE_STRING: _SIZED,
    FieldDescriptor.TYPE_MESSAGE: _SIZED,
}


def _varint(number: int) -> bytes:
    """Encode a non-negative number."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _tag(message: type[Message], field: str) -> bytes:
    found = message.DESCRIPTOR.fields_by_name[field]
    return _varint(found.number << 3 | _WIRE_TYPES.get(found.type, _VARINT))


def _sized(tag: bytes, content: bytes) -> bytes:
    """A length-delimited field: a message, bytes, or text in UTF-8."""
    size = len(content)
    return tag + (_ONE_BYTE[size] if size < 0x80 else _varint(size)) + content


_ONE_BYTE: Final = [_varint(number) for number in range(0x80)]
_TRUE: Final = _varint(1)
_KINDS: Final = {name: _tag(pb.ProcessingResponse, name) for name in pb.ProcessingResponse.DESCRIPTOR.fields_by_name}
_HEADERS: Final = {Direction.REQUEST: _KINDS["request_headers"], Direction.RESPONSE: _KINDS["response_headers"]}
_BODIES: Final = {Direction.REQUEST: _KINDS["request_body"], Direction.RESPONSE: _KINDS["response_body"]}
_TRAILERS: Final = {Direction.REQUEST: _KINDS["request_trailers"], Direction.RESPONSE: _KINDS["response_trailers"]}
_METADATA: Final = _KINDS["dynamic_metadata"]
_OVERRIDE: Final = _KINDS["mode_override"]
_IMMEDIATE: Final = _KINDS["immediate_response"]
_HEADERS_COMMON: Final = _tag(pb.HeadersResponse, "response")
_BODY_COMMON: Final = _tag(pb.BodyResponse, "response")
_HEADER_MUTATION: Final = _tag(pb.CommonResponse, "header_mutation")
_BODY_MUTATION: Final = _tag(pb.CommonResponse, "body_mutation")
_CLEAR_ROUTE: Final = _tag(pb.CommonResponse, "clear_route_cache") + _TRUE
_WHOLE_BODY: Final = _tag(pb.BodyMutation, "body")
_CLEAR_BODY: Final = _tag(pb.BodyMutation, "clear_body") + _TRUE
_STREAMED: Final = _tag(pb.BodyMutation, "streamed_response")
_PIECE: Final = _tag(pb.StreamedBodyResponse, "body")
_END: Final = _tag(pb.StreamedBodyResponse, "end_of_stream") + _TRUE
_SET: Final = _tag(pb.HeaderMutation, "set_headers")
_REMOVE: Final = _tag(pb.HeaderMutation, "remove_headers")
_OPTION_HEADER: Final = _tag(pb.HeaderValueOption, "header")
_OVERWRITE: Final = _tag(pb.HeaderValueOption, "append_action") + _varint(
    pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
)
_NAME: Final = _tag(pb.HeaderValue, "key")
_VALUE: Final = _tag(pb.HeaderValue, "raw_value")
_ID_ALONE: Final = (EXCHANGE_ID_HEADER,)
_ENTRY: Final = _tag(MetadataStruct, "fields")  # of a map: a message with a key (1) and a value (2)
_ENTRY_KEY: Final = _varint(1 << 3 | _SIZED)
_ENTRY_VALUE: Final = _varint(2 << 3 | _SIZED)
_TEXT: Final = _tag(Value, "string_value")
_NUMBER: Final = _tag(Value, "number_value")
_STRUCT: Final = _tag(Value, "struct_value")

# --- actions ---------------------------------------------------------------------------------------------------------


def encode(action: Command) -> bytes:
    """The message of one action; ``Abort`` has none: the transport ends the stream. Raises: TypeError for it."""
    writer = _WRITERS.get(type(action))
    if writer is None:
        raise TypeError(f"{type(action).__name__} has no message")
    return writer(action)


@lru_cache
def more_time(wait_ms: int) -> bytes:
    """Extend Envoy's timeout for the reply to the current message."""
    wait = Duration(seconds=wait_ms // 1_000, nanos=wait_ms % 1_000 * 1_000_000)
    return _sized(_KINDS["override_message_timeout"], wait.SerializeToString())


def _send_chunk(action: SendChunk) -> bytes:
    body = action.body
    written = _chunk_head(len(body), action.end) + body
    if action.end:
        written += _END
    return written + _metadata(action.metadata) if action.metadata else written


@lru_cache(_KEPT_MAX)
def _chunk_head(size: int, end: bool) -> bytes:
    """The bytes before a chunk of ``size`` [bytes]."""
    head = _PIECE + _varint(size) if size else b""
    after = len(_END) if end else 0
    for tag in (_STREAMED, _BODY_MUTATION, _BODY_COMMON, _BODIES[Direction.RESPONSE]):
        head = tag + _varint(len(head) + size + after) + head
    return head


def _continue_chunk(action: ContinueChunk) -> bytes:
    common = b""
    if action.body:
        common = _sized(_BODY_MUTATION, _sized(_WHOLE_BODY, action.body))
    elif action.body is not None:
        common = _sized(_BODY_MUTATION, _CLEAR_BODY)
    return _body(Direction.RESPONSE, common) + _metadata(action.metadata)


def _continue_body(action: ContinueBody) -> bytes:
    changes, body = action.changes, action.body
    common, mutation = b"", _mutation(changes.set, changes.remove)
    if body is not None:
        common = _sized(_BODY_MUTATION, _sized(_WHOLE_BODY, body))
        mutation += _set_header("content-length", str(len(body)))
    if mutation:
        common += _sized(_HEADER_MUTATION, mutation)
    if action.clear_route_cache:
        common += _CLEAR_ROUTE
    return _body(action.direction, common) + _metadata(action.metadata)


def _body(direction: Direction, common: bytes) -> bytes:
    return _sized(_BODIES[direction], _sized(_BODY_COMMON, common))


def _continue_headers(action: ContinueHeaders) -> bytes:
    changes, told, modes = action.changes, action.told, (action.request_body, action.response_body)
    if not action.exchange_id:
        return _without_values(action.direction, changes.set, changes.remove, modes)
    exchange_id = action.exchange_id.encode()
    if not told:
        size = (len(exchange_id),)
        return _around_values(action.direction, changes.set, changes.remove, modes, _ID_ALONE, size) % exchange_id
    values = (*[value.encode() for _, value in told], exchange_id)
    names, sizes = (*[name for name, _ in told], EXCHANGE_ID_HEADER), tuple(map(len, values))
    return _around_values(action.direction, changes.set, changes.remove, modes, names, sizes) % values


@lru_cache(_KEPT_MAX)
def _without_values(
    direction: Direction,
    set_headers: tuple[tuple[str, str], ...],
    removed: tuple[str, ...],
    modes: tuple[BodyMode | None, BodyMode | None],
) -> bytes:
    """Cached: most exchanges change nothing in headers, or the same."""
    mutation = _mutation(set_headers, removed)
    common = _sized(_HEADER_MUTATION, mutation) if mutation else b""
    return _sized(_HEADERS[direction], _sized(_HEADERS_COMMON, common)) + _override(*modes)


@lru_cache(_KEPT_MAX)
def _around_values(
    direction: Direction,
    set_headers: tuple[tuple[str, str], ...],
    removed: tuple[str, ...],
    modes: tuple[BodyMode | None, BodyMode | None],
    names: tuple[str, ...],
    sizes: tuple[int, ...],
) -> bytes:
    """The message around values that differ in each exchange, as a format: they are the last headers that are set.
    Cached, as above: only their sizes count.
    """
    pieces = [_before_value(name, size) for name, size in zip(names, sizes, strict=True)]
    pieces = [_mutation(set_headers, removed) + pieces[0], *(_OVERWRITE + piece for piece in pieces[1:])]
    inner, head = sum(map(len, pieces)) + sum(sizes) + len(_OVERWRITE), b""
    for tag in (_HEADER_MUTATION, _HEADERS_COMMON, _HEADERS[direction]):
        head = tag + _varint(len(head) + inner) + head
    pieces = [head + pieces[0], *pieces[1:], _OVERWRITE + _override(*modes)]
    return b"%b".join([piece.replace(b"%", b"%%") for piece in pieces])


def _before_value(name: str, size: int) -> bytes:
    """The bytes of a header before a value of ``size``. [bytes]"""
    before, after = _sized(_NAME, name.encode()) + _VALUE + _varint(size), len(_OVERWRITE)
    before = _OPTION_HEADER + _varint(len(before) + size) + before
    return _SET + _varint(len(before) + size + after) + before


def _told_header(name: str, value: str) -> bytes:
    written = value.encode()
    return _before_value(name, len(written)) + written + _OVERWRITE


def _override(request_body: BodyMode | None, response_body: BodyMode | None) -> bytes:
    if request_body is None and response_body is None:
        return b""
    override = pb.ProcessingMode(
        request_header_mode=pb.ProcessingMode.SEND,
        response_header_mode=pb.ProcessingMode.SEND,
        request_body_mode=_MODES[request_body or BodyMode.BUFFERED],
        response_body_mode=_MODES[response_body or BodyMode.BUFFERED],
        request_trailer_mode=pb.ProcessingMode.SKIP,
        response_trailer_mode=pb.ProcessingMode.SEND,
    )
    return _sized(_OVERRIDE, override.SerializeToString())


def _continue_trailers(action: ContinueTrailers) -> bytes:
    return _sized(_TRAILERS[action.direction], b"")


def _answer(action: ImmediateResponse) -> bytes:
    headers = [("content-type", action.content_type), (EXCHANGE_ID_HEADER, action.exchange_id)]
    if action.retry_after_s:
        headers.append(("retry-after", str(action.retry_after_s)))
    if action.status == _UNAUTHORIZED:
        headers.append(("www-authenticate", "Bearer"))
    message = pb.ImmediateResponse(
        status=pb.HttpStatus(code=action.status),
        headers=pb.HeaderMutation.FromString(b"".join([_told_header(*one) for one in (*headers, *action.headers)])),
        body=action.body,
        details=REPLY_DETAILS_PREFIX + action.code,
    )
    return _sized(_IMMEDIATE, message.SerializeToString())


_WRITERS: Final[dict[type, Callable[..., bytes]]] = {
    SendChunk: _send_chunk,
    ContinueChunk: _continue_chunk,
    ContinueHeaders: _continue_headers,
    ContinueBody: _continue_body,
    ContinueTrailers: _continue_trailers,
    ImmediateResponse: _answer,
}

# --- headers and metadata --------------------------------------------------------------------------------------------


@lru_cache(_KEPT_MAX)
def _mutation(set_headers: tuple[tuple[str, str], ...], removed: tuple[str, ...]) -> bytes:
    written = b"".join([_set_header(name, value) for name, value in set_headers])
    return written + b"".join([_sized(_REMOVE, name.encode()) for name in removed])


@lru_cache(_KEPT_MAX)
def _set_header(name: str, value: str) -> bytes:
    return _told_header(name, value)


def _metadata(metadata: Mapping[str, str | int] | None) -> bytes:
    if not metadata:
        return b""
    steady = tuple([each for each in metadata.items() if each[0] not in _DIFFERENT])
    entries = _entries(steady) if steady else b""
    for name in _DIFFERENT:
        if name in metadata:
            entries += _entry(name, metadata[name])
    value = _sized(_ENTRY_VALUE, _sized(_STRUCT, entries))
    return _sized(_METADATA, _sized(_ENTRY, _NAMESPACE + value))


@lru_cache(_KEPT_MAX)
def _entries(metadata: tuple[tuple[str, str | int], ...]) -> bytes:
    """Cached: the same for most exchanges of a team with a version."""
    return b"".join([_entry(name, value) for name, value in metadata])


def _entry(name: str, value: str | int) -> bytes:
    if isinstance(value, int):
        return _before_number(name) + _DOUBLE.pack(value)
    text = _sized(_ENTRY_VALUE, _sized(_TEXT, value.encode()))
    return _sized(_ENTRY, _entry_key(name) + text)


@lru_cache(_KEPT_MAX)
def _entry_key(name: str) -> bytes:
    return _sized(_ENTRY_KEY, name.encode())


@lru_cache(_KEPT_MAX)
def _before_number(name: str) -> bytes:
    """An entry up to its number."""
    return _sized(_ENTRY, _entry_key(name) + _sized(_ENTRY_VALUE, _NUMBER + bytes(_DOUBLE.size)))[: -_DOUBLE.size]


_DIFFERENT: Final = ("exchange", "tokens_in", "tokens_out", "user")
"""Differs in each exchange, or for each who asks: not kept."""

_NAMESPACE: Final = _sized(_ENTRY_KEY, METADATA_NAMESPACE.encode())
