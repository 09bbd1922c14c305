"""Reads W3C Trace Context from a client's headers, and begins a span in that trace or in a new one.

https://www.w3.org/TR/trace-context/: a ``traceparent`` that is not exactly as it says begins a new trace, and its
``tracestate`` counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from extproc.domain.record import ExchangeRecord
from extproc.domain.trace_context import TraceContext
from extproc.exchange.events import HeaderChanges

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
SEED_BITS: Final = 192
"""Random bits that an exchange needs: an id of a trace, and one of a span."""
STATE_CHARS_MAX: Final = 512
"""A longer ``tracestate`` is left out, as the recommendation allows."""
_SPAN_BITS: Final = 64
_SPAN_MASK: Final = (1 << _SPAN_BITS) - 1
_HEX: Final = frozenset("0123456789abcdef")
_VERSION_0_CHARS: Final = 55


@dataclass(frozen=True, slots=True)
class TracingTerms:
    """What ``otel`` says of the path.

    Attributes:
        sampled_below: a trace that begins here is sampled if the last 64 bits of its id are below, as the SDK has it.
        forwards: whether who is asked next gets our span as its parent.
        keeps_texts: whether spans have texts.
    """

    sampled_below: int
    forwards: bool
    keeps_texts: bool


def tracing_terms(ratio: float, forwards: bool, keeps_texts: bool) -> TracingTerms:
    """Compile them. Args: ratio: share of the traces that begin here."""
    return TracingTerms(round(ratio * (1 << _SPAN_BITS)), forwards, keeps_texts)


def begin_trace(record: ExchangeRecord, headers: Mapping[str, str], seed: int, terms: TracingTerms) -> None:
    """Begin the span of an exchange, and keep its texts where spans have them."""
    trace = record.trace = span_context(headers, seed, terms)
    if terms.keeps_texts and trace.sampled and record.texts is None:
        record.texts, record.texts_for_trace = {}, True


def span_context(headers: Mapping[str, str], seed: int, terms: TracingTerms) -> TraceContext:
    """The span of an exchange: the client's decision counts, or else the share. Args: seed: ``SEED_BITS`` of chance."""
    span_id = (seed & _SPAN_MASK) or 1
    parent = headers.get(TRACEPARENT)
    if parent is not None and _is_valid(parent):
        state = headers.get(TRACESTATE, "")
        sampled = int(parent[53:55], 16) & 1 == 1
        known = state if len(state) <= STATE_CHARS_MAX else ""
        return TraceContext(int(parent[3:35], 16), span_id, int(parent[36:52], 16), sampled, known)
    trace_id = (seed >> _SPAN_BITS) or 1
    return TraceContext(trace_id, span_id, 0, trace_id & _SPAN_MASK < terms.sampled_below, "")


def forwarded_span(changes: HeaderChanges, trace: TraceContext | None, terms: TracingTerms | None) -> HeaderChanges:
    """The changes of headers, so that our span is the parent of those that the model server makes.

    The client's ``tracestate`` goes on if its ``traceparent`` is valid: else it would count for our trace.
    """
    if trace is None or terms is None or not terms.forwards:
        return changes
    removed = () if trace.parent_span_id else (TRACESTATE,)
    return HeaderChanges((*changes.set, (TRACEPARENT, trace.traceparent)), (*changes.remove, *removed))


def _is_valid(parent: str) -> bool:
    """Whether a ``traceparent`` is one. A later version may go on after a dash."""
    if len(parent) < _VERSION_0_CHARS or not parent[2] == parent[35] == parent[52] == "-":
        return False
    version, trace_id, span_id, flags = parent[:2], parent[3:35], parent[36:52], parent[53:55]
    if not _HEX.issuperset(version + trace_id + span_id + flags) or version == "ff":
        return False
    if len(parent) > _VERSION_0_CHARS and (version == "00" or parent[_VERSION_0_CHARS] != "-"):
        return False
    return trace_id.strip("0") != "" and span_id.strip("0") != ""
