"""The input of an exchange (events) and its output (commands for Envoy): no protobuf, no sockets.

``wire`` decodes Envoy's messages into events, and encodes commands. Header names are lower case; repeated headers are
joined with ``,``. Events and commands are immutable by convention; they are not frozen dataclasses, because those take
three times as long to create.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from extproc.domain.classification import BlockingCheck, ClassificationJob, FoundInText
from extproc.domain.feedback import FeedbackClaim
from extproc.domain.record import ExchangeRecord
from extproc.domain.text import Direction
from extproc.exchange.claims import Claim

# --- events --------------------------------------------------------------------------------------------------------


@dataclass(init=False, slots=True)
class RequestHeaders:
    """The request has started; with ``end`` it has no body.

    ``verified`` is what Envoy's JWT filter has found, None if there is none.
    """

    headers: Mapping[str, str]
    end: bool
    verified: Mapping[str, Any] | None

    def __init__(
        self, headers: Mapping[str, str], end: bool = False, verified: Mapping[str, Any] | None = None
    ) -> None:
        self.headers = headers
        self.end = end
        self.verified = verified


@dataclass(init=False, slots=True)
class RequestBody:
    """The whole request body (BUFFERED)."""

    body: bytes
    end: bool

    def __init__(self, body: bytes, end: bool = True) -> None:
        self.body = body
        self.end = end


@dataclass(slots=True)
class RequestTrailers:
    """Trailers of the request."""


@dataclass(init=False, slots=True)
class ResponseHeaders:
    """The response has started; with ``end`` it has no body.

    ``details`` is Envoy's ``response.code_details``, ``upstream`` its ``upstream.address``; "" if unknown.
    """

    headers: Mapping[str, str]
    end: bool
    details: str
    upstream: str

    def __init__(self, headers: Mapping[str, str], end: bool = False, details: str = "", upstream: str = "") -> None:
        self.headers = headers
        self.end = end
        self.details = details
        self.upstream = upstream


@dataclass(init=False, slots=True)
class ResponseBody:
    """A chunk of the response body, or all of it, depending on the mode."""

    body: bytes
    end: bool

    def __init__(self, body: bytes, end: bool) -> None:
        self.body = body
        self.end = end


@dataclass(slots=True)
class ResponseTrailers:
    """Trailers of the response: no more body follows."""


@dataclass(slots=True)
class Overloaded:
    """The request body has arrived, but there is no capacity to check it."""


@dataclass(slots=True)
class StreamClosed:
    """Envoy's stream ended, by half-close or cancellation: both are normal, and neither gives a reason."""


@dataclass(slots=True)
class VerdictReceived:
    """A requested verdict has arrived."""

    check: BlockingCheck
    found: Sequence[FoundInText] = field(repr=False)


@dataclass(slots=True)
class VerdictMissing:
    """A verdict missed its deadline or cannot arrive; ``reason`` says why, in one word."""

    check: BlockingCheck
    reason: str


@dataclass(slots=True)
class LimitsAnswered:
    """The store of rate limits has answered, or its policy has in its place: the claim says how."""

    claim: Claim


@dataclass(slots=True)
class FeedbackAnswered:
    """The store has taken a feedback, or not: the claim says which."""

    claim: FeedbackClaim


Wait = BlockingCheck | Claim | FeedbackClaim
"""What a request waits for."""

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
    | LimitsAnswered
    | FeedbackAnswered
)

# --- commands ------------------------------------------------------------------------------------------------------


class BodyMode(StrEnum):
    """How Envoy sends a body from now on."""

    NONE = "none"
    STREAMED = "streamed"
    BUFFERED = "buffered"
    FULL_DUPLEX = "full_duplex"


@dataclass(init=False, slots=True, unsafe_hash=True)
class HeaderChanges:
    """Headers to set (replacing existing values) and to remove."""

    set: tuple[tuple[str, str], ...]
    remove: tuple[str, ...]

    def __init__(self, set: tuple[tuple[str, str], ...] = (), remove: tuple[str, ...] = ()) -> None:
        self.set = set
        self.remove = remove


