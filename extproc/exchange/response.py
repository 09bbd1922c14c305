"""The ways to take the body of a response: one protocol.

A handler is given the chunks of the body and the trailers, and says what Envoy is told and which phase follows. It
has its own decoder, and measures what it has seen. ``streamed_response`` guards event by event, ``whole_response`` all
at its end.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from extproc.domain.errors import ApiError
from extproc.domain.text import TextSource
from extproc.exchange.events import Command, Event, ResponseBody
from extproc.exchange.phases import Phase
from extproc.exchange.policies import CompiledPolicy
from extproc.exchange.snapshot import Snapshot
from extproc.exchange.token_counts import TokenCounts
from extproc.filters.base import ExchangeFacts
from extproc.payload.encoding import Decoder
from extproc.payload.view import RequestView


@dataclass(frozen=True, slots=True)
class ResponseContext:
    """What a response is read and judged by.

    Attributes:
        request: whose response it is; None if it was not read.
        tokens: what is counted of it.
        decoder: what decodes the body; None if it comes plain.
    """

    facts: ExchangeFacts
    request: RequestView | None
    snapshot: Snapshot
    policy: CompiledPolicy
    tokens: TokenCounts
    decoder: Decoder | None


class ResponseHandler:
    """One response.

    Attributes:
        phase: of the exchange, as far as the response goes; one in which an exchange has ended, once it is over.
    """

    phase: Phase

    @property
    def sources(self) -> Collection[TextSource]:
        """The texts that have come."""
        raise NotImplementedError

    def take_body(self, event: ResponseBody, now_ns: int) -> list[Command]:
        """The next chunk, or the whole body. Raises: UnreadableAnswer, EventTooLarge, BadEncoding, FilterFailed,
        PayloadRefused: ``fail`` is to follow.
        """
        raise NotImplementedError

    def take_trailers(self, now_ns: int) -> list[Command]:
        """Trailers: no body comes any more. Raises: as ``take_body``."""
        raise NotImplementedError

    def fail(self, error: ApiError, event: Event) -> list[Command] | None:
        """Tell the client of an error that the event has led to; None where all of the response can be replaced."""
        raise NotImplementedError

    def measure_closed(self) -> None:
        """Envoy's stream is over before the response is. Measure it if the client has it all."""

    def measure_unfinished(self) -> bool:
        """Measure what has come of a response that will not be complete; returns whether that could be done."""
        return False
