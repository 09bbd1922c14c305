"""Answers under guard: the unstreamed one, and the stream.

Both feed the same chains, so they find the same, wherever the bytes were cut. A choice in which a filter rejects ends there: its
earlier texts stand, its later ones go, and the dialect says why. The other choices go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from extproc.domain.errors import ApiError
from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.text import TextSource
from extproc.filters.base import ExchangeFacts, Filter
from extproc.filters.chain import Channels
from extproc.payload.dialect import Frame, StreamReader
from extproc.payload.sse import SseReader
from extproc.payload.view import AnswerView, Slot


def guard_answer(view: AnswerView, channels: Channels, exchange: ExchangeFacts, drops_copies: bool) -> bool:
    """Put an unstreamed answer through the chains, in place.

    Returns: whether the answer was changed.
    """
    changed = False
    cut: set[int] = set()
    kept: list[Slot] = []
    for slot in view.slots:
        text = slot.text
        choice = slot.source.choice
        if choice in cut:
            slot.put("")
            continue
        chain = channels.chain(slot.source)
        released = chain.feed(text)
        if chain.rejected_by is None:
            released += chain.close()
        kept.append(slot)
        if released != text:
            slot.put(released)
            changed = True
        if chain.rejected_by is not None:
            cut.add(choice)
            exchange.dialect.cut_answer(view.tree, choice, [item for item in kept if item.source.choice == choice])
            exchange.record.outcome = Outcome.CUT
            changed = True
    if drops_copies:
        for copy in view.copies:
            copy.drop()
            changed = True
    return changed


class StreamedAnswer:
    """One stream: bytes of the server in, bytes for the client out."""

    def __init__(
        self,
        reader: StreamReader,
        filters: Sequence[Filter],
        exchange: ExchangeFacts,
        *,
        choices: int,
        channels_max: int,
        event_bytes_max: int,
        drops_copies: bool,
        hides_usage: bool,
    ) -> None:
        self._reader = reader
        self._sse = SseReader(event_bytes_max)
        self._channels = Channels(filters, exchange, channels_max)
        # Texts that come again whole are judged again, and counted once.
        self._unrecorded = replace(exchange, record=ExchangeRecord("", "", 0))
        self._again = Channels(filters, self._unrecorded, channels_max)
        self._record = exchange.record
        self._choices = choices
        self._drops_copies = drops_copies
        self._hides_usage = hides_usage
        self._cut: set[int] = set()
        self._finished: set[int] = set()
        self._out: list[bytes] = []  # of the chunk at hand, so that a failure does not lose what went before it
        self.failed = False
        self.ended = False  # we ended it: nothing more may be sent

    def feed(self, chunk: bytes, now_ns: int) -> bytes:
        """The next bytes of the server; returns what the client may have.

        Raises: UnreadableAnswer, EventTooLarge, FilterFailed, PayloadRefused: the stream must end with ``failure``.
        """
        out = self._out = []
        for event in self._sse.feed(chunk):
            self._put(self._reader.read(event), out, now_ns)
            if self.ended:
                break
        return b"".join(out)

    def close(self, now_ns: int) -> bytes:
        """The server's stream is over; returns the rest."""
        out = self._out = []
        for event in self._sse.close():
            self._put(self._reader.read(event), out, now_ns)
        if not self.ended:
            self._release_all(out)
        return b"".join(out)

    def failure(self, error: ApiError) -> bytes:
        """What was good of the last chunk, then an error of ours; nothing may follow."""
        self.ended = self.failed = True
        return b"".join(self._out) + self._reader.failure(error)

    def _put(self, frame: Frame, out: list[bytes], now_ns: int) -> None:
        if frame.tree is None:
            if frame.last:
                self._release_all(out)
            out.append(frame.event.raw)
            return
        if self._cut and not self._without_cut_choices(frame):
            return
        held = self._judge(frame, out, now_ns)
        self._close(frame, out)
        if frame.failed:
            self.failed = True
            self._release_all(out)
        if self.ended or (self._cut and not self._without_cut_choices(frame)):
            return
        self._finished.update(frame.finished)
        if not (held or (frame.usage_only and self._hides_usage)):
            out.append(self._reader.write(frame) if frame.changed else frame.event.raw)
        self._end_if_over(out)

    def _judge(self, frame: Frame, out: list[bytes], now_ns: int) -> bool:
        """Put the event's texts through the chains; returns whether all of it is held back."""
        brought = kept = False
        for slot in frame.slots:
            source = slot.source
            text = slot.text
            if not text or source.choice in self._cut:
                continue
            brought = True
            self._reader.usage.piece(source.choice, text)
            chain = self._channels.chain(source)
            released = chain.feed(text)
            if released != text:
                slot.put(released)
                frame.changed = True
            kept = kept or bool(released)
            if chain.rejected_by is not None:
                self._cut_choice(frame, source, out)
        if brought:
            self._note_text(now_ns)
        for slot in frame.wholes:
            self._judge_again(frame, slot)
        if self._drops_copies and frame.copies:
            for copy in frame.copies:
                copy.drop()
            frame.changed = True
        return frame.bare and brought and not kept

    def _judge_again(self, frame: Frame, slot: Slot) -> None:
        text = slot.text
        if text:
            chain = self._again.new_chain(slot.source)
            released = chain.feed(text)
            if chain.rejected_by is None:
                released += chain.close()
            if released != text:
                slot.put(released)
                frame.changed = True

    def _close(self, frame: Frame, out: list[bytes]) -> None:
        """Release what is held on channels that end with this event, before it."""
        for choice, part in frame.closes:
            self._release(self._channels.of_choice(choice, part), frame, out)

    def _release(self, channels: list[tuple[TextSource, Any]], frame: Frame | None, out: list[bytes]) -> None:
        for source, chain in channels:
            if source.choice in self._cut or chain.rejected_by is not None:
                continue
            rest = chain.close()
            if rest:
                out.append(self._reader.carry(source, rest))
            if chain.rejected_by is not None:
                self._cut_choice(frame, source, out, carried=True)

    def _release_all(self, out: list[bytes]) -> None:
        self._release(self._channels.all(), None, out)
        self._end_if_over(out)

    def _cut_choice(self, frame: Frame | None, source: TextSource, out: list[bytes], carried: bool = False) -> None:
        """End a choice at what was found in one of its channels: earlier texts go out, then its end."""
        choice = source.choice
        if not carried and frame is not None:
            for slot in frame.slots:
                if slot.source.choice == choice and slot.text:
                    out.append(self._reader.carry(slot.source, slot.text))
                if slot.source == source:
                    break
        self._cut.add(choice)
        for other, chain in self._channels.of_choice(choice):
            if other != source and chain.rejected_by is None:
                rest = chain.close()
                if rest:
                    out.append(self._reader.carry(other, rest))
        out.append(self._reader.cut(choice))
        self._record.outcome = Outcome.CUT

    def _without_cut_choices(self, frame: Frame) -> bool:
        """Take cut choices out of an event; false if nothing is left of it."""
        for choice in self._cut:
            if not self._reader.without_choice(frame, choice):
                return False
        frame.changed = True
        frame.slots = [slot for slot in frame.slots if slot.source.choice not in self._cut]
        frame.finished = [choice for choice in frame.finished if choice not in self._cut]
        frame.closes = [close for close in frame.closes if close[0] not in self._cut]
        return True

    def _end_if_over(self, out: list[bytes]) -> None:
        if self._cut and not self.ended and len(self._cut | self._finished) >= self._choices:
            out.append(self._reader.end())
            self.ended = True

    def _note_text(self, now_ns: int) -> None:
        record = self._record
        record.pieces += 1
        record.last_text_ns = now_ns
        if not record.first_text_ns:
            record.first_text_ns = now_ns

    @property
    def answers(self) -> int:
        """How many choices have come to an end."""
        return len(self._finished | self._cut)
