"""Errors that end an exchange, as the client reads them.

An ``ApiError`` is what we answer instead of the model server. Its text is ours: it never quotes the request.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiError:
    """An answer of ours, before a dialect gives it its JSON shape.

    ``status`` is the HTTP status; ``type`` and ``code`` are the fields of OpenAI's error object; ``param`` is the place
    in the body, where there is one. ``retry_after_s``: when the client may try again, if that is known. [s]
    """

    status: int
    type: str
    code: str
    message: str
    param: str | None = None
    retry_after_s: int = 0


class PayloadRefused(Exception):
    """A body or a path that is not passed on, because the model server could read it otherwise than we do."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.error = error


def refuse(status: int, code: str, message: str, param: str | None = None) -> PayloadRefused:
    """A ``PayloadRefused`` for a request that the client can mend (status 4xx)."""
    return PayloadRefused(ApiError(status, "invalid_request_error", code, message, param))
