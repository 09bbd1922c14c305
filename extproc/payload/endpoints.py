"""Maps paths to dialects. A path is recognized in exactly one spelling; any other is a different path."""

from __future__ import annotations

from typing import Final

from extproc.domain.contract import ENDPOINT_PATHS
from extproc.payload.chat import Chat
from extproc.payload.completions import Completions
from extproc.payload.count_tokens import CountTokens
from extproc.payload.dialect import Dialect
from extproc.payload.embeddings import Embeddings
from extproc.payload.messages import Messages
from extproc.payload.rerank import Rerank
from extproc.payload.responses import Responses

CHAT: Final = Chat()
_DIALECTS: Final[tuple[Dialect, ...]] = (
    CHAT,
    Completions(),
    Responses(),
    Messages(),
    CountTokens(),
    Embeddings(),
    Rerank(),
)
ENDPOINTS: Final[dict[str, Dialect]] = {ENDPOINT_PATHS[dialect.name]: dialect for dialect in _DIALECTS}
"""Dialects by their paths."""


def dialect_of_errors(path: str, anthropic: bool = False) -> Dialect:
    """The dialect of error messages for a client of this path.

    Args: anthropic: whether the client uses Anthropic's API, for paths that both or neither of the APIs have.
    """
    if path.startswith(ENDPOINT_PATHS["messages"]) or (anthropic and path not in ENDPOINTS):
        return ENDPOINTS[ENDPOINT_PATHS["messages"]]
    return ENDPOINTS.get(path, CHAT)
