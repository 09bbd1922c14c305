"""The phases of an exchange, and which events each takes.

    REQUEST_HEADERS --headers--> REQUEST_BODY --body--> RESPONSE_HEADERS --headers--> one of
        |   (no body, or a path that is passed on)  ^      |
        +-------------------------------------------+      +--> ANSWER     JSON, whole: guarded, then sent
                                                           +--> STREAM     SSE: guarded event by event
                                                           +--> OBSERVED   chunks pass as they come; read for usage only
                                                           +--> DRAINED    we ended the answer; what still comes is thrown away
        any --answer of ours, end of the answer, stream closed--> DONE

Response headers may come in any request phase too: Envoy answered by itself (413, 503). Then nothing is a completion.
An event that its phase does not list is an error of the peer, and aborts the stream. ``StreamClosed`` ends every phase.
"""

from __future__ import annotations

from enum import StrEnum

from extproc.exchange.events import (
    Event,
    RequestBody,
    RequestHeaders,
    RequestTrailers,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)


class Phase(StrEnum):
    """Where an exchange stands."""

    REQUEST_HEADERS = "request_headers"
    REQUEST_BODY = "request_body"
    RESPONSE_HEADERS = "response_headers"
    ANSWER = "answer"
    STREAM = "stream"
    OBSERVED = "observed"
    DRAINED = "drained"
    DONE = "done"


EXPECTED: dict[Phase, tuple[type[Event], ...]] = {
    Phase.REQUEST_HEADERS: (RequestHeaders, ResponseHeaders),
    Phase.REQUEST_BODY: (RequestBody, RequestTrailers, ResponseHeaders),
    Phase.RESPONSE_HEADERS: (RequestTrailers, ResponseHeaders),
    Phase.ANSWER: (ResponseBody, ResponseTrailers),
    Phase.STREAM: (ResponseBody, ResponseTrailers),
    Phase.OBSERVED: (ResponseBody, ResponseTrailers),
    Phase.DRAINED: (ResponseBody, ResponseTrailers),
    Phase.DONE: (RequestBody, RequestTrailers, ResponseHeaders, ResponseBody, ResponseTrailers),
}
