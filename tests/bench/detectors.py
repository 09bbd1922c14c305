"""What each guard costs on honest text: CPU of this process alone, without parsing, transport or Envoy.

Each guard of the demo's policies is measured by itself, as it is configured there, and so is one that gathers for a
classifier: on a chat of 1 KB and of 4 KB, on a document of 100 KB, and on one event of a stream. The budget is for all
guards of the default policy together, so they are measured together too. Every text is new to the guards, as most are
in life: an automaton that has met a text before is faster on it.
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
from typing import Any

from extproc.config.guards.classifier import ClassifierSection
from extproc.demo.installation import DEMO_CONFIG
from extproc.domain.record import ExchangeRecord
from extproc.domain.text import Direction, Kind, Speaker, TextSource
from extproc.exchange import request as requests
from extproc.exchange.policies import CompiledPolicy
from extproc.exchange.snapshot import Snapshot, compile_snapshot
from extproc.filters.base import ExchangeContext, ExchangeFacts, Filter, Guard
from extproc.filters.chain import Channels
from extproc.filters.classifier import ClassifierGuard
from extproc.payload.endpoints import CHAT
from extproc.payload.view import RequestView
from extproc.server.operations.config_files import read_config
from tests.bench.figures import Figures
from tests.bench.subjects import Places

TEXT_BYTES = {"chat_1k": 1_000, "chat_4k": 4_000, "document_100k": 100_000}
TURNS = {"chat_1k": 400, "chat_4k": 200, "document_100k": 10}
EVENT = "event"
EVENTS = 300  # of one answer
ANSWERS = 12
SYSTEM_PROMPT_BYTES = 2_000
ALL = "all"
_PROSE = Path(__file__).parents[1] / "corpus" / "shared" / "injection" / "gsm8k_benign.jsonl.gz"


def measure_detectors(_places: Places | None = None) -> Figures:
    """``detector_us_GUARD_TEXT`` for each guard, and for all of the demo's default policy. [us]"""
    files = read_config(DEMO_CONFIG)
    snapshot = replace(compile_snapshot(files.loaded.document, files.prompts), last_filters=())
    found: Figures = {}
    for name, policy in measured_policies(snapshot).items():
        if any(_reads_requests(guard) for guard in policy.guards):
            for text, size_bytes in TEXT_BYTES.items():
                found[f"detector_us_{name}_{text}"] = _of_requests(snapshot, policy, size_bytes, TURNS[text])
        if policy.response_filters:
            found[f"detector_us_{name}_{EVENT}"] = _of_events(snapshot, policy)
    return found


def measured_policies(snapshot: Snapshot) -> dict[str, CompiledPolicy]:
    """A policy for each guard of the demo and for a classifier's, by the guard's name; ``ALL`` is the default one."""
    default = snapshot.policies[-1]
    gathering = ClassifierGuard(ClassifierSection.model_validate({"guard": "classifier", "classifier": "any"}))
    guards = [guard for policy in snapshot.policies for guard in policy.guards]
    return {guard.name: _policy_of(default, guard) for guard in (*guards, gathering)} | {ALL: default}


def _policy_of(policy: CompiledPolicy, guard: Guard) -> CompiledPolicy:
    return replace(
        policy,
        guards=(guard,),
        request_guards=(guard,) if Direction.REQUEST in guard.directions else (),
        response_filters=(guard,) if Direction.RESPONSE in guard.directions else (),
    )


def _reads_requests(guard: Guard) -> bool:
    """Whether it judges requests, or takes from them what it compares answers with."""
    return Direction.REQUEST in guard.directions or type(guard).on_request is not Filter.on_request


def _of_requests(snapshot: Snapshot, policy: CompiledPolicy, size_bytes: int, turns: int) -> float:
    """CPU of judging one request. [us]"""
    chance = random.Random(size_bytes)

    def turn() -> Callable[[], None]:
        request, exchange = _request(snapshot, policy, _text(chance, size_bytes)), _exchange()
        return lambda: requests.judge(request, exchange, snapshot, policy)

    return statistics.median(_timed_us(turn()) for _ in range(turns))


def _of_events(snapshot: Snapshot, policy: CompiledPolicy) -> float:
    """CPU of one event's piece of text going through the chain of its channel. [us]"""
    source = TextSource(Direction.RESPONSE, Speaker.ASSISTANT, Kind.CONTENT)
    chance = random.Random(EVENTS)

    def answer() -> float:
        text, exchange = _text(chance, 20 * EVENTS), _exchange()
        requests.judge(_request(snapshot, policy, text), exchange, snapshot, policy)
        pieces = [f" {word}" for word in text.split()[:EVENTS]]
        chain = Channels(policy.response_filters, exchange, snapshot.limits.channels_max).chain(source)

        def feed_all() -> None:
            for piece in pieces:
                chain.feed(piece)
            chain.close()

        return _timed_us(feed_all) / len(pieces)

    return statistics.median(answer() for _ in range(ANSWERS))


def _request(snapshot: Snapshot, policy: CompiledPolicy, text: str) -> RequestView:
    """A user says the text, or brings it as a document where answers are held against documents."""
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": text}]}
    names = {guard.name for guard in policy.guards}
    if "prompt_leak" in names:
        body["messages"].insert(0, {"role": "system", "content": _system_prompt()})
    if "grounding" in names:
        body["messages"][-1]["content"] = "What does it say?"
        body["documents"] = [{"title": "Problems", "text": text}]
    return CHAT.read_request(json.dumps(body).encode(), snapshot.requests)


def _exchange() -> ExchangeContext:
    return ExchangeContext(ExchangeFacts(CHAT, {}, {}), ExchangeRecord("bench", "bench", 0))


@cache
def _system_prompt() -> str:
    """As long as they are in life; every client of an application sends the same."""
    return _text(random.Random(SYSTEM_PROMPT_BYTES), SYSTEM_PROMPT_BYTES)


@cache
def _sentences() -> tuple[str, ...]:
    """Honest prose: word problems from school. To sue is a topic that the demo denies, so Sue gets another name."""
    with gzip.open(_PROSE, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"].replace("Sue", "Ann") for line in lines]
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
