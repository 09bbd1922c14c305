"""The place of an exchange in a trace, and when it was worked on."""

from __future__ import annotations

from typing import Final, NamedTuple

_SAMPLED: Final = "01"
_NOT_SAMPLED: Final = "00"


class TraceContext(NamedTuple):
    """The span of an exchange, as W3C Trace Context names it.

    Attributes:
        parent_span_id: of the client's span; 0: the trace begins here.
        sampled: whether the span is exported, and those of who is asked next.
        state: ``tracestate`` of the client, which only its vendors read.
    """

    trace_id: int
    span_id: int
    parent_span_id: int
    sampled: bool
    state: str

    @property
    def traceparent(self) -> str:
        """The header for who is asked next: this span is its parent."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{_SAMPLED if self.sampled else _NOT_SAMPLED}"


class WorkTimes:
    """When the steps of an exchange ran, and how long they took: of the request until it was sent on or answered, and
    of the response. Times are those of the clock that drives ``step``. [ns]

    Attributes:
        request_began_ns, request_ended_ns: from the body of the request to the last reply before it was sent on, with
            the time that it waited for verdicts and limits between; 0: it has no body.
        request_took_ns: the part of this that was work.
        response_began_ns, response_ended_ns, response_took_ns: likewise, from the headers of the response.
    """

    __slots__ = (
        "request_began_ns",
        "request_ended_ns",
        "request_took_ns",
        "response_began_ns",
        "response_ended_ns",
        "response_took_ns",
    )

    def __init__(self) -> None:
        self.request_began_ns = self.request_ended_ns = self.request_took_ns = 0
        self.response_began_ns = self.response_ended_ns = self.response_took_ns = 0

    def add_request(self, began_ns: int, ended_ns: int, took_ns: int) -> None:
        """A step of the request's body, or of what it waited for."""
        self.request_began_ns = self.request_began_ns or began_ns
        self.request_ended_ns = ended_ns
        self.request_took_ns += took_ns

    def add_response(self, began_ns: int, ended_ns: int, took_ns: int) -> None:
        """A step of the response."""
        self.response_began_ns = self.response_began_ns or began_ns
        self.response_ended_ns = ended_ns
        self.response_took_ns += took_ns
