"""Frames that bring nothing are counted by the second, each kind by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from extproc.server.transport.h2.errors import ConnectionFault
from extproc.server.transport.h2.frames import ErrorCode
from extproc.server.transport.h2.limits import H2Limits
from extproc.server.transport.h2.rates import Rates

TIMES_MAX = 3
SECOND_NS = 1_000_000_000
LIMITS = replace(
    H2Limits(),
    control_frames_per_second_max=TIMES_MAX,
    settings_per_second_max=TIMES_MAX,
    resets_per_second_max=TIMES_MAX,
)
KINDS: tuple[Callable[[Rates], None], ...] = (Rates.control_frame, Rates.settings, Rates.reset)


@pytest.mark.parametrize("count", KINDS)
def test_one_more_than_the_limit_ends_the_connection(count: Callable[[Rates], None]) -> None:
    """The peer is told to calm down."""
    rates = Rates(LIMITS)
    for _ in range(TIMES_MAX):
        count(rates)
    with pytest.raises(ConnectionFault) as fault:
        count(rates)
    assert fault.value.code is ErrorCode.ENHANCE_YOUR_CALM


@pytest.mark.parametrize("count", KINDS)
def test_every_second_begins_anew(count: Callable[[Rates], None]) -> None:
    """However many there were before."""
    rates = Rates(LIMITS)
    for second in range(4):
        rates.now_ns = second * SECOND_NS + SECOND_NS - 1
        for _ in range(TIMES_MAX):
            count(rates)


def test_one_kind_does_not_count_for_another() -> None:
    """All three may come in one second."""
    rates = Rates(LIMITS)
    for _ in range(TIMES_MAX):
        for count in KINDS:
            count(rates)
