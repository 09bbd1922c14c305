"""What model servers say of their load, in the unit in which endpoints are compared: characters of prompt to compute.

This process knows exactly what it sent itself. A server's own numbers hold that too, so only what is left counts: the
requests of other processes, clients and benchmarks. The left part is taken when the numbers arrive, and kept until the
next ones, while this process's own load is followed request by request.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

LOAD_AGE_NS_MAX: Final = 2_000_000_000
"""Older numbers are not used."""
RUNNING_CHARS: Final = 160
"""The share of a running answer, which slows every step of its server. [characters]"""
OTHERS_RUNNING_CHARS: Final = 80
"""That of somebody else's: less, as several processes see the same numbers, and would all turn away at once."""
DIFFERENCE_CHARS: Final = 600
"""A server whose others cost so little more than those of the least busy one counts as alike: numbers are up to a fifth
of a second old, and a seen beginning of a prompt is worth more than a few requests that may have ended. [characters]"""
CACHE_SHARE_FREE: Final = 0.8
"""Below this, the use of a server's KV cache does not matter: finished prompts fill it and make room."""
CACHE_FULL_CHARS: Final = 8_192
"""A full cache: the server lets new prompts wait, or computes evicted ones again. [characters]"""
GONE_CHARS: Final = 1 << 40
"""More than any other cost: no connection is accepted."""
_CHARS_MAX: Final = GONE_CHARS // 4
NEVER_NS: Final = 1 << 62
"""Later than any time."""


class EndpointLoad(NamedTuple):
    """One look at a model server.

    Attributes:
        at_ns: when, by the monotonic clock.
        reachable: whether it accepts connections; if not, the numbers mean nothing.
        waiting, running: its requests, of all clients.
        cache_share: the used part of its KV cache.
    """

    at_ns: int
    reachable: bool
    waiting: float = 0.0
    running: float = 0.0
    cache_share: float = 0.0


def chars_of_others(load: EndpointLoad, own_requests: int, prompt_chars: int) -> int:
    """The cost of what is not ours on a server.

    Args:
        own_requests: requests of this process there.
        prompt_chars: what a prompt leaves to compute, on average; a waiting one counts that much.
    """
    if not load.reachable:
        return GONE_CHARS
    requests = load.waiting + load.running
    others = max(0.0, requests - own_requests)
    waiting = others * load.waiting / requests if requests else 0.0
    crowded = max(0.0, load.cache_share - CACHE_SHARE_FREE) / (1 - CACHE_SHARE_FREE)
    chars = waiting * prompt_chars + others * OTHERS_RUNNING_CHARS + min(1.0, crowded) * CACHE_FULL_CHARS
    return min(int(chars), _CHARS_MAX)


def extra_chars(loads: Sequence[EndpointLoad | None], others: Sequence[int], now_ns: int) -> tuple[list[int], int]:
    """What to add to the own load at each endpoint, and until when that holds.

    Numbers that are missing or too old are replaced by the average of the other servers, by nothing if there are none:
    a server must not look idle because it is too busy to say how busy it is.

    Args: others: the result of ``chars_of_others`` for each load.
    Returns: characters at each, and the time from which on some are too old.
    """
    since_ns = now_ns - LOAD_AGE_NS_MAX
    fresh = [load is not None and load.at_ns > since_ns for load in loads]
    told = [chars for chars, is_fresh in zip(others, fresh, strict=True) if is_fresh and chars < GONE_CHARS]
    average = sum(told) // len(told) if told else 0
    free = min(told, default=0) + DIFFERENCE_CHARS
    known = [chars if is_fresh else average for chars, is_fresh in zip(others, fresh, strict=True)]
    extra = [chars if chars >= GONE_CHARS else max(0, chars - free) for chars in known]
    times_ns = [load.at_ns for load in loads if load is not None and load.at_ns > since_ns]
    return extra, min(times_ns) + LOAD_AGE_NS_MAX if times_ns else NEVER_NS
