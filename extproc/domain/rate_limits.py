"""Rate limits as theoretical arrival times (GCRA), in whole numbers.

A limit admits ``limit`` units a window, and ``burst`` of them at once. Each key of it has one arrival time: the moment
at which all that was admitted is paid off. Admitting moves it by the cost; a request fits if it is then at most the
burst ahead of now. So no window admits more than limit + burst, a wait is exact, and no timer runs.

Times are in ticks, a part of a nanosecond, so that one unit of any limit has a whole number of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from extproc.domain.token_rates import NS_PER_S
from extproc.domain.usage import Prices, Usage, cost_of

TICKS_PER_NS: Final = 1 << 20
LIMIT_MAX: Final = 10**12
"""Of any limit: one unit a second then still has a thousand ticks."""
DEBT_NS_MIN: Final = 3_600 * NS_PER_S
"""How far ahead of now an arrival time may always move, whatever the window is. [ns]"""


class Quantity(StrEnum):
    """What a limit counts."""

    REQUESTS = "requests"
    PROMPT_TOKENS = "prompt_tokens"
    COMPLETION_TOKENS = "completion_tokens"
    TOKENS = "tokens"
    WEIGHTED_TOKENS = "weighted_tokens"
    MICRO_USD = "micro_usd"
    EXCHANGES = "exchanges"  # at a time


WINDOWS_NS: Final[Mapping[str, int]] = {
    "second": NS_PER_S,
    "minute": 60 * NS_PER_S,
    "hour": 3_600 * NS_PER_S,
    "day": 86_400 * NS_PER_S,
}


class Rate(NamedTuple):
    """The arithmetic of one limit. [ticks]

    Attributes:
        interval: what one unit costs.
        burst: how far ahead of now the arrival time may be.
        debt: how far a settlement may move it: a window, or an hour if that is longer.
    """

    interval: int
    burst: int
    debt: int


def rate_of(limit: int, window_ns: int, burst: int) -> Rate:
    """The rate of a limit. An interval is rounded up, so a limit is never exceeded by rounding."""
    interval = -(-window_ns * TICKS_PER_NS // limit)
    debt = max(burst, limit, -(-DEBT_NS_MIN * limit // window_ns))
    return Rate(interval, burst * interval, debt * interval)


class TokenWeights(NamedTuple):
    """What a token counts for in a limit of weighted tokens."""

    prompt: int = 1
    cached: int = 1
    completion: int = 1


Amount = Callable[[Usage, Prices | None, TokenWeights], int]
"""How much of a quantity an exchange with this usage takes."""


def _of_prompt(usage: Usage, _prices: Prices | None, _weights: TokenWeights) -> int:
    return usage.prompt


def _of_completion(usage: Usage, _prices: Prices | None, _weights: TokenWeights) -> int:
    return usage.completion


def _of_tokens(usage: Usage, _prices: Prices | None, _weights: TokenWeights) -> int:
    return usage.prompt + usage.completion


def _of_weighted_tokens(usage: Usage, _prices: Prices | None, weights: TokenWeights) -> int:
    cached = min(usage.cached, usage.prompt)
    plain = (usage.prompt - cached) * weights.prompt
    return plain + cached * weights.cached + usage.completion * weights.completion


def _of_money(usage: Usage, prices: Prices | None, _weights: TokenWeights) -> int:
    return 0 if prices is None else cost_of(usage, prices)


AMOUNTS: Final[Mapping[Quantity, Amount]] = {
    Quantity.PROMPT_TOKENS: _of_prompt,
    Quantity.COMPLETION_TOKENS: _of_completion,
    Quantity.TOKENS: _of_tokens,
    Quantity.WEIGHTED_TOKENS: _of_weighted_tokens,
    Quantity.MICRO_USD: _of_money,
}
"""Of the quantities that depend on the usage; of the others every exchange takes one."""
