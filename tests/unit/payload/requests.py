"""What tests of requests share: reading one, and saying in one line what was read of it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.domain.errors import ApiError, PayloadRefused
from extproc.payload.dialect import Dialect
from extproc.payload.endpoints import ENDPOINTS
from extproc.payload.view import RequestPolicy, RequestView
from tests.stream.recorded import POLICY

CHAT, COMPLETIONS = ENDPOINTS["/v1/chat/completions"], ENDPOINTS["/v1/completions"]
RESPONSES, MESSAGES, EMBEDDINGS = ENDPOINTS["/v1/responses"], ENDPOINTS["/v1/messages"], ENDPOINTS["/v1/embeddings"]
# The smallest request of each API.
MINIMAL: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "Hi"}]},
    "completions": {"prompt": "Hi"},
    "responses": {"input": "Hi"},
    "messages": {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5},
    "count_tokens": {"messages": [{"role": "user", "content": "Hi"}]},
    "embeddings": {"input": "Hi"},
    "rerank": {"query": "Hi", "documents": [""]},
}
# APIs whose requests a model answers with text, or counts as if it did.
PROMPTED = [name for name in MINIMAL if name not in ("embeddings", "rerank")]
MEDIA = RequestPolicy(64, media_pass=True)
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,4111111111111111"}}
BY_NAME: dict[str, Dialect] = {dialect.name: dialect for dialect in ENDPOINTS.values()}


def read(name: str, body: bytes | dict[str, Any], policy: RequestPolicy = POLICY) -> RequestView:
    """A request, read by the dialect of that name."""
    return BY_NAME[name].read_request(body if isinstance(body, bytes) else orjson.dumps(body), policy)


def refusal(name: str, body: bytes | dict[str, Any], policy: RequestPolicy = POLICY) -> ApiError:
    """The error with which a request is refused."""
    with pytest.raises(PayloadRefused) as caught:
        read(name, body, policy)
    return caught.value.error


def minimal(name: str, **fields: Any) -> dict[str, Any]:
    """The smallest request of an API with some more fields."""
    return {**MINIMAL[name], **fields}


def texts(view: RequestView) -> list[tuple[str, str, str]]:
    """Speaker, kind and text of each text but the names of keys."""
    return [(field.source.speaker.value, field.source.kind.value, field.text) for field in view.texts if not field.keys]


def chat_with(*messages: dict[str, Any], **fields: Any) -> list[tuple[str, str, str]]:
    """The texts of a chat with these messages."""
    return texts(read("chat", {"messages": list(messages), **fields}))
