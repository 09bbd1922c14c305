"""A processor that does what a test tells it, to learn what Envoy does with a reply: a fake in place of ours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Condition
from typing import Any, Self

import grpc

from extproc._pb import ext_proc_pb2 as pb

METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"

Reply = Iterator[pb.ProcessingResponse]
Script = Mapping[str, Callable[[Any], Reply]]
"""Replies by the kind of message (``request_headers``, ...), each from the message's content."""


class Abort(Exception):
    """Raised by a script: end the gRPC stream with INTERNAL."""


class CloseOk(Exception):
    """Raised by a script: end the gRPC stream with OK, before its exchange has ended."""


@dataclass
class Exchange:
    """What one gRPC stream brought: kind and content of each message in order, and Envoy's details of the answer."""

    kinds: list[str] = field(default_factory=list)
    contents: list[Any] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    ended: bool = False

    def header(self, kind: str, name: str) -> str | None:
        """A header of the first message of that kind."""
        content = self.contents[self.kinds.index(kind)]
        return next((h.raw_value.decode() for h in content.headers.headers if h.key == name), None)


class ProcessorStub(ABC):
    """Serves the RPC on a Unix socket, by the library of gRPC."""

    def __init__(self, socket: Any) -> None:
        self._changed = Condition()
        self._server = grpc.server(
            ThreadPoolExecutor(8),
            options=[("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)],
        )
        handler = grpc.stream_stream_rpc_method_handler(
            self._process, pb.ProcessingRequest.FromString, pb.ProcessingResponse.SerializeToString
        )
        service, method = METHOD.strip("/").split("/")
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
        self._server.add_insecure_port(f"unix:{socket}")

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()

    @abstractmethod
    def _process(self, requests: Iterator[pb.ProcessingRequest], context: grpc.ServicerContext) -> Reply:
        """One exchange."""


class ScriptedProcessor(ProcessorStub):
    """Serves one script; a kind without a script gets the plain reply that lets things go on."""

    def __init__(self, socket: Any, script: Script) -> None:
        super().__init__(socket)
        self._script = script
        self._exchanges: list[Exchange] = []

    def exchange(self, index: int = 0) -> Exchange:
        """An exchange, when its gRPC stream has ended. Raises: AssertionError when it does not end."""
        with self._changed:
            done = self._changed.wait_for(lambda: len(self._exchanges) > index and self._exchanges[index].ended, 10)
            assert done, f"the exchange has not ended: {self._exchanges}"
            return self._exchanges[index]

    def _process(self, requests: Iterator[pb.ProcessingRequest], context: grpc.ServicerContext) -> Reply:
        exchange = Exchange()
        with self._changed:
            self._exchanges.append(exchange)
        try:
            for request in requests:
                kind = request.WhichOneof("request")
                exchange.kinds.append(kind)
                exchange.contents.append(getattr(request, kind))
                exchange.details += [
                    attributes.fields["response.code_details"].string_value
                    for attributes in request.attributes.values()
                    if "response.code_details" in attributes.fields
                ]
                yield from self._script.get(kind, PLAIN[kind])(exchange.contents[-1])
        except Abort:
            context.abort(grpc.StatusCode.INTERNAL, "scripted")
        except CloseOk:
            return
        except grpc.RpcError:
            return  # cancelled by Envoy: a normal end
        finally:
            with self._changed:
                exchange.ended = True
                self._changed.notify_all()


# --- replies -------------------------------------------------------------------------------------------------------


def headers(values: Mapping[str, str], remove: tuple[str, ...] = ()) -> pb.HeaderMutation:
    """A mutation that sets and removes headers."""
    overwrite = pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    options = [
        pb.HeaderValueOption(header=pb.HeaderValue(key=key, raw_value=value.encode()), append_action=overwrite)
        for key, value in values.items()
    ]
    return pb.HeaderMutation(set_headers=options, remove_headers=remove)


def response_mode(body: str) -> pb.ProcessingMode:
    """A mode override for the answer's body; every field is set, since 0 is a mode and not "unchanged"."""
    return pb.ProcessingMode(
        request_header_mode="SEND",
        request_body_mode="BUFFERED",
        request_trailer_mode="SKIP",
        response_header_mode="SEND",
        response_body_mode=body,
        response_trailer_mode="SEND" if body == "FULL_DUPLEX_STREAMED" else "SKIP",
    )


def choose(version: str) -> Callable[[Any], Reply]:
    """Replies to the request body: go to that version of tiny-chat."""

    def reply(_: Any) -> Reply:
        mutation = headers({"x-llm-model": "tiny-chat", "x-llm-version": version})
        common = pb.CommonResponse(header_mutation=mutation, clear_route_cache=True)
        yield pb.ProcessingResponse(request_body=pb.BodyResponse(response=common))

    return reply


def inspect_as(body: str) -> Callable[[Any], Reply]:
    """Replies to the response headers: send me the body that way."""

    def reply(_: Any) -> Reply:
        common = pb.CommonResponse(header_mutation=headers({}, ("content-length",)))
        headers_response = pb.HeadersResponse(response=common)
        yield pb.ProcessingResponse(response_headers=headers_response, mode_override=response_mode(body))

    return reply


def piece(body: bytes, end: bool) -> pb.ProcessingResponse:
    """A piece of a full-duplex answer."""
    mutation = pb.BodyMutation(streamed_response=pb.StreamedBodyResponse(body=body, end_of_stream=end))
    return pb.ProcessingResponse(response_body=pb.BodyResponse(response=pb.CommonResponse(body_mutation=mutation)))


def answer(status: int, body: bytes) -> Callable[[Any], Reply]:
    """Answers the client in place of the model server."""

    def reply(_: Any) -> Reply:
        content_type = headers({"content-type": "application/json"})
        immediate = pb.ImmediateResponse(
            status=pb.HttpStatus(code=status), headers=content_type, body=body, details="llm_extproc_scripted"
        )
        yield pb.ProcessingResponse(immediate_response=immediate)

    return reply


def abort(_: Any) -> Reply:
    """Fails as a bug would."""
    raise Abort


def close_ok(_: Any) -> Reply:
    """Ends the stream as if all were well."""
    raise CloseOk


def _plain(kind: str, content: Any) -> Callable[[Any], Reply]:
    return lambda _: iter([pb.ProcessingResponse(**{kind: content})])


PLAIN: Script = {
    "request_headers": _plain("request_headers", pb.HeadersResponse()),
    "request_body": choose("v1"),
    "response_headers": _plain("response_headers", pb.HeadersResponse()),
    "response_body": _plain("response_body", pb.BodyResponse()),
    "response_trailers": _plain("response_trailers", pb.TrailersResponse()),
}
