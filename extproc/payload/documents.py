"""The texts in a request that a response should be based on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from extproc.domain.text import Kind, Speaker
from extproc.payload.view import TextField

_BROUGHT: Final = frozenset({Speaker.DOCUMENT, Speaker.TOOL})
_SAY_SOMETHING: Final = frozenset({Kind.CONTENT, Kind.JSON})


def brought_texts(fields: Sequence[TextField]) -> list[str]:
    """Documents and tool results, without names of their parts."""
    return [
        field.text
        for field in fields
        if field.source.speaker in _BROUGHT and field.source.kind in _SAY_SOMETHING and not field.keys
    ]


def pasted_texts(fields: Sequence[TextField], chars_min: int) -> list[str]:
    """User texts of at least ``chars_min`` characters, which are more than a question."""
    return [field.text for field in fields if field.source.speaker is Speaker.USER and len(field.text) >= chars_min]
