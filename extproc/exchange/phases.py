"""The phases of an exchange. What an event does in each, and which phase follows, is in the table of ``machine``.

    REQUEST_HEADERS --headers--> REQUEST_BODY --body--> RESPONSE_HEADERS --headers--> one of
        |    (a path that is passed on unread)|          ^  ^  |
        |                                     +-> ASKED -+  |  |    (a guard waits for a verdict)
        +---------------------------------------------------+  +--> BUFFERED   JSON, whole: guarded, then sent
                                                               +--> HELD       JSON without a length: held here
                                                               +--> STREAM     SSE: guarded event by event
                                                               +--> OBSERVED   passes as it comes; read for usage only
                                                               +--> UNREAD     passes as it comes: nothing a model made
        STREAM --cut, or an error of ours--> DRAINED    (STREAMED) what still comes is thrown away
        any phase --a response of ours in the server's place--> REFUSED
        any phase --end of the response, or an abort--> DONE

Response headers may come in any request phase too: Envoy answered by itself (413, 503). Then nothing is a completion.
The exchange has ended, and is measured, in UNREAD, DRAINED, REFUSED and DONE.
"""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Where an exchange stands."""

    REQUEST_HEADERS = "request_headers"
    REQUEST_BODY = "request_body"
    ASKED = "asked"
    RESPONSE_HEADERS = "response_headers"
    BUFFERED = "buffered"
    HELD = "held"
    STREAM = "stream"
    OBSERVED = "observed"
    UNREAD = "unread"
    DRAINED = "drained"
    REFUSED = "refused"
    DONE = "done"
