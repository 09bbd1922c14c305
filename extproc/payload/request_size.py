"""The size of the input that the model reads: texts only, without output formats or the user's name."""

from __future__ import annotations

from typing import Final

from extproc.domain.text import Speaker
from extproc.domain.token_rates import RequestSize
from extproc.domain.usage import utf8_bytes_of
from extproc.payload.dialect import Dialect
from extproc.payload.request_shape import TOOL_LISTS
from extproc.payload.view import RequestView

_TOOL_TEXT_BYTES: Final = 4  # quotation marks, colon and comma, which are in the prompt too


def size_of(request: RequestView, dialect: Dialect) -> RequestSize:
    """The size of a forwarded request. Source: vLLM 0.32, its rendered prompt."""
    shape, shown_bytes, tool_bytes, replaced_bytes = request.shape, 0, 0, 0
    shown = shape.shown
    for field in request.texts:
        head = field.path[0]
        if head in shown:
            shown_bytes += utf8_bytes_of(field.text)
        elif head in TOOL_LISTS:
            tool_bytes += utf8_bytes_of(field.text) + _TOOL_TEXT_BYTES
    if request.inserted:
        replaced_bytes = _first_system_bytes(request) if request.inserted_replaces else 0
        shown_bytes += utf8_bytes_of(request.inserted) - replaced_bytes
    has_system = bool(request.inserted) and not replaced_bytes
    return RequestSize(
        utf8_bytes=shown_bytes,
        turns=shape.turn_count(request.tree, has_system) if dialect.templated else 0,
        tool_utf8_bytes=tool_bytes,
        choices=request.choices if dialect.generates else 0,
        answer_tokens_max=_first_length(request),
        readable=not request.unread,
    )


def texts_for_model(request: RequestView) -> tuple[list[str], list[str]]:
    """The texts that ``size_of`` measures: those of the prompt, and of the tools."""
    shown, tools = [], []
    for field in request.texts:
        head = field.path[0]
        if head in request.shape.shown:
            shown.append(field)
        elif head in TOOL_LISTS:
            tools.append(field.text)
    texts = [field.text for field in shown]
    if request.inserted:
        if request.inserted_replaces:
            replaced = [number for number, field in enumerate(shown) if field.source.speaker is Speaker.SYSTEM][:1]
            texts = [text for number, text in enumerate(texts) if number not in replaced]
        texts.insert(0, request.inserted)
    return texts, tools


def _first_length(request: RequestView) -> int:
    for length in request.response_lengths:
        if length:
            return length
    return 0


def _first_system_bytes(request: RequestView) -> int:
    texts = [field.text for field in request.texts if field.source.speaker is Speaker.SYSTEM]
    return utf8_bytes_of(texts[0]) if texts else 0
