"""Model servers whose answers hold an address that the processor masks, and what clients make of what they receive."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Scripted
from extproc.demo.seen import Request
from extproc.demo.steady_clients import Received

GUARDED: Final = "guarded"
UNGUARDED: Final = "unguarded"
REFUSED: Final = "refused"
OTHER: Final = "other"
LONG_EACH: Final = 10
"""One in so many requests is a stream that lasts."""
LONG_EVENTS: Final = 15
LONG_S: Final = 3.0
_LEARNED_S: Final = 0.05
"""Until Envoy knows that a connection is gone; what it sends before is in flight."""
_ADDRESS_PARTS: Final = ("bob@exa", "mple.com")
_MASK: Final = b"<EMAIL>"
_ERROR_KEYS: Final = {"message", "type", "param", "code"}


class Models:
    """Two versions: every second request gets a stream, and one in ``LONG_EACH`` one that lasts ``long_s``."""

    def __init__(self, long_s: float) -> None:
        self.long_s = long_s
        respond = partial(_respond, long_s)
        self.servers = {name: ModelServer(name, respond=respond, speed=0) for name in ("v1", "v2")}


def _respond(long_s: float, request: Request) -> Scripted:
    number, text = int(request.document["user"]), "".join(_ADDRESS_PARTS)
    if not request.document["stream"]:
        message = {"role": "assistant", "content": f"Write to {text} today."}
        document = {
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
        }
        body = json.dumps(document).encode()
        length = ("content-length", str(len(body)))
        return Scripted(200, (("content-type", "application/json"), length), [body])
    is_long = number % LONG_EACH == 1
    events = [
        _event(part) for _ in range(LONG_EVENTS if is_long else 1) for part in ("Write to ", *_ADDRESS_PARTS, " ")
    ]
    ends = [_event("", "stop"), b"data: [DONE]\n\n"]
    pause_s = long_s / len(events) if is_long else 0.0
    return Scripted(200, (("content-type", "text/event-stream"),), [*events, *ends], pause_s)


def _event(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"


def judge(status: int, body: bytes) -> str:
    """What an answer is. An address whose parts came in two events is in neither as a whole."""
    if any(part.encode() in body for part in _ADDRESS_PARTS):
        return UNGUARDED
    if status == 200:
        return GUARDED if _MASK in body else OTHER
    return REFUSED if status in (503, 504) and _is_error(body) else OTHER


def _is_error(body: bytes) -> bool:
    """Whether this has the shape of an error of chat completions."""
    try:
        document: Any = json.loads(body)
    except ValueError:
        return False
    return isinstance(document, dict) and set(document) == {"error"} and set(document["error"]) == _ERROR_KEYS


class Moment(NamedTuple):
    """Between these something happened, on the monotonic clock. [s]"""

    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Noticed:
    """What clients noticed."""

    received: Sequence[Received]
    moments: Sequence[Moment]

    @property
    def failed(self) -> list[Received]:
        """Answers that are errors, or broke off."""
        return [one for one in self.received if one.status != 200 or not one.complete]

    @property
    def unguarded(self) -> int:
        """Answers with something that the processor masks."""
        return sum(one.judged == UNGUARDED for one in self.received)

    @property
    def shapeless(self) -> int:
        """Errors that are none of the API, and whole answers in which nothing was masked."""
        return sum(one.judged == OTHER and (one.complete or one.status != 200) for one in self.received)

    @property
    def in_flight(self) -> list[Received]:
        """Those that failed and had begun when something was done."""
        return [one for one in self.failed if self._saw_a_moment(one)]

    @property
    def late(self) -> list[float]:
        """How long after a moment the others began that failed. [s]"""
        begun = [one.begun_s for one in self.failed if not self._saw_a_moment(one)]
        return [
            since - max((moment.to_s for moment in self.moments if moment.to_s < since), default=0.0) for since in begun
        ]

    def _saw_a_moment(self, one: Received) -> bool:
        ended_s = one.begun_s + one.seconds
        return any(one.begun_s <= moment.to_s + _LEARNED_S and moment.from_s <= ended_s for moment in self.moments)

    @property
    def slowest_s(self) -> float:
        """Of the answers that are no long streams. [s]"""
        return max((one.seconds for one in self.received if one.seconds < LONG_S), default=0.0)
