"""What goes into an exchange (events) and what comes out (commands for Envoy): no protobuf, no sockets.

``wire`` makes events of Envoy's messages and messages of commands. Header names are lower case; a header that came
several times is joined with ``,``. Nobody changes an event or an action once it is made; they are not frozen, since
that makes each three times as dear to make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from extproc.domain.classification import Ask, ClassificationJob, FoundInText
from extproc.domain.record import ExchangeRecord
from extproc.domain.text import Direction

# --- events --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class RequestHeaders:
    """The request began; with ``end`` it has no body."""

    headers: Mapping[str, str]
    end: bool = False


@dataclass(slots=True)
class RequestBody:
    """The whole request body (BUFFERED)."""

    body: bytes
    end: bool = True


@dataclass(slots=True)
class RequestTrailers:
    """Trailers of the request."""


@dataclass(slots=True)
class ResponseHeaders:
    """The response began; with ``end`` it has no body.

    ``details`` is Envoy's ``response.code_details``, "" if unknown.
    """

    headers: Mapping[str, str]
    end: bool = False
    details: str = ""


@dataclass(slots=True)
class ResponseBody:
    """A chunk of the response body, or the whole of it, as the mode says."""

    body: bytes
    end: bool


@dataclass(slots=True)
class ResponseTrailers:
    """Trailers of the response: no body comes any more."""


@dataclass(slots=True)
class Overloaded:
    """The request's body has come, and there is no room for judging it."""


@dataclass(slots=True)
class StreamClosed:
    """Envoy's stream ended, half-closed or cancelled: both are normal, neither says why."""


@dataclass(slots=True)
class VerdictReceived:
    """The verdict that was asked for has come."""

    ask: Ask
    found: Sequence[FoundInText] = field(repr=False)


@dataclass(slots=True)
class VerdictMissing:
    """It has not come in time, or never will; ``reason`` is why, in a word."""

    ask: Ask
    reason: str


Event = (
    RequestHeaders
    | RequestBody
    | RequestTrailers
    | ResponseHeaders
    | ResponseBody
    | ResponseTrailers
    | Overloaded
    | StreamClosed
    | VerdictReceived
    | VerdictMissing
)

# --- commands ------------------------------------------------------------------------------------------------------


class BodyMode(StrEnum):
    """How Envoy is to send a body from now on."""

    NONE = "none"
    STREAMED = "streamed"
    BUFFERED = "buffered"
    FULL_DUPLEX = "full_duplex"


@dataclass(slots=True, unsafe_hash=True)
class HeaderChanges:
    """Headers to set (over what stands there) and to remove."""

    set: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


NO_CHANGES = HeaderChanges()


@dataclass(slots=True, unsafe_hash=True)
class ContinueHeaders:
    """Go on after headers; a mode of None leaves what Envoy's configuration says."""

    direction: Direction
    changes: HeaderChanges = NO_CHANGES
    request_body: BodyMode | None = None
    response_body: BodyMode | None = None


@dataclass(slots=True)
class ContinueBody:
    """Go on after a whole body (BUFFERED); a body of None leaves it as it came."""

    direction: Direction
    body: bytes | None = None
    changes: HeaderChanges = NO_CHANGES
    clear_route_cache: bool = False
    metadata: Mapping[str, str | int] | None = None


@dataclass(slots=True)
class ContinueChunk:
    """Go on after one chunk of the response (STREAMED); a body of None leaves it as it came."""

    body: bytes | None = None
    metadata: Mapping[str, str | int] | None = None


@dataclass(slots=True)
class SendChunk:
    """Send bytes to the client (FULL_DUPLEX); with ``end`` the response is over and the upstream is cancelled."""

    body: bytes
    end: bool
    metadata: Mapping[str, str | int] | None = None


@dataclass(slots=True)
class ContinueTrailers:
    """Go on after trailers."""

    direction: Direction


@dataclass(slots=True)
class ImmediateResponse:
    """Respond to the client ourselves."""

    status: int
    body: bytes
    code: str
    content_type: str = "application/json"
    retry_after_s: int = 0  # [s]


@dataclass(slots=True)
class Abort:
    """End Envoy's stream with an error status: Envoy answers 5xx or breaks the response off. Never a silent end."""

    reason: str


Command = ContinueHeaders | ContinueBody | ContinueChunk | SendChunk | ContinueTrailers | ImmediateResponse | Abort


@dataclass(slots=True)
class Step:
    """The result of one event. ``ended`` is set exactly once in the life of an exchange.

    While an ask is open, only ``VerdictReceived``, ``VerdictMissing`` and ``StreamClosed`` may follow. A step with
    commands cancels open asks.
    """

    commands: list[Command]
    ended: ExchangeRecord | None = None
    asks: Sequence[Ask] = ()  # each is to be answered, or to expire, once
    judgments: Sequence[ClassificationJob] = ()  # to be judged when there is time
    error: BaseException | None = None  # what of ours failed, for the log
