"""Which path speaks which dialect. A path is recognised in exactly one spelling; any other is another path."""

from __future__ import annotations

from extproc.payload.chat import Chat
from extproc.payload.completions import Completions
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
    "/v1/embeddings": Embeddings(),
}


def dialect_of_errors(path: str) -> Dialect:
    """The dialect in which a client of this path reads errors; OpenAI's where the path is not known."""
    return ENDPOINTS["/v1/messages"] if path.startswith("/v1/messages") else ENDPOINTS.get(path, CHAT)
