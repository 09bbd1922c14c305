"""What servers say becomes characters of prompt: the part of others, while it is fresh."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.exchange.endpoint_loads import (
    CACHE_FULL_CHARS,
    DIFFERENCE_CHARS,
    GONE_CHARS,
    LOAD_AGE_NS_MAX,
    NEVER_NS,
    OTHERS_RUNNING_CHARS,
    EndpointLoad,
    chars_of_others,
    extra_chars,
)

PROMPT_CHARS = 1_000
FREE = DIFFERENCE_CHARS


@pytest.mark.parametrize(
    ("waiting", "running", "cache", "own", "expected"),
    [
        (0, 0, 0, 0, 0),
        (0, 4, 0, 0, 4 * OTHERS_RUNNING_CHARS),
        (0, 4, 0, 3, OTHERS_RUNNING_CHARS),
        (0, 4, 0, 9, 0),
        (2, 0, 0, 0, 2 * (PROMPT_CHARS + OTHERS_RUNNING_CHARS)),
        (2, 2, 0, 2, PROMPT_CHARS + 2 * OTHERS_RUNNING_CHARS),  # half of them wait, also of those of others
        (0, 0, 0.8, 0, 0),
        (0, 0, 0.9, 0, CACHE_FULL_CHARS // 2),
        (0, 0, 1.0, 0, CACHE_FULL_CHARS),
        (0, 0, 7.0, 0, CACHE_FULL_CHARS),
    ],
)
def test_the_part_of_others(waiting: float, running: float, cache: float, own: int, expected: int) -> None:
    """Requests beyond the own ones, and a cache that is nearly full, whoever fills it."""
    load = EndpointLoad(0, True, waiting, running, cache)
    assert abs(chars_of_others(load, own, PROMPT_CHARS) - expected) <= 1


def test_a_server_that_cannot_be_reached_costs_more_than_any_other() -> None:
    """Its numbers are not looked at."""
    assert chars_of_others(EndpointLoad(0, False), 3, PROMPT_CHARS) == GONE_CHARS
    assert chars_of_others(EndpointLoad(0, True, 1e9, 1e9, 1), 0, 10**9) < GONE_CHARS // 2


def at(*times_ns: int | None) -> list[EndpointLoad | None]:
    """Loads of these times."""
    return [None if time_ns is None else EndpointLoad(time_ns, True) for time_ns in times_ns]


def test_who_says_nothing_is_taken_for_average() -> None:
    """Not for idle; a server that cannot be reached is no example."""
    now_ns = LOAD_AGE_NS_MAX + 10
    extra, until_ns = extra_chars(at(10, 11, 12, None), [0, 8_000, 2_000, 0], now_ns)
    assert (extra, until_ns) == ([3_000 - FREE, 6_000 - FREE, 0, 3_000 - FREE], LOAD_AGE_NS_MAX + 11)
    assert extra_chars(at(10, 11, 12), [0, GONE_CHARS, 9_000], now_ns)[0] == [0, GONE_CHARS, 0]
    assert extra_chars(at(10, None), [7, 9], now_ns) == ([0, 0], NEVER_NS)


def test_small_differences_are_not_followed() -> None:
    """They may be over, and all processes would follow them at once; large ones count from there on."""
    alike = [5_000, 5_000 + FREE, 5_000 + FREE // 2]
    assert extra_chars(at(1, 1, 1), alike, 2)[0] == [0, 0, 0]
    assert extra_chars(at(1, 1, 1), [5_000, 5_000 + FREE + 1, 9_000], 2)[0] == [0, 1, 4_000 - FREE]
    assert extra_chars(at(1, 1), [GONE_CHARS, GONE_CHARS], 2)[0] == [GONE_CHARS, GONE_CHARS]


@given(st.lists(st.tuples(st.none() | st.integers(0, 10), st.integers(0, 99)), max_size=5), st.integers(0, 20))
def test_it_holds_until_the_first_is_too_old(loads: list[tuple[int | None, int]], later: int) -> None:
    """Before that time the result is the same, at that time that load is not used any more."""
    known, others = at(*[time_ns for time_ns, _ in loads]), [chars for _, chars in loads]
    now_ns = LOAD_AGE_NS_MAX + later
    extra, until_ns = extra_chars(known, others, now_ns)
    assert until_ns > now_ns
    assert extra_chars(known, others, until_ns - 1) == (extra, until_ns)
    assert until_ns == NEVER_NS or extra_chars(known, others, until_ns)[1] > until_ns
