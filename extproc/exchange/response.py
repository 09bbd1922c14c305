"""The protocol of all handlers of a response body.

A handler receives the chunks of the body and the trailers, and returns commands for Envoy and the next phase. It has
its own decoder, and measures what it has read. ``streamed_response`` guards each event, ``whole_response`` the whole
body at its end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from extproc.domain.errors import ApiError
from extproc.domain.text import TextSource
from extproc.exchange.events import Command, Event, ResponseBody
from extproc.exchange.phases import Phase
from extproc.exchange.policies import CompiledPolicy
from extproc.exchange.snapshot import Snapshot
from extproc.exchange.token_counts import TokenCounts
from extproc.filters.base import ExchangeContext
from extproc.payload.encoding import Decoder
from extproc.payload.view import RequestView


class StreamBudget(Protocol):
    """How long a stream may go on.

    Attributes:
        look_at: at how many events with text it is looked at again.
    """

    look_at: int

    def has_room(self, tokens: int, pieces: int, now_ns: int) -> bool:
        """Whether the stream may go on. Args: tokens: so far; pieces: events with text so far."""
        ...


@dataclass(frozen=True, slots=True)
class ResponseContext:
    """The context in which a response is read and checked.

    Attributes:
        request: the request of this response; None if it was not read.
        tokens: its token counts.
        decoder: of the body; None without content-encoding.
        budget: of a stream that a rate limit may end; None if none does.
    """

    exchange: ExchangeContext
    request: RequestView | None
    snapshot: Snapshot
    policy: CompiledPolicy
    tokens: TokenCounts
    decoder: Decoder | None
    budget: StreamBudget | None = None


class ResponseHandler:
    """One response.

    Attributes:
        phase: of the exchange, as far as it depends on the response; a final phase once the response is over.
    """

    __slots__ = ("phase",)

    phase: Phase

    @property
    def sources(self) -> Collection[TextSource]:
        """The sources of the texts so far."""
        raise NotImplementedError

    @property
    def held(self) -> Mapping[TextSource, str]:
        """The text of a stream that is held back, by channel; to show it, not for the path."""
        return {}

    def take_body(self, event: ResponseBody, now_ns: int) -> list[Command]:
        """Process the next chunk, or the whole body.

        Raises: UnreadableResponse, EventTooLarge, BadEncoding, FilterFailed, PayloadRefused: the caller then calls
        ``fail``.
        """
        raise NotImplementedError

    def take_trailers(self, now_ns: int) -> list[Command]:
        """Process trailers: no more body follows. Raises: as ``take_body``."""
        raise NotImplementedError

    def fail(self, error: ApiError, event: Event) -> list[Command] | None:
        """Report the error caused by this event to the client; None if the whole response can still be replaced."""
        raise NotImplementedError

    def measure_closed(self) -> None:
        """Envoy's stream has closed before the response ended. Measure it if the client has received all of it."""

    def measure_unfinished(self) -> bool:
        """Measure the received part of a response that stays incomplete. Returns: whether that was possible."""
        return False
