"""The id that a server gives a response. Clients see it, so feedback and logs of the server can name it."""

from __future__ import annotations

from typing import Any, Final

import re2

from extproc.payload.inert import is_label

RESPONSE_ID_CHARS_MAX: Final = 128
_ANY_ID: Final = re2.compile(r"[a-z]{2,16}[-_][A-Za-z0-9_-]{6,110}")
_NUMBER: Final = re2.compile(r"[0-9]{11}")
"""A longer number may be that of a card or a phone."""


def response_id_of(tree: dict[str, Any]) -> str:
    """The id of a response that is a word, as OpenAI's, Anthropic's and vLLM's are; empty for any other text."""
    value = tree.get("id")
    if type(value) is not str or not value or len(value) > RESPONSE_ID_CHARS_MAX:
        return ""
    is_id = is_label(value) or (_ANY_ID.fullmatch(value) is not None and _NUMBER.search(value) is None)
    return value if is_id else ""
