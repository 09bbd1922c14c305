"""An endpoint picker in small: what Gateway API Inference Extension's does with the messages of its ext_proc filter.

It waits for the whole body in full duplex, then answers the headers with the server to use, and gives the body back in
pieces. Answers pass it in full duplex too. Written from the endpoint picker protocol (proposal 004 of
kubernetes-sigs/gateway-api-inference-extension) and the behavior of its ``pkg/epp/handlers``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from google.protobuf.struct_pb2 import Struct

from extproc._pb import ext_proc_pb2 as pb
from extproc.domain.contract import PICKER_HEADER
from tests.e2e.scripted_processor import ProcessorStub, headers

RESPONSE_MARK: Final = "x-went-into-resp-headers"
"""A header that the picker sets on each answer, as theirs does."""
_PIECE_BYTES_MAX: Final = 62_000
_METADATA: Final = "envoy.lb"

Replies = Iterator[pb.ProcessingResponse]


@dataclass
class Picked:
    """One exchange as the picker saw it."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    response: bytes = b""
    is_ended: bool = False

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class EndpointPicker(ProcessorStub):
    """Each request goes to ``pick``, IP:PORT, or is refused with ``refuse``, a status."""

    def __init__(self, socket: Any) -> None:
        super().__init__(socket)
        self.pick = ""
        self.refuse: int | None = None
        self._seen: list[Picked] = []

    @property
    def asked(self) -> int:
        """How many requests it has seen."""
        return len(self._seen)

    def only(self) -> Picked:
        """The only exchange, when it has ended. Raises: AssertionError when it does not end."""
        with self._changed:
            done = self._changed.wait_for(lambda: len(self._seen) == 1 and self._seen[0].is_ended, 10)
            assert done, f"not one exchange that has ended: {self._seen}"
            return self._seen[0]

    def forget(self) -> None:
        """What it has seen, and what it refuses."""
        self._seen.clear()
        self.refuse = None

    def _process(self, requests: Iterator[pb.ProcessingRequest], _: grpc.ServicerContext) -> Replies:
        picked = Picked()
        with self._changed:
            self._seen.append(picked)
        try:
            for request in requests:
                yield from self._replies(request, picked)
        except grpc.RpcError:
            return  # cancelled by Envoy: a normal end
        finally:
            with self._changed:
                picked.is_ended = True
                self._changed.notify_all()

    def _replies(self, request: pb.ProcessingRequest, picked: Picked) -> Replies:
        match request.WhichOneof("request"):
            case "request_headers":
                told = request.request_headers
                picked.headers = {one.key: one.raw_value.decode() for one in told.headers.headers}
                if told.end_of_stream:
                    yield self._choice()
            case "request_body":
                picked.body += request.request_body.body
                if request.request_body.end_of_stream:
                    yield from self._decided(picked)
            case "request_trailers":
                yield pb.ProcessingResponse(request_trailers=pb.TrailersResponse())
            case "response_headers":
                common = pb.CommonResponse(header_mutation=headers({RESPONSE_MARK: "true"}))
                yield pb.ProcessingResponse(response_headers=pb.HeadersResponse(response=common))
            case "response_body":
                part = request.response_body
                picked.response += part.body
                yield pb.ProcessingResponse(response_body=_piece(part.body, part.end_of_stream))
            case "response_trailers":
                yield pb.ProcessingResponse(response_trailers=pb.TrailersResponse())

    def _decided(self, picked: Picked) -> Replies:
        if self.refuse is not None:
            refusal = pb.ImmediateResponse(status=pb.HttpStatus(code=self.refuse), body=b"no endpoint")
            yield pb.ProcessingResponse(immediate_response=refusal)
            return
        yield self._choice()
        pieces = [picked.body[at : at + _PIECE_BYTES_MAX] for at in range(0, len(picked.body), _PIECE_BYTES_MAX)]
        for number, piece in enumerate(pieces, 1):
            yield pb.ProcessingResponse(request_body=_piece(piece, number == len(pieces)))

    def _choice(self) -> pb.ProcessingResponse:
        """The server twice: implementations read the header or the metadata."""
        metadata = Struct()
        metadata.update({_METADATA: {PICKER_HEADER: self.pick}})
        common = pb.CommonResponse(header_mutation=headers({PICKER_HEADER: self.pick}), clear_route_cache=True)
        return pb.ProcessingResponse(request_headers=pb.HeadersResponse(response=common), dynamic_metadata=metadata)


def _piece(body: bytes, end: bool) -> pb.BodyResponse:
    mutation = pb.BodyMutation(streamed_response=pb.StreamedBodyResponse(body=body, end_of_stream=end))
    return pb.BodyResponse(response=pb.CommonResponse(body_mutation=mutation))
