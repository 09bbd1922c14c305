"""Drives one exchange as Envoy would, and keeps what each side got to see.

    talk = Conversation(snapshot_of(PII))
    talk.hears(request_headers("/v1/chat/completions")) == [ContinueHeaders(...)]

No socket, no protobuf, no clock: time goes on by one millisecond an event.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

from extproc.config.load import parse_document
from extproc.domain.masks import PROCESS_KEY
from extproc.domain.pace import UNHURRIED, Pace
from extproc.domain.record import ExchangeRecord
from extproc.domain.rollouts import RolloutShare
from extproc.exchange.budget_memory import BudgetKeeper
from extproc.exchange.claims import Limiter
from extproc.exchange.clean_texts import CleanTexts
from extproc.exchange.events import (
    Abort,
    Command,
    ContinueBody,
    ContinueChunk,
    ContinueHeaders,
    Event,
    ImmediateResponse,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    SendChunk,
    Step,
    StreamClosed,
    VerdictMissing,
    VerdictReceived,
)
from extproc.exchange.learned_rates import LearnedRates
from extproc.exchange.machine import Exchange
from extproc.exchange.snapshot import Snapshot, compile_snapshot
from extproc.exchange.used_marks import UsedMarks
from tests.playbooks.callers import FILES

MILLISECOND_NS = 1_000_000
CHAT = "/v1/chat/completions"
JSON = "application/json"
SSE = "text/event-stream; charset=utf-8"
FACTS = """
facts:
  - id: closing-time
    statement: The museum closes at 18 o'clock.
    subject: ['\\bmuseum\\b', '\\bcloses?\\b']
    value: "([0-9]+) o'clock"
    right: ["18"]
