"""What the signals of an answer cost: its request is read for them, it is heard and judged, then counted."""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Sequence
from typing import Final

from extproc.config.section import Mode, OnError
from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.text import Kind
from extproc.domain.usage import Usage
from extproc.exchange.answer_memory import AnswerMemory
from extproc.filters.base import ExchangeContext, ExchangeFacts
from extproc.filters.chain import Channels
from extproc.filters.signals import SignalsFilter
from extproc.payload.endpoints import CHAT
from extproc.payload.view import RequestPolicy, response_source
from extproc.sinks.gathering_registry import GatheringRegistry
from extproc.sinks.signal_metrics import SignalMetrics
from tests.bench.figures import Figures
from tests.bench.subjects import Places

ROUNDS: Final = 50
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


def measure_signals(_places: Places | None = None) -> Figures:
    """``signals_us``: of an answer of 1 KB; ``signals_event_us``: more for each event of a stream. [us]"""
    pieces = re.findall(r"\S+\s*", _TEXT)
    whole, streamed = _spent_us([_TEXT]), _spent_us(pieces)
    return {"signals_us": whole, "signals_event_us": max(streamed - whole, 0.0) / len(pieces)}


def _spent_us(pieces: Sequence[str]) -> float:
    """The median over rounds. Args: pieces: of the answer, as its texts arrive."""
    signals = SignalsFilter(Mode.ENFORCE, OnError.CLOSED, SAMPLE)
    metrics, memory = SignalMetrics(GatheringRegistry(100, forgets=True)), AnswerMemory()
    body = json.dumps({"model": "tiny", "stream": len(pieces) > 1, "messages": _MESSAGES}).encode()
    took_us = []
    for number in range(ROUNDS):
        records = [_record(f"{number}-{exchange}") for exchange in range(EXCHANGES)]
        contexts = [ExchangeContext(ExchangeFacts(CHAT, {}, {}), record) for record in records]
        requests = [CHAT.read_request(body, RequestPolicy(20)) for _ in records]
        started_ns = time.thread_time_ns()
        for record, context, request in zip(records, contexts, requests, strict=True):
            signals.on_request(request, context)
            channels = Channels((signals,), context, 8)
            for now_ns, piece in enumerate(pieces):
                channels.chain(_SOURCE).feed(piece)
                record.note_piece(20_000_000 * now_ns)
            channels.chain(_SOURCE).close()
            channels.end_choice(0, False)
            memory.complete(record)
            metrics.count(record, _VERSION)
        took_us.append((time.thread_time_ns() - started_ns) / 1_000 / EXCHANGES)
    return statistics.median(took_us)


def _record(number: str) -> ExchangeRecord:
    record = ExchangeRecord(number, "", 1, sent_ns=1, team="search", user=number, outcome=Outcome.COMPLETED, answers=1)
    record.usage = Usage(40, 200)
    return record
