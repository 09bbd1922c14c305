"""An unstreamed answer under guard: one channel after the other, in the order in which a stream would bring them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from extproc.config.document import Limits
from extproc.domain.record import Outcome
from extproc.domain.text import Kind
from extproc.filters.base import ExchangeFacts
from extproc.filters.chain import Channels
from extproc.payload.dialect import Dialect, UnreadableAnswer
from extproc.payload.encoding import ENCODINGS, Decoder, decoder
from extproc.payload.error_body import PlainTextView, error_slots
from extproc.payload.view import AnswerView, CopyRules, Slot


def read_answer(body: bytes, dialect: Dialect) -> AnswerView:
    """The view of a whole answer. Raises: UnreadableAnswer."""
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UnreadableAnswer("the answer is not JSON") from None
    if not isinstance(tree, dict):
        raise UnreadableAnswer("the answer is not a JSON object")
    return dialect.read_answer(tree)


def read_error(body: bytes) -> AnswerView:
    """The view of a server's error, which may quote text: all its strings, or the whole of it if it is not JSON."""
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError:
        tree = None
    if isinstance(tree, dict):
        return AnswerView(tree, error_slots(tree))
    return PlainTextView(body)


def decoder_of(headers: Mapping[str, str], limits: Limits) -> Decoder | None:
    """What decodes an answer, None where it comes plain. Raises: UnreadableAnswer for an encoding that is not known."""
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return None
    if encoding not in ENCODINGS:
        raise UnreadableAnswer("the answer has a content-encoding that is not known here")
    return decoder(encoding, limits.decompression_ratio_max, limits.response_body_bytes_max)


def answer_count(view: AnswerView) -> int:
    """How many choices an answer has."""
    return len({slot.source.choice for slot in view.slots}) or 1


def guard_answer(view: AnswerView, channels: Channels, exchange: ExchangeFacts, copies: CopyRules) -> bool:
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
        slot_changed, rejected = _guard_slot(slot, channels)
        exchange.record.note_text(slot.source, slot.text)
        changed = changed or slot_changed
        kept.append(slot)
        if rejected and not aside:
            cut.add(choice)
            said = [item for item in kept if item.source.choice == choice and item.text]
            exchange.dialect.cut_answer(view.tree, choice, said)
            exchange.record.outcome = Outcome.CUT
            changed = True
    for choice in view.finished:
        if choice not in cut:
            channels.end_choice(choice, choice in view.cut_short)
    return copies.drop_from(view.copies) or changed


def guard_error(view: AnswerView, channels: Channels) -> bool:
    """Put a server's error through the chains, in place: each of its texts ends at what is found in it.

    Returns: whether it was changed. Raises: FilterFailed, PayloadRefused.
    """
    changed = False
    for slot in view.slots:
        slot_changed, _ = _guard_slot(slot, channels)
        changed = changed or slot_changed
    return changed


def show(view: AnswerView, shown: Mapping[str, Any]) -> bool:
    """Put in what the client sees as it asked for it (the model's name); returns whether that changed the answer."""
    changed = any(view.tree.get(key) != value for key, value in shown.items())
    view.tree.update(shown)
    return changed


def _guard_slot(slot: Slot, channels: Channels) -> tuple[bool, bool]:
    """Whether the text was changed, and whether a filter rejected it. An empty text is none, as in a stream."""
    text = slot.text
    if not text:
        return False, False
    chain = channels.chain(slot.source)
    released = chain.feed(text)
    if chain.rejected_by is None:
        released += chain.close()
    if released != text:
        slot.put(released)
    return released != text, chain.rejected_by is not None
