"""What a client reads when an exchange fails that no filter and no dialect has an error for."""

from __future__ import annotations

from extproc.domain.errors import ApiError

INTERNAL = ApiError(
    500, "server_error", "internal_error", "The gateway failed while it handled this request. Try again."
)
UNREADABLE = ApiError(
    502, "server_error", "unreadable_answer", "The model server's answer could not be checked, so it is withheld."
)
FILTER_FAILED = ApiError(
    500, "server_error", "guard_failed", "A check of this request failed, so it was stopped. Try again."
)
BODY_MISSING = ApiError(400, "invalid_request_error", "body_missing", "The request has no body.")