NO_CHANGES: Final = HeaderChanges()


@dataclass(init=False, slots=True, unsafe_hash=True)
class ContinueHeaders:
    """Continue after headers; a mode of None keeps the mode of Envoy's configuration.

    ``exchange_id`` and ``told`` are for the client, in the headers of a response; ``told`` differs in each.
    """

    direction: Direction
    changes: HeaderChanges
    request_body: BodyMode | None
    response_body: BodyMode | None
    exchange_id: str
    told: tuple[tuple[str, str], ...]

    def __init__(
        self,
        direction: Direction,
        changes: HeaderChanges = NO_CHANGES,
        request_body: BodyMode | None = None,
        response_body: BodyMode | None = None,
        exchange_id: str = "",
        told: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.direction = direction
        self.changes = changes
        self.request_body = request_body
        self.response_body = response_body
        self.exchange_id = exchange_id
        self.told = told


@dataclass(init=False, slots=True)
class ContinueBody:
    """Continue after a whole body (BUFFERED); a body of None leaves it unchanged."""

    direction: Direction
    body: bytes | None
    changes: HeaderChanges
    clear_route_cache: bool
    metadata: Mapping[str, str | int] | None

    def __init__(
        self,
        direction: Direction,
        body: bytes | None = None,
        changes: HeaderChanges = NO_CHANGES,
        clear_route_cache: bool = False,
        metadata: Mapping[str, str | int] | None = None,
    ) -> None:
        self.direction = direction
        self.body = body
        self.changes = changes
        self.clear_route_cache = clear_route_cache
        self.metadata = metadata


@dataclass(slots=True)
class ContinueChunk:
    """Continue after one chunk of the response (STREAMED); a body of None leaves it unchanged."""

    body: bytes | None = None
    metadata: Mapping[str, str | int] | None = None


@dataclass(init=False, slots=True)
class SendChunk:
    """Send bytes to the client (FULL_DUPLEX); ``end`` ends the response and cancels the upstream."""

    body: bytes
    end: bool
    metadata: Mapping[str, str | int] | None

    def __init__(self, body: bytes, end: bool, metadata: Mapping[str, str | int] | None = None) -> None:
        self.body = body
        self.end = end
        self.metadata = metadata


@dataclass(slots=True)
class ContinueTrailers:
    """Continue after trailers."""

    direction: Direction


@dataclass(slots=True)
class ImmediateResponse:
    """Reply to the client in place of the upstream."""

    status: int
    body: bytes
    code: str
    exchange_id: str
    content_type: str = "application/json"
    retry_after_s: int = 0  # [s]
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Abort:
    """End Envoy's stream with an error status: Envoy replies 5xx or resets the response. The end is never silent."""

    reason: str


Command = ContinueHeaders | ContinueBody | ContinueChunk | SendChunk | ContinueTrailers | ImmediateResponse | Abort


@dataclass(init=False, slots=True)
class Step:
    """The result of one event. ``ended`` is set exactly once per exchange.

    While the request waits, only ``VerdictReceived``, ``VerdictMissing``, ``LimitsAnswered``, ``FeedbackAnswered`` and
    ``StreamClosed`` may follow. A step with commands ends all waits.
    """

    commands: list[Command]
    ended: ExchangeRecord | None
    waits: Sequence[Wait]  # each is answered or expires, exactly once
    jobs: Sequence[ClassificationJob]  # processed out of band
    sent_on: ExchangeRecord | None  # forwarded to a model server, and its beginning is to be kept
    error: BaseException | None  # an internal failure, for the log

    def __init__(
        self,
        commands: list[Command],
        ended: ExchangeRecord | None = None,
        waits: Sequence[Wait] = (),
        jobs: Sequence[ClassificationJob] = (),
        sent_on: ExchangeRecord | None = None,
        error: BaseException | None = None,
    ) -> None:
        self.commands = commands
        self.ended = ended
        self.waits = waits
        self.jobs = jobs
        self.sent_on = sent_on
        self.error = error
