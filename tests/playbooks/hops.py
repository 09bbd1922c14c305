"""A gateway, a sidecar behind it, and one exchange on its way through both.

client -> gateway (role route) -> sidecar (role guard) -> model server
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from extproc.domain.hop_results import MarkResult
from extproc.domain.record import ExchangeRecord
from extproc.exchange.events import (
    ContinueBody,
    ContinueHeaders,
    RequestBody,
    StreamClosed,
)
from extproc.exchange.snapshot import Snapshot
from tests.playbooks.callers import NOW_S
from tests.playbooks.driver import (
    DONE,
    JSON,
    METER,
    PII,
    PROMPT,
    SSE,
    VERSION,
    Conversation,
    chat_answer,
    chat_chunk,
    chunks,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
    usage_chunk,
)

HOPS: dict[str, Any] = {"key_files": ["hop.key"]}
OTHER_KEY: dict[str, Any] = {"key_files": ["hop-other.key"]}
BOTH_KEYS: dict[str, Any] = {"key_files": ["hop-other.key", "hop.key"]}
PERSONAL = "Write to ann@example.org"
MASKED = "Write to <EMAIL>"
EMAIL_ALONE: dict[str, Any] = {"guard": "pii", "entities": ["EMAIL"]}
PROMPT_TEXT = "You are the second version."
V2: dict[str, Any] = {"x_pin": "v2"}
"""The version with a prompt."""
LEDGER: dict[str, Any] = {"url": "sqlite:///ledger.db"}


def gateway(*parts: Mapping[str, Any], hops: dict[str, Any] | None = HOPS) -> Snapshot:
    """The first hop."""
    sections = {} if hops is None else {"hops": hops}
    return snapshot_of(*(parts or (VERSION, PII, PROMPT, METER)), ledger=LEDGER, **sections)


def sidecar(
    *parts: Mapping[str, Any], hops: dict[str, Any] | None = HOPS, version: str = "v2", **more: Any
) -> Snapshot:
    """The second hop, next to the server of a version."""
    price = {"prompt_micro_usd_per_mtok": 3_000_000, "completion_micro_usd_per_mtok": 5_000_000}
    served: dict[str, Any] = {"weight": 1, "price": price}
    if version == "v2":
        served |= {"served_model": "tiny-next", "prompt": {"file": "v2.txt"}}
    sections: dict[str, Any] = {"models": {"tiny": {"versions": {version: served}}}, "role": "guard"}
    if hops is not None:
        sections["hops"] = hops
    sections |= {"guard_version": f"tiny/{version}", "ledger": LEDGER, **more}
    return snapshot_of(*(parts or (PII, PROMPT, METER)), **sections)


@dataclass
class Path:
    """One exchange on its way through both hops, and back.

    ``late_s``: by how much the clock of the second differs. ``headers``: that the second gets besides the usual ones.
    """

    first: Snapshot
    second: Snapshot
    late_s: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def asks(self, text: str = "Good morning", body: bytes | None = None, **fields: Any) -> Path:
        """The client's request, as far as the model server."""
        self.front = Conversation(self.first, utc_s=NOW_S)
        self.front.hears(request_headers(**V2))
        asked = request_body(messages=[{"role": "user", "content": text}], **fields)
        (forward,) = self.front.hears(asked)
        assert isinstance(forward, ContinueBody)
        self.headers = dict(forward.changes.set)
        return self.goes_on(body or self.front.server or b"")

    def goes_on(self, body: bytes, path: str = "/v1/chat/completions", **more: Any) -> Path:
        """From the first hop to the second, with whatever mark there is."""
        self.behind = Conversation(self.second, utc_s=NOW_S + self.late_s, **more)
        event = request_headers(path)
        event.headers = {**event.headers, **self.headers}
        (passed,) = self.behind.hears(event)
        assert isinstance(passed, ContinueHeaders)
        self.removed = passed.changes.remove
        self.behind.hears(RequestBody(body))
        return self

    def answers(self, content: str, streamed: bool = False) -> Path:
        """The model's answer, through both hops."""
        if streamed:
            media, pieces = SSE, [chat_chunk(content[:9]), chat_chunk(content[9:], finish="stop"), usage_chunk(), DONE]
        else:
            media, pieces = JSON, [chat_answer(content)]
        self.behind.hears(response_headers(media))
        if self.behind.exchange.phase.value == "unread":
            between = b"".join(pieces)
        else:
            self.behind.hears_all(chunks(b"".join(pieces)))
            between = self.behind.client
        self.behind.hears(StreamClosed())
        self.front.hears(response_headers(media))
        self.front.hears_all(chunks(between))
        self.front.hears(StreamClosed())
        return self

    @property
    def records(self) -> tuple[ExchangeRecord, ExchangeRecord]:
        """Of both hops."""
        return self.front.record, self.behind.record

    @property
    def mark(self) -> MarkResult | None:
        """What the second hop made of the mark."""
        return self.behind.exchange.record.mark

    @property
    def prompts(self) -> list[str]:
        """The system messages that the model reads."""
        return [one["content"] for one in self.behind.server_json["messages"] if one["role"] == "system"]


def counted(record: ExchangeRecord) -> bool:
    """Whether a hop counts an exchange: tokens, and an entry in the ledger."""
    return record.usage is not None and not record.counted_in_front


def judged(record: ExchangeRecord, guard: str = "pii") -> set[str]:
    """What became of the texts at a guard, in either direction."""
    return {what.value for (name, _, what), _ in record.coverage.items() if name == guard}
