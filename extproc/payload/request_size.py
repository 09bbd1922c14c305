"""How much of a request the model reads: its texts, not what shapes the answer or names the user."""

from __future__ import annotations

from typing import Any

from extproc.domain.text import Speaker
from extproc.domain.token_rates import RequestSize
from extproc.domain.usage import utf8_bytes_of
from extproc.payload.dialect import Dialect
from extproc.payload.view import RequestView

_SHOWN = frozenset({"messages", "system", "instructions", "input", "prompt", "documents"})
_TOOLS = frozenset({"tools", "functions"})
_SYSTEM = frozenset({"system", "instructions"})
LENGTHS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
"""Fields that say how long an answer may be. [tokens]"""

_TOOL_TEXT_BYTES = 4  # quotation marks, colon and comma, which stand in the prompt too


def size_of(request: RequestView, dialect: Dialect) -> RequestSize:
    """The size of a request as it goes on. Source: vLLM 0.32, what it renders."""
    tree, shown_bytes, tool_bytes, replaced_bytes = request.tree, 0, 0, 0
    for field in request.texts:
        head = field.path[0]
        if head in _SHOWN:
            shown_bytes += utf8_bytes_of(field.text)
        elif head in _TOOLS:
            tool_bytes += utf8_bytes_of(field.text) + _TOOL_TEXT_BYTES
    if request.inserted:
        replaced_bytes = _first_system_bytes(request) if request.inserted_replaces else 0
        shown_bytes += utf8_bytes_of(request.inserted) - replaced_bytes
    return RequestSize(
        utf8_bytes=shown_bytes,
        turns=_turns(tree, bool(request.inserted) and not replaced_bytes) if dialect.templated else 0,
        tool_utf8_bytes=tool_bytes,
        choices=request.choices if dialect.generates else 0,
        answer_tokens_max=_answer_tokens_max(tree),
        readable=not request.unread,
    )


def _turns(tree: dict[str, Any], system: bool) -> int:
    """Messages, the system's words, and the beginning of the answer."""
    turns = tree.get("messages", tree.get("input"))
    if not system and not _SYSTEM.isdisjoint(tree):
        system = any(tree.get(key) for key in _SYSTEM)
    return (len(turns) if isinstance(turns, list) else 1) + system + 1


def _first_system_bytes(request: RequestView) -> int:
    texts = [field.text for field in request.texts if field.source.speaker is Speaker.SYSTEM]
    return utf8_bytes_of(texts[0]) if texts else 0


def _answer_tokens_max(tree: dict[str, Any]) -> int:
    for key in LENGTHS:
        limit = tree.get(key)
        if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
            return limit
    return 0
