"""What each guard costs on honest text: CPU of this process alone, without parsing, transport or Envoy.

The budget is for all guards of the demo's policy together, so they are measured together too: on a chat of 1 KB and of
4 KB, on a document of 100 KB, and on one event of a stream. Every text is new to the guards, as most are in life: an
automaton that has met a text before is faster on it.
"""

from __future__ import annotations

import gzip
import json
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from extproc.demo.installation import DEMO_CONFIG
from extproc.domain.record import ExchangeRecord
from extproc.domain.text import Direction, Kind, Speaker, TextSource
from extproc.exchange import request as requests
from extproc.exchange.policies import CompiledPolicy
from extproc.exchange.snapshot import Snapshot, compile_snapshot
from extproc.filters.base import ExchangeFacts, Guard
from extproc.filters.chain import Channels
from extproc.payload.endpoints import CHAT
from extproc.server.config_files import read_config
from tests.bench.figures import Figures
from tests.bench.subjects import Places

TEXT_BYTES = {"chat_1k": 1_000, "chat_4k": 4_000, "document_100k": 100_000}
TURNS = {"chat_1k": 400, "chat_4k": 200, "document_100k": 10}
EVENT = "event"
EVENTS = 300  # of one answer
ANSWERS = 12
ALL = "all"
_PROSE = Path(__file__).parents[1] / "corpus" / "shared" / "injection" / "gsm8k_benign.jsonl.gz"


def measure_detectors(_places: Places | None = None) -> Figures:
    """``detector_us_GUARD_TEXT`` for each guard of the demo and for all of them. [us]"""
    files = read_config(DEMO_CONFIG)
    snapshot = compile_snapshot(files.loaded.document, files.prompts)
    policy = snapshot.policies[-1]
    chosen: dict[str, tuple[Guard, ...]] = {guard.name: (guard,) for guard in policy.guards}
    chosen[ALL] = policy.guards
    found: Figures = {}
    for name, guards in chosen.items():
        of_guards = _policy_of(policy, guards)
        for text, size_bytes in TEXT_BYTES.items():
            if of_guards.request_guards:
                found[f"detector_us_{name}_{text}"] = _of_requests(snapshot, of_guards, size_bytes, TURNS[text])
        if of_guards.answer_filters:
            found[f"detector_us_{name}_{EVENT}"] = _of_events(snapshot, of_guards)
    return found


def _policy_of(policy: CompiledPolicy, guards: tuple[Guard, ...]) -> CompiledPolicy:
    return replace(
        policy,
        guards=guards,
        request_guards=tuple(guard for guard in policy.request_guards if guard in guards),
        answer_filters=tuple(guard for guard in policy.answer_filters if guard in guards),
    )


def _of_requests(snapshot: Snapshot, policy: CompiledPolicy, size_bytes: int, turns: int) -> float:
    """CPU of judging one request. [us]"""
    bare = replace(snapshot, last_filters=())
    chance = random.Random(size_bytes)

    def turn() -> Callable[[], None]:
        text = _text(chance, size_bytes)
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
        request, exchange = CHAT.read_request(body, snapshot.requests), _exchange()
        return lambda: requests.judge(request, exchange, bare, policy)

    return statistics.median(_timed_us(turn()) for _ in range(turns))


def _of_events(snapshot: Snapshot, policy: CompiledPolicy) -> float:
    """CPU of one event's piece of text going through the chain of its channel. [us]"""
    source = TextSource(Direction.RESPONSE, Speaker.ASSISTANT, Kind.CONTENT)
    chance = random.Random(EVENTS)

    def answer() -> float:
        pieces = [f" {word}" for word in _text(chance, 20 * EVENTS).split()[:EVENTS]]
        chain = Channels(policy.answer_filters, _exchange(), snapshot.limits.channels_max).chain(source)

        def feed_all() -> None:
            for piece in pieces:
                chain.feed(piece)
            chain.close()

        return _timed_us(feed_all) / len(pieces)

    return statistics.median(answer() for _ in range(ANSWERS))


def _exchange() -> ExchangeFacts:
    return ExchangeFacts(CHAT, {}, {}, ExchangeRecord("bench", "bench", 0))


@cache
def _sentences() -> tuple[str, ...]:
    """Honest prose: word problems from school."""
    with gzip.open(_PROSE, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    return tuple(f"{sentence.strip()}. " for text in texts for sentence in text.split(". "))


def _text(chance: random.Random, size_bytes: int) -> str:
    """Sentences in an order in which nobody has said them before."""
    pieces: list[str] = []
    length = 0
    while length < size_bytes:
        pieces.append(chance.choice(_sentences()))
        length += len(pieces[-1])
    return "".join(pieces)[:size_bytes]


def _timed_us(work: Callable[[], None]) -> float:
    started_ns = time.process_time_ns()
    work()
    return (time.process_time_ns() - started_ns) / 1_000
