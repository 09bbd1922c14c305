"""An answer that is read at its end: guarded whole, channel after channel as a stream would bring them, or measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from extproc.domain.record import Outcome
from extproc.domain.text import Kind, TextSource
from extproc.exchange import ending
from extproc.exchange.policies import CompiledPolicy
from extproc.exchange.snapshot import Snapshot
from extproc.exchange.token_counts import TokenCounts
from extproc.filters.base import ExchangeFacts
from extproc.filters.chain import Channels, finding
from extproc.payload.dialect import Dialect, UnreadableAnswer
from extproc.payload.encoding import BadEncoding, Decoder
from extproc.payload.ends import TOLD_ENDS, End
from extproc.payload.error_body import error_view
from extproc.payload.strict_json import parse_once
from extproc.payload.view import AnswerView, CopyRules, RequestView, Slot


class WholeAnswer:
    """One answer, or a server's error in its place, whose body is read when all of it has come.

    Args:
        request: whose answer it is; None if it was not read.
        decoder: what decodes the body; None if it comes plain.
        tokens: what is counted of it.
    """

    def __init__(
        self,
        exchange: ExchangeFacts,
        request: RequestView | None,
        snapshot: Snapshot,
        policy: CompiledPolicy,
        decoder: Decoder | None,
        tokens: TokenCounts,
    ) -> None:
        self._exchange = exchange
        self._shown: Mapping[str, Any] = request.shown if request else {}
        self._own_ends = request.own_ends if request else TOLD_ENDS
        self._limits = snapshot.limits
        self._policy = policy
        self._decoder = decoder
        self._tokens = tokens
        self._kept = bytearray()  # what has come of a body that comes in parts
        self._texts: set[TextSource] = set()  # that it has, until they are judged
        self._channels: Channels | None = None

    @property
    def sources(self) -> Collection[TextSource]:
        """The texts that have come."""
        return self._channels.sources() if self._channels is not None else self._texts

    def hold(self, part: bytes) -> None:
        """Keep a part that the client gets when all is judged. Raises: UnreadableAnswer, if it is too much."""
        self._kept += part
        self._refuse_length(len(self._kept))

    def observe(self, part: bytes) -> None:
        """Keep a part that the client has got already; of an answer that is too large, no more than shows that."""
        if len(self._kept) <= self._limits.response_body_bytes_max:
            self._kept += part

    def guard_held(self) -> bytes:
        """As ``guard``, for the parts that were held."""
        return self.guard(bytes(self._kept))

    def guard(self, body: bytes) -> bytes:
        """Measure and judge a body; returns what the client gets: the same object if a plain body was not changed.

        Raises: UnreadableAnswer, BadEncoding, FilterFailed, PayloadRefused.
        """
        body = self._decoded(body)
        self._refuse_length(len(body))
        exchange, record = self._exchange, self._exchange.record
        if record.outcome is Outcome.UPSTREAM_ERROR:
            view = error_view(body)
            changed = _guard_error(view, self._channels_for(view))
        else:
            view = _read_answer(body, exchange.dialect)
            ending.measure_answer(record, view, self._tokens)
            record.answers, record.outcome = _answer_count(view), Outcome.COMPLETED
            cut_off = _cut_off(view, self._own_ends)
            channels = self._channels_for(view, bool(cut_off))
            copies = self._policy.copies.where(exchange.has_prompt)
            changed = _guard_answer(view, channels, exchange, copies, cut_off)
            changed = view.show(self._shown) or changed
        return view.write() if changed else body

    def measure_observed(self, now_ns: int) -> None:
        """Measure what was passed on: as the server counted, or estimated where that cannot be read."""
        exchange, record = self._exchange, self._exchange.record
        try:
            view = _read_answer(self._decoded(bytes(self._kept)), exchange.dialect)
            ending.measure_answer(record, view, self._tokens)
        except (UnreadableAnswer, BadEncoding):
            ending.measure_unseen(record, exchange.dialect, self._tokens, now_ns)
        record.outcome, record.answers = Outcome.COMPLETED, 1

    def _decoded(self, body: bytes) -> bytes:
        if self._decoder is None:
            return body
        body = self._decoder.feed(body)
        self._decoder.close()
        return body

    def _refuse_length(self, length_bytes: int) -> None:
        if length_bytes > self._limits.response_body_bytes_max:
            raise UnreadableAnswer("the answer is too large")

    def _channels_for(self, view: AnswerView, cut_off: bool = False) -> Channels:
        """Channels of the filters that may find something in a whole answer."""
        texts = [(slot.source, slot.text) for slot in view.slots]
        self._texts = {source for source, text in texts if text}
        needed = finding(self._policy.answer_filters, texts, self._exchange, cut_off)
        self._channels = Channels(needed, self._exchange, self._limits.channels_max)
        return self._channels


def _read_answer(body: bytes, dialect: Dialect) -> AnswerView:
    """The view of a whole answer. Raises: UnreadableAnswer."""
    try:
        tree = parse_once(body)
    except ValueError:
        raise UnreadableAnswer("the answer is not JSON, or has a key twice") from None
    if not isinstance(tree, dict):
        raise UnreadableAnswer("the answer is not a JSON object")
    return dialect.read_answer(tree)


def _answer_count(view: AnswerView) -> int:
    """How many choices an answer has."""
    return len({slot.source.choice for slot in view.slots}) or 1


def _cut_off(view: AnswerView, own_ends: Collection[End]) -> frozenset[TextSource]:
    """The texts that were to go on: the last of each choice that the model did not end, and JSON, which says itself."""
    last = {slot.source.choice: slot.source for slot in view.slots if slot.may_be_cut and slot.text}
    found = [source for choice, source in last.items() if view.ends.get(choice) not in own_ends]
    json = [slot for slot in view.slots if slot.source.kind is Kind.JSON]
    return frozenset(found).union([slot.source for slot in json if not slot.text.endswith(("}", "]"))])


def _guard_answer(
    view: AnswerView,
    channels: Channels,
    exchange: ExchangeFacts,
    copies: CopyRules,
    cut_off: Collection[TextSource],
) -> bool:
    """Put an unstreamed answer through the chains, in place.

    A choice in which a filter rejects ends there, as in a stream.
    Returns: whether the answer was changed. Raises: FilterFailed, PayloadRefused.
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
            exchange.dialect.cut_answer(view, choice, said)
            exchange.record.outcome = Outcome.CUT
            changed = True
    for choice in view.finished:
        if choice not in cut:
            channels.end_choice(choice, choice in view.cut_short)
    return copies.drop_from(view.copies) or changed


def _guard_error(view: AnswerView, channels: Channels) -> bool:
    """Put a server's error through the chains, in place: each of its texts ends at what is found in it.

    Returns: whether it was changed. Raises: FilterFailed, PayloadRefused.
    """
    changed = view.changed
    for slot in view.slots:
        slot_changed, _ = _guard_slot(slot, channels)
        changed = changed or slot_changed
    return changed


def _guard_slot(slot: Slot, channels: Channels, cut_off: bool = False) -> tuple[bool, bool]:
    """Whether the text was changed, and whether a filter rejected it. An empty text is none, as in a stream."""
    text = slot.text
    if not text:
        return False, False
    chain = channels.open_chain(slot.source) if slot.place else channels.chain(slot.source)
    released = chain.feed(text)
    if chain.rejected_by is None:
        released += chain.close(cut_off)
    if released != text:
        slot.put(released)
    return released != text, chain.rejected_by is not None
