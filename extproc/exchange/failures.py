"""The errors a client receives when an exchange fails and neither a filter nor a dialect supplies one."""

from __future__ import annotations

from typing import Final

from extproc.domain.errors import ApiError

INTERNAL: Final = ApiError(
    500, "server_error", "internal_error", "The gateway failed while it handled this request. Try again."
)
UNREADABLE: Final = ApiError(
    502, "server_error", "unreadable_answer", "The model server's response could not be checked, so it is withheld."
)
FILTER_FAILED: Final = ApiError(
    500, "server_error", "guard_failed", "A check of this request failed, so it was stopped. Try again."
)
REQUEST_TOO_COSTLY: Final = ApiError(
    413, "invalid_request_error", "text_too_costly", "Checking these texts takes too long. Send fewer of them at once."
)
ANSWER_TOO_COSTLY: Final = ApiError(
    502, "server_error", "text_too_costly", "Checking the model server's response takes too long, so it is withheld."
)
OVERLOADED: Final = ApiError(
    503, "server_error", "overloaded", "Too many large messages are waiting to be checked. Try again.", retry_after_s=1
)
BODY_MISSING: Final = ApiError(400, "invalid_request_error", "body_missing", "The request has no body.")
