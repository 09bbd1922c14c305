"""What a client reads of its rate limits: headers as OpenAI's and Anthropic's clients know them, and the error.

Source: the two vendors' pages on rate limits. Both official clients wait for ``retry-after-ms``, then ``retry-after``,
and do not try again where ``x-should-retry`` is `false`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from extproc.config.compiled_rate_limits import CompiledLimit
from extproc.domain.contract import ENDPOINT_PATHS
from extproc.domain.errors import ApiError
from extproc.domain.rate_limits import TICKS_PER_NS, Quantity
from extproc.domain.token_rates import NS_PER_S
from extproc.exchange.claims import Claim, ClaimedLimit, Refusal

Headers = tuple[tuple[str, str], ...]


class _Names(NamedTuple):
    """Of the headers that tell a limit, what is left of it, and when all of it is back."""

    limit: str
    remaining: str
    reset: str


def _openai(kind: str) -> _Names:
    return _Names(f"x-ratelimit-limit-{kind}", f"x-ratelimit-remaining-{kind}", f"x-ratelimit-reset-{kind}")


def _anthropic(kind: str) -> _Names:
    start = f"anthropic-ratelimit-{kind}"
    return _Names(f"{start}-limit", f"{start}-remaining", f"{start}-reset")


ANTHROPIC_ENDPOINTS: Final = frozenset({"messages", "count_tokens"}) & frozenset(ENDPOINT_PATHS)
_OPENAI_KINDS: Final[Mapping[Quantity, str]] = {
    Quantity.REQUESTS: "requests",
    Quantity.TOKENS: "tokens",
    Quantity.WEIGHTED_TOKENS: "tokens",
    Quantity.PROMPT_TOKENS: "tokens",
    Quantity.COMPLETION_TOKENS: "tokens",
}
_OPENAI: Final[Mapping[Quantity, _Names]] = {of: _openai(kind) for of, kind in _OPENAI_KINDS.items()}
_ANTHROPIC: Final[Mapping[Quantity, _Names]] = {
    Quantity.REQUESTS: _anthropic("requests"),
    Quantity.TOKENS: _anthropic("tokens"),
    Quantity.WEIGHTED_TOKENS: _anthropic("tokens"),
    Quantity.PROMPT_TOKENS: _anthropic("input-tokens"),
    Quantity.COMPLETION_TOKENS: _anthropic("output-tokens"),
}
_WORDS: Final[Mapping[Quantity, str]] = {
    Quantity.REQUESTS: "requests",
    Quantity.PROMPT_TOKENS: "prompt tokens",
    Quantity.COMPLETION_TOKENS: "completion tokens",
    Quantity.TOKENS: "tokens",
    Quantity.WEIGHTED_TOKENS: "weighted tokens",
    Quantity.MICRO_USD: "micro-USD",
    Quantity.EXCHANGES: "requests at a time",
}
RATE_LIMIT_EXCEEDED: Final = "rate_limit_exceeded"
_NS_PER_MS: Final = 1_000_000
_S_PER_MINUTE: Final = 60


UNAVAILABLE: Final = ApiError(
    503,
    "server_error",
    "rate_limits_unavailable",
    "Rate limits cannot be checked at the moment. Try again.",
    retry_after_s=1,
)


def limit_headers(claim: Claim, endpoint: str, now_ns: int, utc_s: float) -> Headers:
    """The headers of an answer. Where several limits count the same, the one with the least share left is told.

    Args: utc_s: the time now, since 1970. [s]
    """
    is_anthropic = endpoint in ANTHROPIC_ENDPOINTS
    names_of = _ANTHROPIC if is_anthropic else _OPENAI
    told: dict[_Names, ClaimedLimit] = {}
    for one in claim.limits:
        names = names_of.get(one.limit.of)
        if names is not None and one.limit.is_enforced:
            known = told.get(names)
            if known is None or _share_used(one) > _share_used(known):
                told[names] = one
    headers: list[tuple[str, str]] = []
    gone = (now_ns - claim.at_ns) * TICKS_PER_NS
    for names, one in told.items():
        limit, rate = one.limit, one.limit.rate
        ahead = one.ahead - gone if one.ahead > gone else 0
        left = (rate.burst - ahead) // rate.interval if ahead < rate.burst else 0
        reset_ns = -(-ahead // TICKS_PER_NS)
        reset = _moment(utc_s + reset_ns / NS_PER_S) if is_anthropic else duration(reset_ns)
        left_told = str(left if left < limit.limit else limit.limit)
        headers += ((names.limit, str(limit.limit)), (names.remaining, left_told), (names.reset, reset))
    return tuple(headers)


def _share_used(one: ClaimedLimit) -> float:
    return one.ahead / one.limit.rate.burst


def _moment(utc_s: float) -> str:
    """RFC 3339, rounded up to a second."""
    return datetime.fromtimestamp(int(-(-utc_s // 1)), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(ns: int) -> str:
    """A time as OpenAI writes it: `20ms`, `1.5s`, `6m0s`, `1h0m0s`; rounded up to a millisecond."""
    ms = -(-ns // _NS_PER_MS)
    if ms < 1_000:
        return f"{ms}ms" if ms else "0s"
    seconds, rest_ms = divmod(ms, 1_000)
    minutes, seconds = divmod(seconds, _S_PER_MINUTE)
    hours, minutes = divmod(minutes, _S_PER_MINUTE)
    told = f"{seconds}s" if not rest_ms else f"{seconds}.{rest_ms:03d}".rstrip("0") + "s"
    if hours:
        return f"{hours}h{minutes}m{told}"
    return f"{minutes}m{told}" if minutes else told


def refusal_error(refusal: Refusal, headers: Headers) -> ApiError:
    """The error of a request that a limit has no room for."""
    limit = refusal.limit
    kind = _OPENAI_KINDS.get(limit.of, "requests" if limit.is_at_a_time else "tokens")
    if not refusal.wait_ns:
        return ApiError(
            429,
            kind,
            "rate_limit_exceeded",
            f"Request too large for the rate limit `{limit.name}`: it admits {limit.burst} {_WORDS[limit.of]} at once,"
            f" and about {refusal.amount} are requested. Send a shorter request, or lower max_tokens.",
            headers=(*headers, ("x-should-retry", "false")),
        )
    return ApiError(
        429,
        kind,
        "rate_limit_exceeded",
        f"Rate limit `{limit.name}` reached: {limit_in_words(limit)}. Try again in {duration(refusal.wait_ns)}.",
        retry_after_s=-(-refusal.wait_ns // NS_PER_S),
        headers=(*headers, ("retry-after-ms", str(-(-refusal.wait_ns // _NS_PER_MS)))),
    )


def limit_in_words(limit: CompiledLimit) -> str:
    """What it admits: ``60 requests per minute``."""
    words = f"{limit.limit} {_WORDS[limit.of]}"
    return words if limit.is_at_a_time else f"{words} per {limit.window}"
