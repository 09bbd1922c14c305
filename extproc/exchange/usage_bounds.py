"""Upper bounds of a request's tokens: from its own size, and from the length of response that it asks for."""

from __future__ import annotations

from typing import Final

from extproc.domain.record import ExchangeRecord
from extproc.domain.usage_bounds import UsageBounds
from extproc.payload.view import RequestView

PROMPT_TOKENS_PER_BYTE_MAX: Final = 4  # a byte is at most one token; templates add words around short texts
PROMPT_TOKENS_MORE_MAX: Final = 65_536  # added by the server's template
COMPLETION_TOKENS_MORE_MAX: Final = 1_024  # ends of turns and similar tokens, if a server counts them


def note_usage_bounds(record: ExchangeRecord, request: RequestView, body_bytes: int, tokens_max: int) -> None:
    """Record the bounds of an exchange whose tokens are counted. Args: as of ``usage_bounds``."""
    if record.metered:
        record.usage_bounds = usage_bounds(request, body_bytes, tokens_max)


def usage_bounds(request: RequestView, body_bytes: int, tokens_max: int) -> UsageBounds:
    """The bounds of an exchange.

    Media, and tools that run on the server, add tokens that correspond to no byte of the request. Then only
    ``tokens_max`` applies, as it does to the response of a request without a length limit.

    Args: body_bytes: of the request without its content-encoding.
    """
    if request.unread or request.runs_tools:
        return UsageBounds(tokens_max, tokens_max)
    prompt = (body_bytes * PROMPT_TOKENS_PER_BYTE_MAX + PROMPT_TOKENS_MORE_MAX) * request.readings
    lengths = request.response_lengths
    if not lengths:
        return UsageBounds(min(prompt, tokens_max), tokens_max)
    completion = max(lengths) * max(request.choices, 1) + COMPLETION_TOKENS_MORE_MAX
    return UsageBounds(min(prompt, tokens_max), min(completion, tokens_max))
