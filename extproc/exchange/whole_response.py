"""A response that is read at its end: guarded channel by channel, in the order of a stream, or only measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from extproc.domain.errors import ApiError
from extproc.domain.record import FINISHES_MAX, Outcome
from extproc.domain.text import Direction, Kind, TextSource
from extproc.exchange import ending
from extproc.exchange.events import (
    Abort,
    Command,
    ContinueBody,
    ContinueChunk,
    ContinueTrailers,
    Event,
    HeaderChanges,
    ResponseBody,
    ResponseTrailers,
    SendChunk,
)
from extproc.exchange.phases import Phase
from extproc.exchange.response import ResponseContext, ResponseHandler
from extproc.filters.base import ExchangeContext
from extproc.filters.chain import Channels, finding
from extproc.payload.dialect import Dialect, UnreadableResponse
from extproc.payload.encoding import BadEncoding
from extproc.payload.ends import TOLD_ENDS, End
from extproc.payload.error_body import error_view
from extproc.payload.renamed_model import name_as_requested, renamed_model
from extproc.payload.response_ids import id_of_response
from extproc.payload.strict_json import parse_once
from extproc.payload.view import CopyRules, ResponseView, Slot


class _WholeResponse(ResponseHandler):
    """One response, or a server's error in its place, whose body is read when it is complete."""

    def __init__(self, context: ResponseContext) -> None:
        request = context.request
        self._exchange = context.exchange
        self._shown: Mapping[str, Any] = request.shown if request else {}
        self._renamed = renamed_model(request)
        self._own_ends = request.own_ends if request else TOLD_ENDS
        self._limits = context.snapshot.limits
        self._keeps_ledger = context.snapshot.keeps_ledger
        self._policy = context.policy
        self._decoder = context.decoder
        self._tokens = context.tokens
        self._kept = bytearray()  # body received in chunks
        self._texts: set[TextSource] = set()  # its texts, until they are checked
        self._channels: Channels | None = None

    @property
    def sources(self) -> Collection[TextSource]:
        """The sources of the texts so far."""
        return self._channels.sources() if self._channels is not None else self._texts

    def _guard(self, body: bytes) -> bytes:
        """Measure and check a body. Returns: the body for the client; the same object if a plain body did not change.

        Raises: UnreadableResponse, BadEncoding, FilterFailed, PayloadRefused.
        """
        exchange, record = self._exchange, self._exchange.record
        record.response_bytes = len(body)
        body = self._decoded(body)
        self._refuse_length(len(body))
        if record.outcome is Outcome.UPSTREAM_ERROR:
            view = error_view(body)
            changed = _guard_error(view, self._channels_for(view))
            if self._renamed is not None:
                changed = name_as_requested(view.slots, self._renamed) or changed
        else:
            view = _read_response(body, exchange.facts.dialect)
            ending.measure_response(record, view, self._tokens)
            record.answers, record.outcome = _answer_count(view), Outcome.COMPLETED
            record.finish_reasons = tuple(view.finishes.values())[:FINISHES_MAX]
            cut_off = _cut_off(view, self._own_ends)
            channels = self._channels_for(view, bool(cut_off))
            copies = self._policy.copies.where(exchange.has_prompt, exchange.record.is_fenced)
            changed = _guard_response(view, channels, exchange, copies, cut_off)
            changed = view.show(self._shown) or changed
            if self._keeps_ledger:
                record.response_id = id_of_response(view)
        return view.write() if changed else body

    def _decoded(self, body: bytes) -> bytes:
        if self._decoder is None:
            return body
        body = self._decoder.feed(body)
        self._decoder.close()
        return body

    def _refuse_length(self, length_bytes: int) -> None:
        if length_bytes > self._limits.response_body_bytes_max:
            raise UnreadableResponse("the response is too large")

    def _channels_for(self, view: ResponseView, cut_off: bool = False) -> Channels:
        """Channels of the filters that may find something in a whole response."""
        texts = [(slot.source, slot.text) for slot in view.slots]
        self._texts = {source for source, text in texts if text}
        needed = finding(self._policy.response_filters, texts, self._exchange, cut_off)
        self._channels = Channels(needed, self._exchange, self._limits.channels_max)
        return self._channels


class BufferedResponse(_WholeResponse):
    """Envoy sends the whole body at once, and waits for its replacement."""

    phase = Phase.BUFFERED

    def take_body(self, event: ResponseBody, now_ns: int) -> list[Command]:
        """Process the whole body."""
        after = self._guard(event.body)
        self.phase = Phase.DONE
        headers = HeaderChanges((), ("content-encoding",) if self._decoder else ())
        changed = None if after is event.body and not self._decoder else after
        metadata = ending.tokens_of(self._exchange.record)
        return [ContinueBody(Direction.RESPONSE, changed, headers, metadata=metadata)]

    def take_trailers(self, now_ns: int) -> list[Command]:
        """Envoy sends no trailers before the body. Raises: UnreadableResponse."""
        raise UnreadableResponse("trailers arrived before the response")

    def fail(self, error: ApiError, event: Event) -> list[Command] | None:
        """Nothing has been sent, so the client gets the error; in reply to trailers Envoy accepts no immediate
        response.
        """
        if not isinstance(event, ResponseTrailers):
            return None
        self.phase = Phase.DONE
        return [Abort(error.code)]