"""
MASK_KEYS = {
    PROCESS_KEY: b"the key of the process",
    "mask.key": b"the key of the file",
    "hop-other.key": b"another key of marks",
    **FILES,
}
PROMPTS = {"v2.txt": "You are the second version.", "facts.yaml": FACTS}

VERSION: dict[str, Any] = {"filter": "version"}
PROMPT: dict[str, Any] = {"filter": "prompt"}
INJECTION: dict[str, Any] = {"guard": "injection"}
PII: dict[str, Any] = {"guard": "pii"}
PII_BLOCK: dict[str, Any] = {"guard": "pii", "action": "block"}
REFUSAL: dict[str, Any] = {"guard": "refusal"}
METER: dict[str, Any] = {"filter": "meter"}
GUARDS: dict[str, Any] = {"filter": "guards"}
ALL = (VERSION, INJECTION, PII, PROMPT, REFUSAL, METER)


def snapshot_of(*parts: Mapping[str, Any], **sections: Any) -> Snapshot:
    """A compiled configuration with these filters and guards; other sections replace those of the default.

    The guards are those of the only policy, and run where the first of them stands. ``shares`` are of rollouts.
    """
    shares: tuple[RolloutShare, ...] = sections.pop("shares", ())
    guards = [part for part in parts if "guard" in part]
    filters: list[Mapping[str, Any]] = []
    for part in parts:
        if "filter" in part:
            filters.append(part)
        elif GUARDS not in filters:
            filters.append(GUARDS)
    if guards:
        sections = {"policies": [{"name": "default", "guards": guards}], **sections}
    document = {
        "models": {
            "tiny": {
                "pin_header": "x-pin",
                "pin_teams": ["unknown", "search"],
                "sticky": {"header": "x-conversation"},
                "versions": {
                    "v1": {
                        "weight": 1,
                        "price": {"prompt_micro_usd_per_mtok": 1_000_000, "completion_micro_usd_per_mtok": 2_000_000},
                    },
                    "v2": {
                        "weight": 0,
                        "served_model": "tiny-next",
                        "prompt": {"file": "v2.txt"},
                        "price": {"prompt_micro_usd_per_mtok": 3_000_000, "completion_micro_usd_per_mtok": 5_000_000},
                    },
                },
            }
        },
        "filters": filters,
        **sections,
    }
    return _compiled(json.dumps(document), shares)


@lru_cache(maxsize=512)
def _compiled(text: str, shares: tuple[RolloutShare, ...]) -> Snapshot:
    """The laws ask for the same configurations again and again, and compiling takes longer than most exchanges."""
    return compile_snapshot(parse_document(text, "playbook"), PROMPTS, MASK_KEYS, shares)


def with_guards(snapshot: Snapshot, *guards: Any, on_requests: bool = True) -> Snapshot:
    """The same with further guards, which may be fakes, in its last policy."""
    policy = snapshot.policies[-1]
    more = replace(
        policy,
        guards=(*policy.guards, *guards) if on_requests else policy.guards,
        request_guards=(*policy.request_guards, *guards) if on_requests else policy.request_guards,
        response_filters=(*policy.response_filters, *guards),
        on_end_guards=(*policy.on_end_guards, *(guard for guard in guards if guard.judges_out_of_band)),
    )
    return replace(snapshot, policies=(*snapshot.policies[:-1], more))


@dataclass
class Conversation:
    """One exchange: events in, actions out; what the client and the server have got so far."""

    snapshot: Snapshot
    clean_texts: CleanTexts | None = None
    learned_rates: LearnedRates | None = None
    client: bytes = b""
    sent: bytes = b""  # the request's body as it came
    server: bytes | None = None  # the request's body, once it went on
    closed: bool = False  # the client's response is over
    pace: Pace = UNHURRIED
    steps: list[Step] = field(default_factory=list)
    limiter: Limiter | None = None
    now_ns: int = 0
    budgets: BudgetKeeper | None = None
    utc_s: float = 0.0
    used_marks: UsedMarks | None = None

    def __post_init__(self) -> None:
        self.exchange = Exchange(
            self.snapshot,
            "exchange-1",
            self.now_ns,
            self.clean_texts,
            self.learned_rates,
            self.pace,
            utc_s=self.utc_s,
            limiter=self.limiter,
            budgets=self.budgets,
            used_marks=self.used_marks,
        )

    def hears(self, event: Event) -> list[Command]:
        """What the exchange answers to one event."""
        self.now_ns += MILLISECOND_NS
        if isinstance(event, RequestBody):
            self.sent = event.body
        step = self.exchange.step(event, self.now_ns)
        self.steps.append(step)
        for action in step.commands:
            self._pass_on(event, action)
        return step.commands

    def hears_all(self, events: Iterable[Event]) -> Conversation:
        """Several events one after the other, until the response is over."""
        for event in events:
            if not self.closed:
                self.hears(event)
        return self

    def _pass_on(self, event: Event, action: Command) -> None:
        """Do what Envoy does with an action."""
        if isinstance(action, ImmediateResponse):
            self.client, self.closed = action.body, True
        elif isinstance(action, Abort):
            self.closed = True
        elif isinstance(action, SendChunk):
            self.client += action.body
            self.closed = action.end
        elif isinstance(event, RequestBody | VerdictReceived | VerdictMissing) and isinstance(action, ContinueBody):
            self.server = self.sent if action.body is None else action.body
        elif isinstance(event, ResponseBody) and isinstance(action, ContinueBody | ContinueChunk):
            self.client += event.body if action.body is None else action.body
            self.closed = event.end

    @property
    def record(self) -> ExchangeRecord:
        """The record, which must have been given out exactly once."""
        records = [step.ended for step in self.steps if step.ended is not None]
        assert len(records) == 1
        return records[0]

    @property
    def errors(self) -> list[BaseException]:
        """What failed of ours."""
        return [step.error for step in self.steps if step.error is not None]

    @property
    def server_json(self) -> Any:
        """The request as the model server reads it."""
        return json.loads(self.server or b"")

    @property
    def client_json(self) -> Any:
        """The answer as a client reads it."""
        return json.loads(self.client)

    @property
    def client_events(self) -> list[Any]:
        """The data of a streamed answer's events; the last of chat is ``[DONE]``."""
        return sse_data(self.client)


