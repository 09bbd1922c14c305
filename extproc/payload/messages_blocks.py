"""Blocks of Anthropic's messages, and what else a whole message and its stream have in common."""

from __future__ import annotations

from typing import Any, Final

from extproc.domain.errors import ApiError
from extproc.domain.text import Kind
from extproc.payload.dialect import UnreadableResponse
from extproc.payload.inert import USAGE, Shape, is_label, is_name, is_null, word_of
from extproc.payload.unnamed import unnamed_slots
from extproc.payload.view import Slot, response_source

TOKENS_USED_UP: Final = "max_tokens"
STOP_REASON: Final = word_of("end_turn max_tokens stop_sequence tool_use pause_turn refusal")
_BLOCK_TEXTS: Final = (("thinking", Kind.REASONING), ("text", Kind.CONTENT), ("name", Kind.NAME))
_BLOCK: Final = Shape(
    named={"text", "thinking", "name", "input"},
    inert={
        "type": word_of("text thinking redacted_thinking tool_use server_tool_use"),
        "id": is_label,
        "signature": is_label,
        "citations": is_null,
    },
)
MESSAGE: Final = Shape(
    named={"content"},
    inert={
        "id": is_label,
        "type": word_of("message"),
        "role": word_of("assistant"),
        "model": is_name,
        "stop_reason": STOP_REASON,
        "stop_sequence": is_null,
        "kv_transfer_params": is_null,
        "ec_transfer_params": is_null,
    },
    objects={"usage": USAGE},
)
_ERROR_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}


def block_slots(block: Any, index: int) -> list[Slot]:
    """The texts of a block, which is a channel. Raises: UnreadableResponse."""
    if not isinstance(block, dict):
        raise UnreadableResponse("a content block is not an object")
    slots: list[Slot] = []
    for key, kind in _BLOCK_TEXTS:
        text = block.get(key)
        if isinstance(text, str):
            slots.append(Slot(response_source(kind, 0, index), block, key, complete=kind is Kind.NAME))
        elif text is not None:
            raise UnreadableResponse("a text of a content block is not a string")
    if block.get("input") is not None and block["input"] != {}:
        slots.append(Slot(response_source(Kind.JSON, 0, index), block, "input", structured=True, complete=True))
    return slots + unnamed_slots(block, _BLOCK, 0, ("content", index))


def error_object(error: ApiError) -> dict[str, Any]:
    """Anthropic's error object."""
    kind = _ERROR_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": error.message}}
