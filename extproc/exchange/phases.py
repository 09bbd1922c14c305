"""The phases of an exchange, and which events each takes.

    REQUEST_HEADERS --headers--> REQUEST_BODY --body--> RESPONSE_HEADERS --headers--> one of
        |    (a path that is passed on unread)|          ^  ^  |
        |                                     +-> ASKED -+  |  |    (a guard waits for a verdict)
        +---------------------------------------------------+  +--> ANSWER     JSON, whole: guarded, then sent
                                                               +--> HELD       JSON without a length: held here
                                                               +--> STREAM     SSE: guarded event by event
                                                               +--> OBSERVED   passes as it comes; read for usage only
                                                               +--> UNREAD     passes as it comes: nothing a model made
        STREAM --cut, or an error of ours--> DRAINED    (STREAMED) what still comes is thrown away
        any phase --an answer of ours in the server's place--> REFUSED
        any phase --end of the answer, or an abort--> DONE

Response headers may come in any request phase too: Envoy answered by itself (413, 503). Then nothing is a completion.
The exchange has ended, and is measured, in UNREAD, DRAINED, REFUSED and DONE. An event that its phase does not list is
an error of the peer, and aborts the stream. ``StreamClosed`` ends every phase.
"""

from __future__ import annotations

from enum import StrEnum

from extproc.exchange.events import (
    Answered,
    AskExpired,
    Event,
    Overloaded,
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
    ASKED = "asked"
    RESPONSE_HEADERS = "response_headers"
    ANSWER = "answer"
    HELD = "held"
    STREAM = "stream"
    OBSERVED = "observed"
    UNREAD = "unread"
    DRAINED = "drained"
    REFUSED = "refused"
    DONE = "done"


EXPECTED: dict[Phase, tuple[type[Event], ...]] = {
    Phase.REQUEST_HEADERS: (RequestHeaders, ResponseHeaders),
    Phase.REQUEST_BODY: (RequestBody, RequestTrailers, ResponseHeaders, Overloaded),
    Phase.ASKED: (Answered, AskExpired),
    Phase.RESPONSE_HEADERS: (RequestTrailers, ResponseHeaders),
    Phase.ANSWER: (ResponseBody, ResponseTrailers),
    Phase.HELD: (ResponseBody, ResponseTrailers),
    Phase.STREAM: (ResponseBody, ResponseTrailers),
    Phase.OBSERVED: (ResponseBody, ResponseTrailers),
    Phase.UNREAD: (RequestBody, RequestTrailers, ResponseBody, ResponseTrailers),
    Phase.DRAINED: (ResponseBody, ResponseTrailers),
    Phase.REFUSED: (RequestTrailers, ResponseHeaders, ResponseBody, ResponseTrailers),
    Phase.DONE: (RequestTrailers, ResponseBody, ResponseTrailers),
}