def request_headers(path: str = CHAT, method: str = "POST", end: bool = False, **headers: str) -> RequestHeaders:
    """A request's headers; ``content_type="..."`` sets content-type."""
    usual = {":method": method, ":path": path, ":authority": "llm.example"}
    if not end:
        usual["content-type"] = JSON
    return RequestHeaders(usual | {name.replace("_", "-"): value for name, value in headers.items()}, end)


def request_body(**fields: Any) -> RequestBody:
    """A chat's body, with some fields replaced."""
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Good morning"}], **fields}
    return RequestBody(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode())


def response_headers(media: str = JSON, status: int = 200, details: str = "via_upstream", **headers: str) -> Event:
    """A response's headers. JSON comes with its length, as vLLM sends it; ``content_length=""`` leaves it out."""
    usual = {":status": str(status), "content-type": media}
    if media == JSON:
        usual["content-length"] = "100"
    return ResponseHeaders(usual | {name.replace("_", "-"): value for name, value in headers.items()}, details=details)


def chat_answer(*contents: str, **fields: Any) -> bytes:
    """An unstreamed chat answer with one choice a content."""
    choices = [
        {"index": index, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        for index, content in enumerate(contents)
    ]
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    return dumps({"id": "chatcmpl-1", "model": "tiny", "choices": choices, "usage": usage, **fields})


def chat_chunk(content: str | None = None, index: int = 0, finish: str | None = None, **fields: Any) -> bytes:
    """One event of a streamed chat."""
    delta = {} if content is None else {"content": content}
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return sse({"id": "chatcmpl-1", "model": "tiny", "choices": [choice], **fields})


def usage_chunk(prompt: int = 9, completion: int = 4) -> bytes:
    """The event that brings usage."""
    usage = {"prompt_tokens": prompt, "completion_tokens": completion}
    return sse({"id": "chatcmpl-1", "model": "tiny", "choices": [], "usage": usage})


DONE = b"data: [DONE]\n\n"


def dumps(value: Any) -> bytes:
    """Compact JSON, characters as they are."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def sse(value: Any, name: str = "") -> bytes:
    """One event of a stream."""
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + dumps(value) + b"\n\n"


def sse_data(stream: bytes) -> list[Any]:
    """The data of each event that has any, parsed; ``[DONE]`` as it is."""
    lines = [line[len("data: ") :] for line in stream.decode().split("\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def text_of(events: Sequence[Any], index: int = 0) -> str:
    """What a client shows of one choice of a streamed chat."""
    choices = [choice for event in events if isinstance(event, dict) for choice in event.get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices if choice["index"] == index)


def chunks(body: bytes, cuts: Iterable[int] = (), end: bool = True) -> list[ResponseBody]:
    """A response body cut at some places; with ``end`` the last chunk says that it is the last."""
    places = [0, *sorted(cut for cut in cuts if 0 < cut < len(body)), len(body)]
    pieces = [ResponseBody(body[start:stop], False) for start, stop in pairwise(places)]
    return [*pieces[:-1], ResponseBody(pieces[-1].body, end)]


def asked(
    snapshot: Snapshot, path: str = CHAT, body: RequestBody | None = None, pace: Pace = UNHURRIED, **headers: Any
) -> Conversation:
    """A conversation up to where the model server has the request."""
    talk = Conversation(snapshot, pace=pace)
    headers_step = talk.hears(request_headers(path, **headers))
    assert isinstance(headers_step[0], ContinueHeaders)
    talk.hears(body or request_body())
    assert talk.server is not None
    return talk


def answered(snapshot: Snapshot, answer: bytes, cuts: Iterable[int] = (), **fields: Any) -> Conversation:
    """A chat that was answered with JSON, or with a stream if its body asks for one, to its very end."""
    talk = asked(snapshot, body=request_body(**fields))
    streamed = fields.get("stream", False)
    talk.hears(response_headers(SSE if streamed else JSON))
    talk.hears_all(chunks(answer, cuts if streamed else ()))
    talk.hears(StreamClosed())
    return talk
