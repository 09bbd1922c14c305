"""Error bodies of the model server: they may quote the request, and even the model's output.

Source: vLLM quotes up to 200 characters of an invalid field's value; it quotes a generated tool call that is not an
object.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from extproc.domain.text import Kind
from extproc.payload.dialect import UnreadableResponse
from extproc.payload.inert import Rule, Shape, is_count, is_label, is_null
from extproc.payload.strict_json import parse_once
from extproc.payload.unnamed import unnamed_slots
from extproc.payload.view import ResponseView, Slot, response_source

_JSON_BEGINS: Final = ("{", "[", '"', "\ufeff")


def _is_code(value: Any) -> bool:
    return is_count(value) or is_label(value)


_FIELDS: Final[dict[str, Rule]] = {
    "type": is_label,
    "code": _is_code,
    "object": is_label,
    "status": _is_code,
    "message": is_null,
    "param": is_null,
    "detail": is_null,
}
_VALUE: Final = Shape(inert={"value": is_null})
_ERROR: Final = Shape(inert=_FIELDS, objects={"error": Shape(inert=_FIELDS)})


def error_slots(tree: dict[str, Any]) -> list[Slot]:
    """All texts of an error object."""
    return unnamed_slots(tree, _ERROR, 0)


def error_view(body: bytes) -> ResponseView:
    """The view of an error body, which is any JSON or plain text.

    Raises: UnreadableResponse if a client could read a different text in it.
    """
    if b"\x00" in body:
        raise UnreadableResponse("an error is not UTF-8")
    text = body.decode("utf-8", "replace")
    if not text.lstrip().startswith(_JSON_BEGINS):
        return PlainTextView(body)
    try:
        value = parse_once(body)
    except ValueError:
        raise UnreadableResponse("an error is not JSON, or has a key twice") from None
    return ResponseView(value, error_slots(value)) if isinstance(value, dict) else _ValueView(value)


class PlainTextView(ResponseView):
    """An error body that is not JSON: one text. Bytes that are not UTF-8 are never forwarded."""

    def __init__(self, body: bytes) -> None:
        tree = {"text": body.decode("utf-8", "replace")}
        super().__init__(tree, [Slot(response_source(Kind.ASIDE, 0), tree, "text")])
        self.changed = tree["text"].encode() != body

    def write(self) -> bytes:
        """The text with its changes."""
        text: str = self.tree["text"]
        return text.encode()


class _ValueView(ResponseView):
    """An error body that is JSON, but not an object."""

    def __init__(self, value: Any) -> None:
        tree = {"value": value}
        super().__init__(tree, unnamed_slots(tree, _VALUE, 0))

    def write(self) -> bytes:
        """The value alone."""
        return orjson.dumps(self.tree["value"])
