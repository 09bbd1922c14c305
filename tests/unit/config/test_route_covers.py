"""Conditions that take all of others: whatever is said to be covered is, on any exchange."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.route_conditions import RouteFacts, compile_condition
from extproc.config.route_covers import covering, covers
from extproc.config.routes import Route, RouteCondition

NAMES = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2, unique=True)
HOURS = st.sampled_from([None, "08:00-18:00", "09:00-12:00", "22:00-06:00", "23:00-05:00", "00:00-24:00"])
CONDITIONS = st.fixed_dictionaries(
    {
        "models": st.lists(st.sampled_from(["a", "ab", "a*", "ab*", "*", "b"]), max_size=2),
        "endpoints": st.lists(st.sampled_from(["chat", "messages"]), max_size=2, unique=True),
        "teams": NAMES,
        "tiers": NAMES,
        "tags": NAMES,
        "headers": st.dictionaries(st.sampled_from(["x-a", "x-b"]), st.lists(st.sampled_from("12"), min_size=1)),
        "prompt_tokens_min": st.none() | st.integers(1, 3),
        "prompt_tokens_max": st.none() | st.integers(1, 3),
        "streamed": st.none() | st.booleans(),
        "tools": st.none() | st.booleans(),
        "days": st.lists(st.sampled_from(["mon", "tue", "sun"]), max_size=2, unique=True),
        "hours": HOURS,
        "timezone": st.sampled_from(["UTC", "Asia/Tokyo"]),
    }
)
FACTS = st.builds(
    RouteFacts,
    st.sampled_from(["", "a", "ab", "abc", "b"]),
    st.sampled_from(["chat", "messages", "embeddings"]),
    st.sampled_from("abcd"),
    st.sampled_from("abcd"),
    st.sampled_from("abcd"),
    st.dictionaries(st.sampled_from(["x-a", "x-b"]), st.sampled_from("123")),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
    st.integers(0, 14 * 86_400).map(float),
)


def condition(**keys: Any) -> RouteCondition:
    """A condition with these keys."""
    return RouteCondition.model_validate_json(json.dumps(keys))


def route(*conditions: dict[str, Any]) -> Route:
    """A route with these conditions."""
    return Route.model_validate_json(json.dumps({"name": "r", "when": conditions}))


@given(CONDITIONS, CONDITIONS, st.lists(FACTS, min_size=1, max_size=20))
def test_what_is_covered_matches_nothing_that_the_other_does_not(
    wide: dict[str, Any], narrow: dict[str, Any], exchanges: list[RouteFacts]
) -> None:
    """A false error would refuse a configuration that works."""
    one, other = condition(**wide), condition(**narrow)
    if covers(one, other):
        both = [compile_condition(each) for each in (one, other)]
        for facts in exchanges:
            assert both[0].matches(facts) or not both[1].matches(facts)


@given(CONDITIONS, CONDITIONS)
def test_a_condition_covers_itself_with_more_keys(wide: dict[str, Any], more: dict[str, Any]) -> None:
    """Keys that are added only narrow it; `timezone` belongs to the window."""
    window = ("days", "hours", "timezone")
    unset = [key for key, value in wide.items() if value in (None, [], {}) and key not in window]
    added = {key: more[key] for key in unset if more[key] is not None}
    assert covers(condition(**wide), condition(**{**wide, **added}))


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ({"models": ["a-*"]}, {"models": ["a-b", "a-c*"]}),
        ({"models": ["*"]}, {}),
        ({"teams": ["a", "b"]}, {"teams": ["b"], "streamed": True}),
        ({"headers": {"x-a": ["1", "2"]}}, {"headers": {"x-a": ["2"], "x-b": ["1"]}}),
        ({"prompt_tokens_min": 10}, {"prompt_tokens_min": 20, "prompt_tokens_max": 30}),
        ({"days": ["sat", "sun"]}, {"days": ["sun"], "hours": "08:00-12:00"}),
        ({"hours": "22:00-06:00"}, {"hours": "23:00-05:00", "days": ["fri"]}),
        ({"days": ["fri", "sat"], "hours": "22:00-06:00"}, {"days": ["sat"], "hours": "00:00-06:00"}),
        ({"hours": "00:00-24:00", "timezone": "Asia/Tokyo"}, {"hours": "01:00-02:00"}),
    ],
)
def test_what_is_covered_is_seen(wide: dict[str, Any], narrow: dict[str, Any]) -> None:
    """Pairs that a person would see too; the other way round they do not hold."""
    assert covers(condition(**wide), condition(**narrow)) is ("Tokyo" not in str(wide))
    assert not covers(condition(**narrow), condition(**wide)) or wide == {"models": ["*"]}


def test_several_earlier_routes_may_take_a_later_one_together() -> None:
    """One for each of its conditions; one that is left over keeps it alive."""
    earlier = [route({"teams": ["a"]}), route({"teams": ["b"]})]
    later = [{"teams": ["a"], "streamed": True}, {"teams": ["b"], "tools": True}]
    assert covering(earlier, route(*later)) == [0, 1]
    assert covering(earlier, route(*later, {"teams": ["c"]})) is None
    assert covering(earlier, route()) is None, "the last route is there for the rest"
