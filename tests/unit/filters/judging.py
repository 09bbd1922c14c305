"""Texts before each guard of the demo by itself, in requests and in answers, wherever a guard looks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from extproc.demo.installation import DEMO_CONFIG
from extproc.domain.errors import PayloadRefused
from extproc.domain.record import ExchangeRecord
from extproc.domain.text import Direction, Kind, Speaker, TextSource
from extproc.exchange import request as requests
from extproc.exchange.snapshot import compile_snapshot
from extproc.filters.base import ExchangeContext, ExchangeFacts
from extproc.filters.chain import Channels
from extproc.payload.endpoints import CHAT
from extproc.server.operations.config_files import read_config
from tests.bench.detectors import ALL, measured_policies

PIECE_CHARS = 4_000
CONTENT, ARGUMENTS = (TextSource(Direction.RESPONSE, Speaker.ASSISTANT, kind) for kind in (Kind.CONTENT, Kind.JSON))

FILES = read_config(DEMO_CONFIG)
SNAPSHOT = replace(compile_snapshot(FILES.loaded.document, FILES.prompts), last_filters=())
POLICIES = measured_policies(SNAPSHOT)
JUDGED = [
    name for name, policy in POLICIES.items() if name != ALL and (policy.request_guards or policy.response_filters)
]


def judge(name: str, text: str) -> None:
    """A request with the text in it, and the text as its streamed answer. Raises: FilterFailed, PayloadRefused."""
    exchange = _exchange()
    _judge_request(name, [{"role": "user", "content": text}], exchange)
    _judge_answer(name, CONTENT, text, exchange)


def judge_whatever_comes(name: str, text: str) -> None:
    """As ``judge``; a guard may refuse the text."""
    with suppress(PayloadRefused):
        judge(name, text)


def judge_everywhere(name: str, text: str) -> None:
    """The text in every place of a chat, and as JSON; a guard may refuse it. Raises: FilterFailed."""
    as_json = json.dumps({"q": text})
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": as_json}}
    places = (
        {"role": "user", "content": text},
        {"role": "tool", "tool_call_id": "c", "content": as_json},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    )
    exchange = _exchange()
    for message in places:
        try:
            _judge_request(name, [message], exchange)
        except PayloadRefused:
            continue
    for source, answer in ((CONTENT, text), (CONTENT, as_json), (ARGUMENTS, as_json), (ARGUMENTS, text)):
        _judge_answer(name, source, answer, exchange)
    assert not exchange.failed_open


def _judge_request(name: str, messages: Iterable[object], exchange: ExchangeContext) -> None:
    body = {"model": "m", "messages": [{"role": "system", "content": "Be kind."}, *messages]}
    request = CHAT.read_request(json.dumps(body).encode(), SNAPSHOT.requests)
    requests.judge(request, exchange, SNAPSHOT, POLICIES[name])


def _judge_answer(name: str, source: TextSource, text: str, exchange: ExchangeContext) -> None:
    chain = Channels(POLICIES[name].response_filters, exchange, SNAPSHOT.limits.channels_max).chain(source)
    for start in range(0, len(text), PIECE_CHARS):
        chain.feed(text[start : start + PIECE_CHARS])
        if chain.rejected_by is not None:
            return
    chain.close()


def _exchange() -> ExchangeContext:
    return ExchangeContext(ExchangeFacts(CHAT, {}, {}), ExchangeRecord("judged", "judged", 0))
