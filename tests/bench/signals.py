"""What the signals of an answer cost: its request is read for them, it is heard and judged, then counted."""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from extproc.config.section import Mode, OnError
from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.text import Kind, Stage, TextSource
from extproc.domain.usage import Usage
from extproc.exchange.answer_memory import AnswerMemory
from extproc.filters.base import ExchangeContext, ExchangeFacts, Filter
from extproc.filters.chain import Channels
from extproc.filters.signals import SignalsFilter
from extproc.payload.endpoints import CHAT
from extproc.payload.view import RequestPolicy, RequestView, response_source
from extproc.sinks.gathering_registry import GatheringRegistry
from extproc.sinks.signal_metrics import SignalMetrics
from tests.bench.figures import Figures
from tests.bench.subjects import Places

ROUNDS: Final = 50
STREAM_ROUNDS: Final = 10
EXCHANGES: Final = 200
SAMPLE: Final = 0.05
_TEXT: Final = (
    "The museum opens at nine in the morning and closes at six. Visitors may buy tickets at the entrance or online, and"
    " children under twelve do not pay. The café on the first floor has hours of its own: on weekdays it closes an hour"
    " earlier, and on the last Friday of each month it stays open for concerts. Guided tours begin every full hour in"
    " front of the old staircase. They take some fifty minutes, and a group may have up to fifteen people. If you come"
    " by car, use the garage behind the theater, since there is no parking in the old town. Wheelchairs can be borrowed"
    " for free at the cloakroom; two elevators lead to every gallery but the tower. Photographs are allowed without a"
    " flash. The shop sells the catalog of the current exhibition, which is in English, French and Italian, and posters"
    " from earlier ones. For school classes there is a workshop on Tuesdays, which has to be booked a month ahead by"
    " telephone. The library may be used by everyone who has registered, and keeps its own calendar."
)
_MESSAGES: Final = [
    {"role": "system", "content": "You help visitors of a museum."},
    {"role": "user", "content": "What are the opening hours?"},
    {"role": "assistant", "content": "It is open every day but Monday."},
    {"role": "user", "content": "What does a ticket for a child cost, and is the café open now?"},
]
_SOURCE: Final = response_source(Kind.CONTENT, 0)
_VERSION: Final = ("tiny", "v1", "0123456789ab")


class _Nothing(Filter):
    """Hears an answer, and keeps nothing: what the chain costs with any filter."""

    name = "nothing"

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage:
        """One that releases all."""
        return _PassingStage()


class _PassingStage:
    __slots__ = ()
    rejected = False

    def feed(self, text: str) -> str:
        return text

    def close(self) -> str:
        return ""

    def held(self) -> str:
        return ""

    def fork(self) -> Stage:
        return self


@dataclass(slots=True)
class _Subject:
    """A filter, with what completes and counts the signals. Attributes: took_us: an answer, in each round."""

    filter: Filter
    pieces: Sequence[str]
    memory: AnswerMemory = field(default_factory=AnswerMemory)
    metrics: SignalMetrics = field(default_factory=lambda: SignalMetrics(GatheringRegistry(100, forgets=True)))
    took_us: list[float] = field(default_factory=list)

    def take_turn(self, number: int) -> None:
        """One round."""
        names = [f"{number}-{exchange}" for exchange in range(EXCHANGES)]
        records = [_record(name) for name in names]
        contexts = [ExchangeContext(ExchangeFacts(CHAT, {}, {}), record) for record in records]
        requests = [self._request(name) for name in names]
        started_ns = time.thread_time_ns()
        for context, request in zip(contexts, requests, strict=True):
            self._answer(context, request)
        self.took_us.append((time.thread_time_ns() - started_ns) / 1_000 / EXCHANGES)

    def _request(self, mark: str) -> RequestView:
        *before, last = _MESSAGES
        messages = [*before, {**last, "content": last["content"] + mark}]
        asked = {"model": "tiny", "stream": len(self.pieces) > 1, "messages": messages}
        return CHAT.read_request(json.dumps(asked).encode(), RequestPolicy(20))

    def _answer(self, context: ExchangeContext, request: RequestView) -> None:
        record = context.record
        self.filter.on_request(request, context)
        channels = Channels((self.filter,), context, 8)
        for number, piece in enumerate(self.pieces):
            channels.chain(_SOURCE).feed(piece)
            if request.streamed:
                record.note_piece(20_000_000 * (number + 1))
        channels.chain(_SOURCE).close()
        channels.end_choice(0, False)
        self.memory.complete(record)
        self.metrics.count(record, _VERSION)


def measure_signals(_places: Places | None = None) -> Figures:
    """What an answer of 1 KB costs more with the filter than with one that does nothing, which have turns. [us]"""
    signals, nothing = SignalsFilter(Mode.ENFORCE, OnError.CLOSED, SAMPLE), _Nothing(Mode.ENFORCE, OnError.CLOSED)
    pieces = re.findall(r"\S+\s*", _TEXT)
    whole, passed = _Subject(signals, [_TEXT]), _Subject(nothing, [_TEXT])
    streamed, passed_stream = _Subject(signals, pieces), _Subject(nothing, pieces)
    for number in range(ROUNDS):
        for subject in (whole, passed):
            subject.take_turn(number)
        if number < STREAM_ROUNDS:
            streamed.take_turn(number)
            passed_stream.take_turn(number)
    cost_us, stream_us = _more(whole, passed), _more(streamed, passed_stream)
    return {
        "signals_us": cost_us,
        "signals_event_us": max(stream_us - cost_us, 0.0) / len(pieces),
        "filter_us": statistics.median(passed.took_us),
    }


def _more(subject: _Subject, than: _Subject) -> float:
    """The median over rounds of the difference."""
    return statistics.median(one - other for one, other in zip(subject.took_us, than.took_us, strict=True))


def _record(number: str) -> ExchangeRecord:
    record = ExchangeRecord(number, "", 1, sent_ns=1, team="search", user=number, outcome=Outcome.COMPLETED, answers=1)
    record.usage = Usage(40, 200)
    return record
