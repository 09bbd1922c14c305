"""Which path speaks which dialect. A path is recognised in exactly one spelling; any other is another path."""

from __future__ import annotations

from extproc.payload.chat import Chat
from extproc.payload.completions import Completions
from extproc.payload.count_tokens import CountTokens
from extproc.payload.dialect import Dialect
from extproc.payload.embeddings import Embeddings
from extproc.payload.messages import Messages
from extproc.payload.responses import Responses

CHAT = Chat()
ENDPOINTS: dict[str, Dialect] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": Completions(),
    "/v1/responses": Responses(),
    "/v1/messages": Messages(),
    "/v1/messages/count_tokens": CountTokens(),
    "/v1/embeddings": Embeddings(),
}


def dialect_of_errors(path: str, anthropic: bool = False) -> Dialect:
    """The dialect in which a client of this path reads errors.

    Args:
        anthropic: whether the client says that it speaks Anthropic's API, for paths that both have or none.
    """
    if path.startswith("/v1/messages") or (anthropic and path not in ENDPOINTS):
        return ENDPOINTS["/v1/messages"]
    return ENDPOINTS.get(path, CHAT)
