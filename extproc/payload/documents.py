"""What a request brings along for an answer to rest on."""

from __future__ import annotations

from collections.abc import Sequence

from extproc.domain.text import Kind, Speaker
from extproc.payload.view import TextField

_BROUGHT = frozenset({Speaker.DOCUMENT, Speaker.TOOL})
_SAY_SOMETHING = frozenset({Kind.CONTENT, Kind.JSON})


def brought_texts(fields: Sequence[TextField]) -> list[str]:
    """Documents and results of tools, without what only names their parts."""
    return [
        field.text
        for field in fields
        if field.source.speaker in _BROUGHT and field.source.kind in _SAY_SOMETHING and not field.keys
    ]


def pasted_texts(fields: Sequence[TextField], chars_min: int) -> list[str]:
    """What users wrote at such length that it is more than a question. [characters]"""
    return [field.text for field in fields if field.source.speaker is Speaker.USER and len(field.text) >= chars_min]
