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
from tests.thorough import THOROUGH

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
    exchange = _exchange()
    for judge_in_place in _PLACES:
        judge_in_place(name, text, exchange)
    assert not exchange.failed_open


def judge_in_turn(name: str, text: str, turn: int) -> None:
    """As ``judge_everywhere``, but in one of the places, whose turn it is; in all of them if the run is thorough."""
    if THOROUGH:
        judge_everywhere(name, text)
        return
    exchange = _exchange()
    _PLACES[turn % len(_PLACES)](name, text, exchange)
    assert not exchange.failed_open


def _as_json(text: str) -> str:
    return json.dumps({"q": text})


def _in_message(name: str, message: object, exchange: ExchangeContext) -> None:
    with suppress(PayloadRefused):
        _judge_request(name, [message], exchange)


def _said(name: str, text: str, exchange: ExchangeContext) -> None:
    _in_message(name, {"role": "user", "content": text}, exchange)


def _brought_by_a_tool(name: str, text: str, exchange: ExchangeContext) -> None:
    _in_message(name, {"role": "tool", "tool_call_id": "c", "content": _as_json(text)}, exchange)


def _in_a_call(name: str, text: str, exchange: ExchangeContext) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": _as_json(text)}}
    _in_message(name, {"role": "assistant", "content": None, "tool_calls": [call]}, exchange)


def _answered(name: str, text: str, exchange: ExchangeContext) -> None:
    _judge_answer(name, CONTENT, text, exchange)


def _answered_as_json(name: str, text: str, exchange: ExchangeContext) -> None:
    _judge_answer(name, CONTENT, _as_json(text), exchange)


def _in_arguments(name: str, text: str, exchange: ExchangeContext) -> None:
    _judge_answer(name, ARGUMENTS, _as_json(text), exchange)


def _in_broken_arguments(name: str, text: str, exchange: ExchangeContext) -> None:
    _judge_answer(name, ARGUMENTS, text, exchange)


_PLACES = (
    *(_said, _brought_by_a_tool, _in_a_call),
    *(_answered, _answered_as_json, _in_arguments, _in_broken_arguments),
)


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
