"""Conditions that take all of others: whatever is said to be covered is, on any exchange."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from extproc.config.route_conditions import RouteFacts, compile_condition
from extproc.config.route_covers import covering, covers
from extproc.config.routes import Route, RouteCondition

NAMES = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2, unique=True)
HOURS = st.sampled_from([None, "08:00-18:00", "09:00-12:00", "22:00-06:00", "23:00-05:00", "00:00-24:00"])
KEYS: dict[str, Any] = {
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
    "budget_exhausted": st.lists(st.sampled_from(["a", "b", "c"]), max_size=2),
}
CONDITIONS = st.fixed_dictionaries(KEYS)
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
    st.frozensets(st.sampled_from("abc")),
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
        ({}, {"streamed": True, "hours": "01:00-02:00", "timezone": "Asia/Tokyo"}),
    ],
)
def test_what_is_covered_is_seen(wide: dict[str, Any], narrow: dict[str, Any]) -> None:
    """Pairs that a person would see too; the other way round they do not hold."""
    assert covers(condition(**wide), condition(**narrow))
    assert not covers(condition(**narrow), condition(**wide)) or wide == {"models": ["*"]}


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ({"hours": "08:00-18:00", "timezone": "Asia/Tokyo"}, {"hours": "09:00-10:00"}),
        ({"hours": "08:00-18:00"}, {"hours": "08:00-18:01"}),
        ({"prompt_tokens_max": 9}, {"prompt_tokens_max": 10}),
        ({"endpoints": ["chat"]}, {}),
        ({"headers": {"x-a": ["1"]}}, {"headers": {"x-b": ["1"]}}),
        ({"models": ["a-*"]}, {"models": ["a*"]}),
    ],
)
def test_what_is_not_covered_is_not_told(wide: dict[str, Any], narrow: dict[str, Any]) -> None:
    """Windows of two time zones are not compared."""
    assert not covers(condition(**wide), condition(**narrow))


# --- several together ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wides", "narrow"),
    [
        ([{"streamed": True}, {"streamed": False}], {"tiers": ["gold"]}),
        ([{"tools": False}, {"tools": True}], {"streamed": True}),
        ([{"prompt_tokens_max": 99}, {"prompt_tokens_min": 100}], {"teams": ["a"]}),
        (
            [
                {"prompt_tokens_min": 20, "prompt_tokens_max": 40},
                {"prompt_tokens_min": 5, "prompt_tokens_max": 30},
                {"prompt_tokens_min": 41},
            ],
            {"prompt_tokens_min": 10, "streamed": True},
        ),
        ([{"teams": ["a", "x"]}, {"teams": ["b"]}], {"teams": ["a", "b"], "tags": ["t"]}),
        ([{"models": ["a-*"]}, {"models": ["b"]}], {"models": ["a-1", "a-2*", "b"]}),
        ([{"headers": {"x-a": ["1"]}}, {"headers": {"x-a": ["2"]}}], {"headers": {"x-a": ["1", "2"], "x-b": ["1"]}}),
        (
            [
                {"endpoints": ["chat", "completions", "responses"]},
                {"endpoints": ["messages", "count_tokens", "embeddings", "rerank"]},
            ],
            {"streamed": True},
        ),
        ([{"days": ["sat", "sun"]}, {"days": ["mon", "tue", "wed", "thu", "fri"]}], {"models": ["a"]}),
        (
            [{"hours": "22:00-06:00", "timezone": "Asia/Tokyo"}, {"hours": "06:00-22:00", "timezone": "Asia/Tokyo"}],
            {"hours": "01:00-02:00"},
        ),
        (
            [{"hours": "08:00-12:00"}, {"hours": "12:00-18:00", "days": ["mon"]}],
            {"days": ["mon"], "hours": "09:00-17:00"},
        ),
    ],
)
def test_conditions_add_up_over_one_key(wides: list[dict[str, Any]], narrow: dict[str, Any]) -> None:
    """Each is needed, in several routes or in one; what takes nothing of it is not named."""
    earlier = [route(one) for one in wides]
    beside = route({"tiers": ["none"]})
    numbers = list(range(len(wides)))
    assert covering(earlier, route(narrow)) == numbers
    assert covering([beside, *earlier, beside], route(narrow)) == [number + 1 for number in numbers]
    assert covering([route(*wides)], route(narrow)) == [0]
    for left_out in numbers:
        assert covering([one for number, one in enumerate(earlier) if number != left_out], route(narrow)) is None


@pytest.mark.parametrize(
    ("wides", "narrow"),
    [
        ([{"streamed": True}, {"streamed": False, "tools": True}], {"tiers": ["gold"]}),
        ([{"streamed": True, "tools": True}, {"streamed": False, "tools": False}], {"tiers": ["gold"]}),
        ([{"prompt_tokens_max": 98}, {"prompt_tokens_min": 100}], {"teams": ["a"]}),
        ([{"teams": ["a"]}, {"teams": ["b"]}], {"tags": ["t"]}),
        ([{"endpoints": ["chat"]}, {"endpoints": ["messages"]}], {"streamed": True}),
        (
            [{"hours": "22:00-06:00", "timezone": "Asia/Tokyo"}, {"hours": "06:00-22:00"}],
            {"streamed": True},
        ),
        ([{"hours": "00:00-11:59"}, {"hours": "12:00-24:00"}], {"streamed": True}),
        (
            [{"headers": {"x-a": ["1"]}}, {"headers": {"x-b": ["2"]}}],
            {"headers": {"x-a": ["1", "2"], "x-b": ["1", "2"]}},
        ),
    ],
)
def test_what_is_left_over_keeps_a_route_alive(wides: list[dict[str, Any]], narrow: dict[str, Any]) -> None:
    """Also what differs in two keys, which is not added up."""
    assert covering([route(one) for one in wides], route(narrow)) is None


def windows(*hours: str) -> list[dict[str, Any]]:
    """Each of the hours, in two time zones."""
    return [{"hours": one, "timezone": zone} for one in hours for zone in ("UTC", "Asia/Tokyo")]


PIECES: list[tuple[list[dict[str, Any]], list[dict[str, Any]]]] = [
    ([{}, {"streamed": True}], [{"streamed": value} for value in (True, False)]),
    ([{}, {"tools": False}], [{"tools": value} for value in (True, False)]),
    ([{}, {"teams": ["a", "b"]}], [{"teams": value} for value in (["a"], ["b"], ["b", "c"])]),
    ([{}, {"tiers": ["a", "b"]}], [{"tiers": value} for value in (["a"], ["b"], ["c"])]),
    ([{}, {"models": ["a*", "b"]}], [{"models": value} for value in (["a*"], ["a"], ["b"], ["ab*", "b"])]),
    ([{}, {"endpoints": ["chat", "messages"]}], [{"endpoints": value} for value in (["chat"], ["messages"])]),
    (
        [{}, {"headers": {"x-a": ["1", "2"]}}, {"headers": {"x-a": ["1", "2"], "x-b": ["1"]}}],
        [
            {"headers": value}
            for value in ({"x-a": ["1"]}, {"x-a": ["2"]}, {"x-b": ["1"]}, {"x-a": ["2"], "x-b": ["1"]})
        ],
    ),
    (
        [{}, {"prompt_tokens_max": 3}, {"prompt_tokens_min": 2}],
        [{"prompt_tokens_max": 1}, {"prompt_tokens_min": 2}, {"prompt_tokens_min": 3}, {"prompt_tokens_max": 2}],
    ),
    ([{}, *windows("08:00-18:00", "22:00-06:00")], windows("06:00-12:00", "12:00-06:00", "22:00-02:00", "01:00-06:00")),
    ([{}, {"days": ["mon", "sun"]}], [{"days": value} for value in (["mon"], ["sun", "tue"], ["sun"], ["fri"])]),
]
"""Values of a key, and others that may add up to them."""


@given(
    st.fixed_dictionaries({}, optional={"tags": NAMES, "streamed": st.booleans()}),
    st.sampled_from(PIECES).flatmap(
        lambda one: st.tuples(st.sampled_from(one[0]), st.lists(st.sampled_from(one[1]), min_size=1, max_size=6))
    ),
    st.lists(st.fixed_dictionaries({}, optional=KEYS), max_size=1),
    st.lists(FACTS, min_size=20, max_size=40),
)
def test_what_several_routes_take_matches_one_of_them(
    others: dict[str, Any],
    family: tuple[dict[str, Any], list[dict[str, Any]]],
    beside: list[dict[str, Any]],
    exchanges: list[RouteFacts],
) -> None:
    """Of those that are named: the narrow one with other values of a key, among others."""
    own, pieces = family
    narrow = {**others, **own}
    earlier = [route({**narrow, **piece}) for piece in pieces] + [route(one) for one in beside]
    numbers = covering(earlier, route(narrow))
    event("none" if numbers is None else f"{len(numbers)} routes")
    if numbers is not None:
        named = [compile_condition(earlier[number].when[0]) for number in numbers]
        other = compile_condition(condition(**narrow))
        for facts in exchanges:
            assert any(one.matches(facts) for one in named) or not other.matches(facts)


def test_several_earlier_routes_may_take_a_later_one_together() -> None:
    """One for each of its conditions; one that is left over keeps it alive."""
    earlier = [route({"teams": ["a"]}), route({"teams": ["b"]})]
    later = [{"teams": ["a"], "streamed": True}, {"teams": ["b"], "tools": True}]
    assert covering(earlier, route(*later)) == [0, 1]
    assert covering(earlier, route(*later, {"teams": ["c"]})) is None
    assert covering(earlier, route()) is None, "the last route is there for the rest"
