"""Idle time: it adds up under every policy."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.allocation.idle import NOBODY, IdlePolicy, idle_by_team

times = st.integers(0, 10**12)
teams = st.sampled_from(["search", "chat", "batch"])
reservations = st.lists(st.integers(0, 100), min_size=3, max_size=3).map(
    lambda parts: {
        team: Fraction(part, max(sum(parts), 100)) for team, part in zip(["a", "chat", "search"], parts, strict=True)
    }
)


@pytest.mark.parametrize("policy", IdlePolicy)
@given(idle=times, used=st.dictionaries(teams, times), reserved=reservations)
def test_it_adds_up(policy: IdlePolicy, idle: int, used: dict[str, int], reserved: dict[str, Fraction]) -> None:
    """Whoever pays."""
    found = idle_by_team(policy, idle, used, reserved)
    assert sum(found.values()) == idle
    assert all(time >= 0 for time in found.values())


def test_by_use() -> None:
    """Who used twice as much pays twice as much of what nobody used."""
    assert idle_by_team(IdlePolicy.BY_USE, 90, {"chat": 10, "search": 20}, {}) == {"chat": 30, "search": 60}
    assert idle_by_team(IdlePolicy.BY_USE, 90, {"chat": 0}, {}) == {NOBODY: 90}


def test_by_reservation() -> None:
    """Of 100 hours one half is reserved by each of two: 10 of chat's are used, 60 of search's 50."""
    reserved = {"chat": Fraction(1, 2), "search": Fraction(1, 2)}
    assert idle_by_team(IdlePolicy.BY_RESERVATION, 30, {"chat": 10, "search": 60}, reserved) == {"chat": 30}


def test_what_nobody_reserved() -> None:
    """Stays a row of its own."""
    reserved = {"chat": Fraction(1, 5)}
    found = idle_by_team(IdlePolicy.BY_RESERVATION, 80, {"search": 20}, reserved)
    assert found == {"chat": 20, NOBODY: 60}


def test_its_own_row() -> None:
    """Whatever was used."""
    assert idle_by_team(IdlePolicy.OWN_ROW, 5, {"chat": 10}, {"chat": Fraction(1)}) == {NOBODY: 5}
