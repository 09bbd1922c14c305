"""The messages that ``wire.encode`` writes, built with the protobuf library: both must agree."""

from __future__ import annotations

from collections.abc import Mapping

from extproc._pb import ext_proc_pb2 as pb
from extproc.domain.contract import EXCHANGE_ID_HEADER, METADATA_NAMESPACE, REPLY_DETAILS_PREFIX
from extproc.domain.text import Direction
from extproc.exchange.events import (
    NO_CHANGES,
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

_MODES = {
    BodyMode.NONE: pb.ProcessingMode.NONE,
    BodyMode.STREAMED: pb.ProcessingMode.STREAMED,
    BodyMode.BUFFERED: pb.ProcessingMode.BUFFERED,
    BodyMode.FULL_DUPLEX: pb.ProcessingMode.FULL_DUPLEX_STREAMED,
}
_OVERWRITE = pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD


def built(action: Command) -> pb.ProcessingResponse:
    """The message of one action. Raises: TypeError for one that has none."""
    message = pb.ProcessingResponse()
    if isinstance(action, SendChunk):
        streamed = message.response_body.response.body_mutation.streamed_response
        streamed.body, streamed.end_of_stream = action.body, action.end
        _set_metadata(message, action.metadata)
    elif isinstance(action, ContinueChunk):
        _replace_chunk(message.response_body, action)
        _set_metadata(message, action.metadata)
    elif isinstance(action, ContinueHeaders):
        _continue_headers(message, action)
    elif isinstance(action, ContinueBody):
        _continue_body(message, action)
    elif isinstance(action, ContinueTrailers):
        trailers = message.request_trailers if action.direction is Direction.REQUEST else message.response_trailers
        trailers.SetInParent()
    elif isinstance(action, ImmediateResponse):
        _answer(message.immediate_response, action)
    else:
        raise TypeError(f"{type(action).__name__} has no message")
    return message


def _continue_headers(message: pb.ProcessingResponse, action: ContinueHeaders) -> None:
    is_request = action.direction is Direction.REQUEST
    common = (message.request_headers if is_request else message.response_headers).response
    common.SetInParent()
    changes = HeaderChanges((*action.changes.set, *action.told), action.changes.remove)
    if action.exchange_id:
        changes = HeaderChanges((*changes.set, (EXCHANGE_ID_HEADER, action.exchange_id)), changes.remove)
    if changes != NO_CHANGES:
        _change_headers(common.header_mutation, changes)
    if action.request_body is None and action.response_body is None:
        return
    override = message.mode_override
    override.request_header_mode = override.response_header_mode = pb.ProcessingMode.SEND
    override.request_trailer_mode = pb.ProcessingMode.SKIP
    override.response_trailer_mode = pb.ProcessingMode.SEND
    override.request_body_mode = _MODES[action.request_body or BodyMode.BUFFERED]
    override.response_body_mode = _MODES[action.response_body or BodyMode.BUFFERED]


def _continue_body(message: pb.ProcessingResponse, action: ContinueBody) -> None:
    is_request = action.direction is Direction.REQUEST
    common = (message.request_body if is_request else message.response_body).response
    common.SetInParent()
    changes = action.changes
    if action.body is not None:
        common.body_mutation.body = action.body
        changes = HeaderChanges((*changes.set, ("content-length", str(len(action.body)))), changes.remove)
    if changes != NO_CHANGES:
        _change_headers(common.header_mutation, changes)
    common.clear_route_cache = action.clear_route_cache
    _set_metadata(message, action.metadata)


def _replace_chunk(message: pb.BodyResponse, action: ContinueChunk) -> None:
    message.response.SetInParent()
    if action.body:
        message.response.body_mutation.body = action.body
    elif action.body is not None:
        message.response.body_mutation.clear_body = True


def _answer(message: pb.ImmediateResponse, action: ImmediateResponse) -> None:
    message.status.code = action.status
    message.body = action.body
    message.details = REPLY_DETAILS_PREFIX + action.code
    headers = [("content-type", action.content_type), (EXCHANGE_ID_HEADER, action.exchange_id)]
    if action.retry_after_s:
        headers.append(("retry-after", str(action.retry_after_s)))
    if action.status == 401:
        headers.append(("www-authenticate", "Bearer"))
    _change_headers(message.headers, HeaderChanges((*headers, *action.headers)))


def _change_headers(mutation: pb.HeaderMutation, changes: HeaderChanges) -> None:
    for name, value in changes.set:
        option = mutation.set_headers.add()
        option.header.key = name
        option.header.raw_value = value.encode()
        option.append_action = _OVERWRITE
    mutation.remove_headers.extend(changes.remove)


def _set_metadata(message: pb.ProcessingResponse, metadata: Mapping[str, str | int] | None) -> None:
    if not metadata:
        return
    fields = message.dynamic_metadata.fields[METADATA_NAMESPACE].struct_value.fields
    for name, value in metadata.items():
        if isinstance(value, int):
            fields[name].number_value = value
        else:
            fields[name].string_value = value
