"""What clients read of their limits, in the words of the two vendors."""

from __future__ import annotations

import pytest

from extproc.exchange.claims import Claim, Refusal
from extproc.exchange.limit_headers import duration, limit_headers, limit_in_words, refusal_error
from extproc.exchange.limit_memory import LimitMemory
from tests.unit.exchange.limits import AT_A_TIME, REQUESTS, S_NS, TOKENS, claim_of, compiled

MS_NS = S_NS // 1_000


def held(*limits: dict[str, object], tokens: int = 100, at_ns: int = 0) -> Claim:
    """A claim that was admitted."""
    claim = claim_of(compiled(*limits), tokens)
    LimitMemory().reserve(claim, at_ns)
    return claim


@pytest.mark.parametrize(
    ("ns", "told"),
    [
        (0, "0s"),
        (1, "1ms"),
        (20 * MS_NS, "20ms"),
        (S_NS, "1s"),
        (1_500 * MS_NS, "1.5s"),
        (59_999 * MS_NS, "59.999s"),
        (360 * S_NS, "6m0s"),
        (3_600 * S_NS, "1h0m0s"),
        (86_400 * S_NS, "24h0m0s"),
        (6_150_250 * MS_NS, "1h42m30.25s"),
    ],
)
def test_durations_are_written_as_openai_does(ns: int, told: str) -> None:
    """Never shorter than they are."""
    assert duration(ns) == told


def test_what_is_left_is_told_in_units_of_the_limit() -> None:
    """And when all of it is back."""
    headers = dict(limit_headers(held(REQUESTS, TOKENS), "chat", 0, 0.0))
    assert headers == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-tokens": "200",
        "x-ratelimit-reset-tokens": "1s",
    }


def test_time_that_has_gone_since_is_taken_off() -> None:
    """The answer begins later than the request was admitted."""
    headers = dict(limit_headers(held(TOKENS, at_ns=S_NS), "chat", S_NS + S_NS // 2, 0.0))
    assert (headers["x-ratelimit-remaining-tokens"], headers["x-ratelimit-reset-tokens"]) == ("250", "500ms")
    headers = dict(limit_headers(held(TOKENS), "chat", 99 * S_NS, 0.0))
    assert (headers["x-ratelimit-remaining-tokens"], headers["x-ratelimit-reset-tokens"]) == ("300", "0s")


@pytest.mark.parametrize("first", [True, False])
def test_of_two_limits_of_a_kind_the_fuller_one_is_told(first: bool) -> None:
    """In whatever order they are listed."""
    tight = {**TOKENS, "name": "tight", "limit": 500}
    claim = held(*((tight, TOKENS) if first else (TOKENS, {**tight, "burst": 120})))
    headers = dict(limit_headers(claim, "chat", 0, 0.0))
    assert headers["x-ratelimit-limit-tokens"] == "500"


def test_messages_have_names_and_times_of_their_own() -> None:
    """RFC 3339, never earlier than it is."""
    limits = [{**TOKENS, "name": name, "of": name} for name in ("prompt_tokens", "completion_tokens", "tokens")]
    headers = dict(limit_headers(held(*limits), "messages", 0, 1_700_000_000.5))
    assert headers == {
        "anthropic-ratelimit-input-tokens-limit": "6000",
        "anthropic-ratelimit-input-tokens-remaining": "200",
        "anthropic-ratelimit-input-tokens-reset": "2023-11-14T22:13:22Z",
        "anthropic-ratelimit-output-tokens-limit": "6000",
        "anthropic-ratelimit-output-tokens-remaining": "300",
        "anthropic-ratelimit-output-tokens-reset": "2023-11-14T22:13:21Z",
        "anthropic-ratelimit-tokens-limit": "6000",
        "anthropic-ratelimit-tokens-remaining": "200",
        "anthropic-ratelimit-tokens-reset": "2023-11-14T22:13:22Z",
    }


def test_what_the_vendors_have_no_header_for_is_not_told() -> None:
    """Money, exchanges at a time, and limits in shadow."""
    assert limit_headers(held(AT_A_TIME, {**TOKENS, "of": "micro_usd"}), "chat", 0, 0.0) == ()
    assert limit_headers(held({**TOKENS, "mode": "shadow"}), "chat", 0, 0.0) == ()


@pytest.mark.parametrize(
    ("limit", "kind", "message"),
    [
        (REQUESTS, "requests", "Rate limit `requests` reached: 60 requests per minute. Try again in 1.5s."),
        (AT_A_TIME, "requests", "Rate limit `running` reached: 2 requests at a time. Try again in 1.5s."),
        ({**TOKENS, "of": "micro_usd", "window": "day"}, "tokens", None),
    ],
)
def test_a_refusal_says_which_limit_and_when(limit: dict[str, object], kind: str, message: str | None) -> None:
    """Never whose: a key may be a person."""
    error = refusal_error(Refusal(compiled(limit).limits[0], 1_500 * MS_NS, 1), (("x", "y"),))
    assert (error.status, error.type, error.code, error.retry_after_s) == (429, kind, "rate_limit_exceeded", 2)
    assert message in (None, error.message)
    assert error.headers == (("x", "y"), ("retry-after-ms", "1500"))


def test_a_limit_in_words() -> None:
    """As errors and reports have it."""
    of = [limit_in_words(limit) for limit in compiled(TOKENS, AT_A_TIME).limits]
    assert of == ["6000 tokens per minute", "2 requests at a time"]
