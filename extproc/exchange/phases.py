"""The phases of an exchange. The table of ``machine`` defines the effect of each event, and the phase that follows.

    REQUEST_HEADERS --headers--> REQUEST_BODY --body--> RESPONSE_HEADERS --headers--> one of
        |    (a path that is forwarded unread)|          ^  ^  |
        |                                     +-> AWAITING (classifiers, a store of limits)
        +---------------------------------------------------+  +--> BUFFERED   JSON, whole: guarded, then sent
                                                               +--> HELD       JSON without a length: buffered here
                                                               +--> STREAM     SSE: guarded event by event
                                                               +--> OBSERVED   forwarded at once; read for usage only
                                                               +--> UNREAD     forwarded at once: not from a model
        STREAM --cut, or an internal error--> DRAINED    (STREAMED) the rest is discarded
        REQUEST_HEADERS --headers of a feedback--> FEEDBACK --body--> AWAITING (the ledger's store) --> REPLIED
        any phase --immediate response--> REPLIED
        any phase --end of the response, or an abort--> DONE

Response headers may arrive in any request phase too: Envoy sent a local reply (413, 503), which is not a completion.
The exchange has ended, and is measured, in UNREAD, DRAINED, REPLIED and DONE.
"""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """The phase of an exchange."""

    REQUEST_HEADERS = "request_headers"
    REQUEST_BODY = "request_body"
    FEEDBACK = "feedback"
    AWAITING = "awaiting"
    RESPONSE_HEADERS = "response_headers"
    BUFFERED = "buffered"
    HELD = "held"
    STREAM = "stream"
    OBSERVED = "observed"
    UNREAD = "unread"
    DRAINED = "drained"
    REPLIED = "replied"
    DONE = "done"
