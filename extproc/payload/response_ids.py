"""The id that a server gives a response. Clients see it, so feedback and logs of the server can name it."""

from __future__ import annotations

from typing import Any, Final

import re2

from extproc.payload.inert import is_label
from extproc.payload.view import ResponseView

RESPONSE_ID_CHARS_MAX: Final = 128
_PREFIX_CHARS_MAX: Final = 16
_REST_CHARS_MIN: Final = 6
_NUMBER: Final = re2.compile(r"[0-9]{11}")
"""A longer number may be that of a card or a phone."""


def response_id_of(tree: dict[str, Any]) -> str:
    """The id of a response that is a word, as OpenAI's, Anthropic's and vLLM's are; empty for any other text."""
    value = tree.get("id")
    if type(value) is not str or not value or len(value) > RESPONSE_ID_CHARS_MAX:
        return ""
    return value if is_label(value) or _is_other_id(value) else ""


def id_of_response(view: ResponseView) -> str:
    """That of an unstreamed response, likewise."""
    return response_id_of(view.tree)


def _is_other_id(value: str) -> bool:
    """Letters and digits behind a word, without a long number: `chatcmpl-B9MHDbslfkBe`, `msg_01XFDUDYJgAA`."""
    prefix, _, rest = value.replace("_", "-").partition("-")
    if not (value.isascii() and prefix.isalpha() and prefix.islower() and len(prefix) <= _PREFIX_CHARS_MAX):
        return False
    return len(rest) >= _REST_CHARS_MIN and rest.replace("-", "").isalnum() and _NUMBER.search(rest) is None
