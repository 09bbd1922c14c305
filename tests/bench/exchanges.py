"""Exchanges as Envoy sends them, message by message, and a processor in this process that takes them.

Neither Envoy nor a socket is part of it. So each message can be timed by itself, and what Python does for an exchange
can be counted: that is the same on every machine.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from extproc._pb import ext_proc_pb2 as pb
from extproc.config.document import Document, Log
from extproc.demo.installation import DEMO_CONFIG
from extproc.exchange.snapshot import compile_snapshot
from extproc.server.operations.config_files import read_config
from extproc.server.operations.json_log import open_log
from extproc.server.transport.processor import Processor
from extproc.server.transport.record_sinks import Sink
from extproc.server.transport.session import Session
from extproc.sinks.exchange_log import ExchangeLog
from extproc.sinks.hop_log import HopLog
from extproc.sinks.metrics import Metrics
from tests.bench.loads import TEXT, request
from tests.bench.subjects import forget_texts, only_meter

SUBJECTS: Final = {"metered": False, "full": True}
"""Whether a processor of this name guards."""
# What Envoy sends of the headers of an official client: those that the processor reads (``config.forwarding``).
_REQUEST_HEADERS: Final = {
    ":path": "/v1/chat/completions",
    ":method": "POST",
    "content-type": "application/json",
    "accept-encoding": "gzip, deflate",
    "x-llm-team": "search",
}
_RESPONSE_HEADERS: Final = {":status": "200", "x-llm-served-version": "tiny-chat/v1"}
_TURNS: Final = 20
_TURN_CHARS: Final = 640
_EVENTS: Final = 100
_ANSWER_CHARS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Script:
    """The messages of one exchange, by the name of their step; the steps of a stream's events are one.

    Attributes:
        messages: each step's messages, serialized.
    """

    name: str
    messages: Mapping[str, Sequence[bytes]]


def scripts() -> list[Script]:
    """A chat of 1 KB, one of 16 KB with twenty turns and tools, and a stream of a hundred events."""
    whole = {"response_headers": [_answer_headers("application/json", _whole_answer())]}
    whole["response_body"] = [_answer_body(_whole_answer(), ends=True)]
    streamed = {"response_headers": [_answer_headers("text/event-stream", b"")], "response_body": [*_events()]}
    streamed["response_end"] = [_answer_body(b"data: [DONE]\n\n", ends=True)]
    return [
        Script("chat_1k", _request(request(1_024)) | whole),
        Script("chat_16k_tools", _request(_long_chat()) | whole),
        Script("stream_100", _request(request(1_024, stream=True)) | streamed),
    ]


def _request(body: bytes) -> dict[str, Sequence[bytes]]:
    headers = pb.HttpHeaders(headers=_headers(_REQUEST_HEADERS | {"content-length": str(len(body))}))
    return {
        "request_headers": [pb.ProcessingRequest(request_headers=headers).SerializeToString()],
        "request_body": [
            pb.ProcessingRequest(request_body=pb.HttpBody(body=body, end_of_stream=True)).SerializeToString()
        ],
    }


def _long_chat() -> bytes:
    parameters = {"type": "object", "properties": {"city": {"type": "string", "description": "Where."}}}
    tools = [
        {"type": "function", "function": {"name": name, "description": TEXT[:90], "parameters": parameters}}
        for name in ("get_weather", "find_train", "book_hotel", "read_calendar")
    ]
    turns = [
        {"role": "user" if number % 2 == 0 else "assistant", "content": f"{number}: {(TEXT * 8)[:_TURN_CHARS]}"}
        for number in range(_TURNS - 1)
    ]
    messages = [{"role": "system", "content": "Be brief."}, *turns]
    return json.dumps({"model": "tiny-chat", "messages": messages, "tools": tools}, separators=(",", ":")).encode()


def _whole_answer() -> bytes:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": (TEXT * 12)[:_ANSWER_CHARS],
        "refusal": None,
        "tool_calls": [],
    }
    answer = {
        **_answer_of("chat.completion"),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop", "stop_reason": None}],
        "usage": {"prompt_tokens": 240, "total_tokens": 440, "completion_tokens": 200, "prompt_tokens_details": None},
    }
    return json.dumps(answer, separators=(",", ":")).encode()


def _events() -> Iterator[bytes]:
    words = itertools.cycle(TEXT.split())
    for number in range(_EVENTS):
        delta = {"content": f" {next(words)}"} if number else {"role": "assistant", "content": ""}
        yield _event([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])
    yield _event([{"index": 0, "delta": {"content": ""}, "logprobs": None, "finish_reason": "stop"}])


def _event(choices: list[dict[str, Any]]) -> bytes:
    chunk = {**_answer_of("chat.completion.chunk"), "choices": choices}
    return _answer_body(b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n", ends=False)


def _answer_of(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-0123456789abcdef", "object": kind, "created": 1_796_000_000, "model": "tiny-chat"}


def _answer_headers(media: str, body: bytes) -> bytes:
    headers = _RESPONSE_HEADERS | {"content-type": media}
    if body:
        headers["content-length"] = str(len(body))
    message = pb.ProcessingRequest(response_headers=pb.HttpHeaders(headers=_headers(headers)))
    fields = message.attributes["envoy.filters.http.ext_proc"].fields
    fields["response.code_details"].string_value = "via_upstream"
    fields["upstream.address"].string_value = "127.0.0.1:8001"
    return message.SerializeToString()


def _answer_body(body: bytes, *, ends: bool) -> bytes:
    return pb.ProcessingRequest(response_body=pb.HttpBody(body=body, end_of_stream=ends)).SerializeToString()


def _headers(values: Mapping[str, str]) -> pb.HeaderMap:
    return pb.HeaderMap(headers=[pb.HeaderValue(key=name, raw_value=value.encode()) for name, value in values.items()])


class InProcess:
    """A processor with metrics and the log, as ``extproc serve`` has them, that writes its lines nowhere.

    Args: guarded: with the guards of the demo's policies, which remember no text; or only metering.
    Attributes: sinks: what learns of its ended exchanges.
    """

    def __init__(self, *, guarded: bool) -> None:
        files = read_config(DEMO_CONFIG)
        data = files.loaded.document.model_dump(mode="json", exclude_unset=True)
        (forget_texts if guarded else only_meter)(data)
        document = Document.model_validate_json(json.dumps(data))
        metrics, logger = Metrics(document.identity.label_values_max), open_log(Log(), _Nowhere())
        snapshot = compile_snapshot(document, files.prompts)
        self.sinks: list[Sink] = [metrics, HopLog(logger), ExchangeLog(logger)]
        self._processor = Processor(snapshot, self.sinks, metrics.step, logger)

    def open(self) -> Session:
        """What Envoy's call is answered by."""
        return self._processor.open()

    def run(self, script: Script) -> None:
        """One exchange from its first message to its end. Raises: AssertionError, if it was not answered."""
        session = self.open()
        for messages in script.messages.values():
            for message in messages:
                assert session.receive(message).messages
                session.settle()
        session.closed()


class _Nowhere:
    """A stream of lines that nobody reads."""

    def write(self, line: str) -> int:
        """Forget it."""
        return len(line)

    def flush(self) -> None:
        """Nothing is kept."""
