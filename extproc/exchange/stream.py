"""A guarded stream: the server's bytes in, the client's bytes out, independent of chunk boundaries.

Each event is split into pieces of channels. Each piece passes its channel's chain, and the released text replaces it in
the event. Text that a chain still holds when its channel ends goes into the event that ends it, or into an event of our
own before it. A choice in which a filter rejects ends there: its earlier texts stay, its later ones are dropped, and
the finish reason follows the dialect. The other choices continue; when none is left the stream ends.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from extproc.domain.errors import ApiError
from extproc.domain.record import Outcome
from extproc.domain.text import Kind, TextSource
from extproc.exchange.choices import StreamChoices
from extproc.exchange.statements import MANY, Statements
from extproc.exchange.stream_terms import StreamTerms
from extproc.exchange.waiting import Waiting
from extproc.filters.base import ExchangeContext, Filter
from extproc.filters.chain import Chain, Channels
from extproc.payload.dialect import Frame, StreamReader, UnreadableResponse
from extproc.payload.plain_chunk import PlainChunks
from extproc.payload.renamed_model import name_as_requested
from extproc.payload.sse import SseEvent, SseReader
from extproc.payload.view import Slot, response_source

ENDED_PARTS_MAX: Final = 64
"""The maximum number of events that wait for the next, which shows whether the response continues."""

_NEVER_WAITING: Final = Waiting()
"""Of all streams without a time limit. Nothing is fed to it."""


class ResponseStream:
    """One stream."""

    __slots__ = (
        "_channels",
        "_choices",
        "_exchange",
        "_filters",
        "_hold_ns_max",
        "_may_cut",
        "_out",
        "_paused",
        "_reader",
        "_record",
        "_speaking",
        "_spoke",
        "_sse",
        "_statements",
        "_terms",
        "_waiting",
        "_waiting_ends",
        "complete",
        "ended",
        "failed",
    )

    def __init__(
        self, reader: StreamReader, filters: Sequence[Filter], exchange: ExchangeContext, terms: StreamTerms
    ) -> None:
        self._reader = reader
        self._terms = terms
        self._record = exchange.record
        self._sse = SseReader(terms.event_bytes_max)
        self._channels = Channels(filters, exchange, terms.channels_max)
        self._filters = filters
        self._exchange = exchange
        self._may_cut = any(item.cuts_responses for item in filters)
        self._hold_ns_max = min((item.hold_ns_max for item in filters if item.hold_ns_max), default=0)
        self._waiting = Waiting() if self._hold_ns_max else _NEVER_WAITING
        self._speaking: dict[int, TextSource] = {}  # the channel of the last text, by choice
        self._choices = StreamChoices(terms.own_ends)
        self._waiting_ends: list[Frame] = []  # until the next event, which shows whether the response continues
        self._statements = Statements(self._channels, filters, exchange, terms.channels_max)
        # Choices and parts whose later texts are checked each as a whole.
        self._paused: set[tuple[int, int]] | None = None
        self._out: list[bytes] = []  # output for the client; kept on a failure
        self._spoke = False  # a non-empty event has arrived
        self.failed = False  # the server reported an error
        self.complete = False  # the server's last event has arrived
        self.ended = False  # we ended it: nothing more may be sent

    @property
    def sources(self) -> Collection[TextSource]:
        """The sources of the texts so far."""
        return self._channels.sources()

    @property
    def held(self) -> dict[TextSource, str]:
        """The text that each channel has received and not released."""
        return {source: held for source, chain in self._channels.all() if (held := chain.held())}

    @property
    def answers(self) -> int:
        """The number of choices that have ended."""
        return self._choices.ended

    def feed(self, chunk: bytes, now_ns: int) -> None:
        """Process the next bytes of the server.

        Raises: UnreadableResponse, EventTooLarge, FilterFailed, PayloadRefused: the caller must end the stream with
        ``failure``.
        """
        if (one := self._sse.whole(chunk)) is not None:
            self._take_event(one, now_ns)
        else:
            for event in self._sse.feed(chunk):
                self._take_event(event, now_ns)
                if self.ended:
                    break
        if self._hold_ns_max and not self.ended:
            self._give_up_overdue(now_ns)

    def close(self, now_ns: int) -> None:
        """The server's stream is over. Raises: as ``feed``."""
        if self.ended:
            return
        for event in self._sse.close():
            self._take_event(event, now_ns)
        if not self._spoke and not self._waiting_ends:
            raise UnreadableResponse("the stream has no event")
        self._take_waiting(None, now_ns)
        self._close_all()

    def take(self) -> bytes:
        """Take the output for the client since the last call."""
        out = self._out
        if len(out) == 1:  # mostly
            return out.pop()
        taken = b"".join(out)
        out.clear()
        return taken

    def failure(self, error: ApiError) -> bytes:
        """The remaining output for the client, then our error; nothing may follow."""
        self.ended = True
        return self.take() + self._reader.failure(error)

    # --- one event -------------------------------------------------------------------------------------------------

    def _take_event(self, event: SseEvent, now_ns: int) -> None:
        if self.complete or self.failed:
            self._take_late(event, now_ns)
            return
        plain = self._reader.plain
        is_read = self._may_cut or plain.source.choice in self._choices.over
        text = None if is_read else plain.text_of(event.data)
        if text is None:
            self._take(self._reader.read(event), now_ns)
        else:
            self._take_plain(event, text, plain, now_ns)

    def _take_late(self, event: SseEvent, now_ns: int) -> None:
        """After the last event only comments may follow; after an error, the end of the stream or the error again."""
        if event.data is not None:
            frame = None if self.complete else self._reader.read(event)
            if frame is None or not (frame.last or frame.failed):
                self._record.dropped_texts += 1
                return
            self._take(frame, now_ns)
        else:
            self._out.append(event.raw)

    def _take_plain(self, event: SseEvent, text: str, plain: PlainChunks, now_ns: int) -> None:
        """The fast path of ``_take``: an event with nothing but one text, in a stream that no filter may cut."""
        source, usage = plain.source, self._reader.usage
        self._choices.last[source.choice] = source
        usage.plain_piece(source.choice, text)
        chain = self._channels.chain(source)
        released = chain.feed(text)
        if self._hold_ns_max:
            self._waiting.fed(source, text)
        if self._record.texts is not None:
            self._record.note_text(source, released)
        self._record.note_piece(now_ns)
        if chain.rejected_by is not None:  # by a filter that did not declare that it cuts
            frame = self._reader.read(event)
            frame.put(frame.slots[0], released)
            self._cut_choice(source, frame)
        elif released == text and plain.passes:
            self._out.append(event.raw)
        elif released:
            self._out.append(plain.write(released))

    def _take(self, frame: Frame, now_ns: int) -> None:
        """Process an event. One that ends a part waits: the next event shows whether the part was truncated."""
        if frame.ends_part or (self._waiting_ends and frame.is_silent):
            if len(self._waiting_ends) >= ENDED_PARTS_MAX:
                raise UnreadableResponse("too many parts of the response have ended")
            self._waiting_ends.append(frame)
            return
        if self._waiting_ends and frame.says_something:
            self._take_waiting(frame, now_ns)
            self._reader.return_to(frame)
        if not self.ended:
            self._take_now(frame, frame.finished, now_ns)

    def _take_waiting(self, following: Frame | None, now_ns: int) -> None:
        """Process the waiting events, given the event that follows; None if the stream breaks off after them."""
        waiting, self._waiting_ends = self._waiting_ends, []
        tells = following is not None and not (following.failed or following.last)
        ending = following.finished if following is not None and tells else [0]
        if following is not None:
            self._choices.ends.update(following.ends)
        for frame in waiting:
            self._reader.return_to(frame)
            if not self.ended:
                self._take_now(frame, ending, now_ns)

    def _take_now(self, frame: Frame, ending: Collection[int], now_ns: int) -> None:
        self._choices.ends.update(frame.ends)
        self._choices.ending = ending
        self._spoke = self._spoke or frame.says_something
        self.complete = self.complete or frame.last
        self.failed = self.failed or frame.failed
        if frame.failed or not frame.says_something:
            self._record.dropped_texts += frame.dropped
            if frame.last or frame.failed:
                self._close_all()
            self._judge(frame, now_ns)
            self._hide(frame)
            if frame.failed and self._terms.renamed is not None:
                frame.changed = name_as_requested(frame.slots, self._terms.renamed) or frame.changed
            if not self.ended:
                self._out.append(self._reader.write(frame) if frame.changed else frame.event.raw)
            return
        if not self._choices.take_cut_from(frame, self._reader):
            return
        brought = self._judge(frame, now_ns)
        if frame.closes or frame.pauses:
            self._close_ended(frame)
        if self.ended or not self._choices.take_cut_from(frame, self._reader):
            return
        for choice in frame.finished:
            self._channels.end_choice(choice, choice in frame.cut_short)
            self._choices.finish(choice)
        self._hide(frame)
        held = frame.bare and brought and not any(slot.text for slot in frame.slots)
        if not held and not (frame.usage_only and self._terms.hides_usage):
            self._out.append(self._reader.write(frame) if frame.changed else frame.event.raw)
        self._end_if_over()

    def _judge(self, frame: Frame, now_ns: int) -> bool:
        """Pass the event's texts through the chains. Returns: whether there were any."""
        brought = False
        slots, choices = frame.slots, self._choices
        if len(slots) >= MANY and self._statements.keep_clean(slots):
            slots = [slot for slot in slots if not slot.place]
        for slot in slots:
            source, text = slot.source, slot.text
            if text and (source.choice not in choices.cut or source.kind is Kind.ASIDE):
                brought = brought or source.kind is not Kind.ASIDE
                if choices.over and choices.has_ended(source):
                    self._record.dropped_texts += 1
                    frame.put(slot, "")
                    continue
                if slot.may_be_cut:
                    choices.last[source.choice] = source
                if slot.complete or (self._paused and (source.choice, source.part) in self._paused):
                    self._judge_statement(frame, slot, source, text)
                else:
                    self._judge_piece(frame, slot, source, text)
        for slot in frame.wholes:
            if slot.text and slot.source.choice not in choices.cut:
                self._judge_whole(frame, slot)
        if brought:
            self._record.note_piece(now_ns)
        return brought

    def _judge_piece(self, frame: Frame, slot: Slot, source: TextSource, text: str) -> None:
        if source.kind is not Kind.ASIDE:
            self._reader.usage.piece(source.choice, text)
            if self._may_cut and self._ends_before(source, frame):
                return
        chain = self._channels.chain(source)
        released = chain.feed(text)
        if self._hold_ns_max:
            self._waiting.fed(source, text)
        frame.put(slot, released)
        if self._record.texts is not None:
            self._record.note_text(source, released)
        if chain.rejected_by is not None:
            self._cut_choice(source, frame)

    def _judge_statement(self, frame: Frame, slot: Slot, source: TextSource, text: str) -> None:
        """Check a text that comes whole and may be repeated in each event, or the rest of one that has ended."""
        if source.kind is not Kind.ASIDE:
            self._reader.usage.piece(source.choice, text)
            if source.kind is not Kind.NAME:  # a name has a channel of its own
                self._check_whole(source)
            if self._may_cut and self._ends_before(source, frame):
                return
        released, chain = self._statements.judge(slot, text)
        frame.put(slot, released)
        if self._record.texts is not None:
            self._record.note_text(source, released)
        if chain is not None and chain.rejected_by is not None and source.kind is not Kind.ASIDE:
            self._cut_choice(source, frame)

    def _judge_whole(self, frame: Frame, slot: Slot) -> None:
        """Check a text that is repeated from its beginning, or only ever comes whole."""
        source, text = slot.source, slot.text
        again = self._channels.known(source)
        if not again:
            self._reader.usage.piece(source.choice, text)
            if slot.may_be_cut:
                self._choices.last[source.choice] = source
        chain = self._statements.unrecorded_chain(source) if again else self._channels.chain(source)
        released = chain.judge(text, self._choices.is_cut_off(source))
        frame.put(slot, released)
        if chain.rejected_by is not None:
            self._cut_choice(source, None)

    def _ends_before(self, source: TextSource, frame: Frame) -> bool:
        """On a channel switch within a choice: if the held text of the last channel is a finding, end the choice before
        it.

        The last channel is not closed otherwise: its text, and a finding in it, may continue.
        """
        last = self._speaking.get(source.choice, source)
        self._speaking[source.choice] = source
        if last == source:
            return False
        chain = self._channels.chain(last)
        if chain.rejects_if_closed(last.kind is Kind.JSON):
            self._close_channel(last, chain, frame)
        return source.choice in self._choices.cut

    def _hide(self, frame: Frame) -> None:
        """Remove unmasked copies of text, and usage that the client did not request."""
        if self._terms.copies.drop_from(frame.copies):
            frame.changed = True
        if self._terms.hides_usage and not frame.usage_only:
            frame.drop_usage()

    # --- text that is held for too long ----------------------------------------------------------------------------

    def _give_up_overdue(self, now_ns: int) -> None:
        """Give up waiting for the rest of text that was held up to its time limit.

        There is no clock here: the time is checked when bytes arrive on any channel. This happens after they were
        processed, so that text which they complete is not given up.
        """
        overdue = self._waiting.overdue(now_ns, self._hold_ns_max, self._channels)
        if overdue:
            self._take_waiting(None, now_ns)
        for source in overdue:
            if source.choice in self._choices.cut:
                continue
            chain = self._channels.chain(source)
            text = chain.give_up()
            self._record.note_text(source, text)
            if text:
                self._out.append(self._reader.carry(source, text))
            if chain.rejected_by is not None and source.kind is not Kind.ASIDE:
                self._cut_choice(source, None)

    # --- ends of channels and choices ------------------------------------------------------------------------------

    def _close_ended(self, frame: Frame) -> None:
        for choice, part in frame.closes:
            for source, chain in self._channels.of_choice(choice, part):
                self._close_channel(source, chain, frame)
            if part is not None:
                self._choices.end_part(choice, part)
        for choice, part in frame.pauses:
            for source, chain in self._channels.of_choice(choice, part):
                self._pause(source, chain, frame)

    def _pause(self, source: TextSource, chain: Chain, frame: Frame) -> None:
        """A client may take the channel for complete, but more text may follow after the held text."""
        rest = self._close_channel(source, chain, frame)
        self._check_whole(source)
        if rest:
            self._statements.keep((source, 0), rest)

    def _check_whole(self, source: TextSource) -> None:
        self._paused = self._paused or set()
        self._paused.add((source.choice, source.part))

    def _close_all(self) -> None:
        self._choices.ending = self._choices.last.keys()
        for source, chain in self._channels.all():
            self._close_channel(source, chain, None)

    def _close_channel(self, source: TextSource, chain: Chain, frame: Frame | None) -> str:
        """Release the text that a channel holds: into the current event if it has text of the channel, otherwise before
        it.
        """
        rejected = chain.rejected_by is not None  # a local name: mypyc would assume that the attribute stays None
        if rejected or source.choice in self._choices.cut:
            return ""
        rest = chain.close(self._choices.is_cut_off(source))
        self._record.note_text(source, rest)
        if rest:
            slots = [slot for slot in frame.slots if slot.source == source] if frame else []
            if frame and slots:
                frame.put(slots[-1], slots[-1].text + rest)
            else:
                self._out.append(self._reader.carry(source, rest))
        if chain.rejected_by is not None:
            self._cut_choice(source, frame)
        return rest

    def cut_at_limit(self) -> None:
        """End all choices as if they had reached their token limit; held text is checked and sent first."""
        for choice in range(self._terms.choices):
            if not self.ended and not self._choices.is_over(choice):
                self._cut_choice(response_source(Kind.CONTENT, choice), None, at_limit=True)

    def _cut_choice(self, source: TextSource, frame: Frame | None, at_limit: bool = False) -> None:
        """End a choice at a finding in one of its channels: its texts up to there are sent, then its end."""
        choice = source.choice
        self._choices.cut_at(choice)
        for slot in frame.said_up_to(source) if frame else ():
            if slot.text:
                self._out.append(self._reader.carry(slot.source, slot.text))
        for other, chain in self._channels.of_choice(choice):
            rest = chain.close(self._choices.is_cut_off(other)) if chain.rejected_by is None else ""
            if rest:
                self._out.append(self._reader.carry(other, rest))
        self._out.append(self._reader.cut(choice, at_limit))
        self._record.outcome = Outcome.CUT
        self._end_if_over()

    def _end_if_over(self) -> None:
        if self._choices.cut and not self.ended and self.answers >= self._terms.choices:
            self._out.append(self._reader.end())
            self.ended = True
