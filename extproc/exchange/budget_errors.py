"""What a client reads where a budget refuses its request.

Source: OpenAI's page on error codes (429 `insufficient_quota`). Both official clients try a 429 or 503 again, unless
``x-should-retry`` is `false`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from extproc.domain.errors import ApiError
from extproc.exchange.budget_memory import BudgetClaim

_QUOTA: Final = "insufficient_quota"
_RESERVED_RETRY_S: Final = 1
_UNKNOWN_RETRY_S: Final = 5
_US_PER_S: Final = 1_000_000


def exhausted_error(claim: BudgetClaim, now_us: int) -> ApiError:
    """Nothing is left until the period ends. Args: now_us: since 1970. [us]"""
    end_us = claim.period.end_us
    ends = datetime.fromtimestamp(end_us // _US_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ApiError(
        429,
        _QUOTA,
        "budget_exhausted",
        f"The budget `{claim.keyed.budget.name}` is exhausted. Its period ends at {ends}.",
        retry_after_s=max(1, -(-(end_us - now_us) // _US_PER_S)),
        headers=(("x-should-retry", "false"),),
    )


def reserved_error(claim: BudgetClaim) -> ApiError:
    """What is left may be needed by exchanges in flight: some of them end soon."""
    return ApiError(
        429,
        _QUOTA,
        "budget_reserved",
        f"What is left of the budget `{claim.keyed.budget.name}` is reserved by requests that still run. Try again.",
        retry_after_s=_RESERVED_RETRY_S,
    )


def unknown_error(claim: BudgetClaim) -> ApiError:
    """Nobody knows what is spent."""
    return ApiError(
        503,
        "service_unavailable_error",
        "budget_unknown",
        f"It is not known what is left of the budget `{claim.keyed.budget.name}`, so this request is not answered."
        " Please retry shortly.",
        retry_after_s=_UNKNOWN_RETRY_S,
    )
