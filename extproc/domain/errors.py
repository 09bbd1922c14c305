"""Errors that end an exchange, as the client sees them.

An ``ApiError`` is our reply in place of the model server's. Its text is fixed: it never quotes the request.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error reply, before a dialect gives it its JSON shape.

    ``status`` is the HTTP status; ``type`` and ``code`` are the fields of OpenAI's error object; ``param`` is the
    location in the body, if there is one. ``retry_after_s``: when the client may retry, if known. [s]
    ``headers``: further ones of the reply.
    """

    status: int
    type: str
    code: str
    message: str
    param: str | None = None
    retry_after_s: int = 0
    headers: tuple[tuple[str, str], ...] = ()


class PayloadRefused(Exception):
    """A body or path that is not forwarded, because the model server might parse it differently than we do."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.error = error


def refuse(status: int, code: str, message: str, param: str | None = None) -> PayloadRefused:
    """A ``PayloadRefused`` for a request that the client can fix (status 4xx)."""
    return PayloadRefused(ApiError(status, "invalid_request_error", code, message, param))