class HeldResponse(_WholeResponse):
    """The body arrives in chunks, which are buffered here until all can be checked."""

    phase = Phase.HELD

    def take_body(self, event: ResponseBody, now_ns: int) -> list[Command]:
        """Buffer a chunk. Raises: UnreadableResponse if the body is too large."""
        self._kept += event.body
        self._exchange.record.response_bytes = len(self._kept)
        self._refuse_length(len(self._kept))
        return [self._release(end=True)] if event.end else []

    def take_trailers(self, now_ns: int) -> list[Command]:
        """The body is complete."""
        return [self._release(end=False), ContinueTrailers(Direction.RESPONSE)]

    def fail(self, error: ApiError, event: Event) -> list[Command]:
        """The headers are already sent."""
        self.phase = Phase.DONE
        return [Abort(error.code)]

    def _release(self, end: bool) -> Command:
        after = self._guard(bytes(self._kept))
        self.phase = Phase.DONE
        return SendChunk(after, end, ending.tokens_of(self._exchange.record))


class ObservedResponse(_WholeResponse):
    """The body is forwarded as it arrives: nothing in it is text. It is kept to read the server's token counts."""

    phase = Phase.OBSERVED

    def take_body(self, event: ResponseBody, now_ns: int) -> list[Command]:
        """Forward a chunk; of a response that is too large, keep only enough to detect that."""
        self._exchange.record.response_bytes += len(event.body)
        if len(self._kept) <= self._limits.response_body_bytes_max:
            self._kept += event.body
        if event.end:
            self._measure(now_ns)
        return [ContinueChunk()]

    def take_trailers(self, now_ns: int) -> list[Command]:
        """The body is complete."""
        self._measure(now_ns)
        return [ContinueTrailers(Direction.RESPONSE)]

    def fail(self, error: ApiError, event: Event) -> list[Command]:
        """The client already has a part of it."""
        self.phase = Phase.DONE
        return [Abort(error.code)]

    def _measure(self, now_ns: int) -> None:
        """Record the server's count, or an estimate if it cannot be read."""
        record, dialect = self._exchange.record, self._exchange.facts.dialect
        try:
            view = _read_response(self._decoded(bytes(self._kept)), dialect)
            ending.measure_response(record, view, self._tokens)
        except (UnreadableResponse, BadEncoding):
            ending.measure_unseen(record, dialect, self._tokens, now_ns)
        record.outcome, record.answers = Outcome.COMPLETED, 1
        self.phase = Phase.DONE


def _read_response(body: bytes, dialect: Dialect) -> ResponseView:
    """The view of a whole response. Raises: UnreadableResponse."""
    try:
        tree = parse_once(body)
    except ValueError:
        raise UnreadableResponse("the response is not JSON, or has a key twice") from None
    if not isinstance(tree, dict):
        raise UnreadableResponse("the response is not a JSON object")
    return dialect.read_response(tree)


def _answer_count(view: ResponseView) -> int:
    """The number of choices in a response."""
    return len({slot.source.choice for slot in view.slots}) or 1


def _cut_off(view: ResponseView, own_ends: Collection[End]) -> frozenset[TextSource]:
    """The truncated texts: the last of each choice that the model did not end, and JSON, which shows itself."""
    last = {slot.source.choice: slot.source for slot in view.slots if slot.may_be_cut and slot.text}
    found = [source for choice, source in last.items() if view.ends.get(choice) not in own_ends]
    json = [slot for slot in view.slots if slot.source.kind is Kind.JSON]
    return frozenset(found).union([slot.source for slot in json if not slot.text.endswith(("}", "]"))])


def _guard_response(
    view: ResponseView,
    channels: Channels,
    exchange: ExchangeContext,
    copies: CopyRules,
    cut_off: Collection[TextSource],
) -> bool:
    """Pass an unstreamed response through the chains, in place.

    A choice in which a filter rejects ends there, as in a stream. Returns: whether the response changed. Raises:
    FilterFailed, PayloadRefused.
    """
    changed = False
    cut: set[int] = set()
    kept: list[Slot] = []
    for slot in view.slots:
        choice = slot.source.choice
        aside = slot.source.kind is Kind.ASIDE
        if choice in cut and not aside:
            slot.put("")
            continue
        slot_changed, rejected = _guard_slot(slot, channels, slot.source in cut_off)
        exchange.record.note_text(slot.source, slot.text)
        changed = changed or slot_changed
        kept.append(slot)
        if rejected and not aside:
            cut.add(choice)
            said = [item for item in kept if item.source.choice == choice and item.text]
            exchange.facts.dialect.cut_response(view, choice, said)
            exchange.record.outcome = Outcome.CUT
            changed = True
    for choice in view.finished:
        if choice not in cut:
            channels.end_choice(choice, choice in view.cut_short)
    return copies.drop_from(view.copies) or changed


def _guard_error(view: ResponseView, channels: Channels) -> bool:
    """Pass a server's error through the chains, in place: each of its texts ends at its first finding.

    Returns: whether it changed. Raises: FilterFailed, PayloadRefused.
    """
    changed = view.changed
    for slot in view.slots:
        slot_changed, _ = _guard_slot(slot, channels)
        changed = changed or slot_changed
    return changed


def _guard_slot(slot: Slot, channels: Channels, cut_off: bool = False) -> tuple[bool, bool]:
    """Whether the text changed, and whether a filter rejected it. An empty text is ignored, as in a stream."""
    text = slot.text
    if not text:
        return False, False
    chain = channels.open_chain(slot.source) if slot.place else channels.chain(slot.source)
    released = chain.judge(text, cut_off)
    if released != text:
        slot.put(released)
    return released != text, chain.rejected_by is not None
