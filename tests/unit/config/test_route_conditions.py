"""Conditions of routes: each key alone, and windows of time in their zones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from extproc.config.route_conditions import DAYS, RouteFacts, TimeMissing, compile_condition, in_window, zone_of
from extproc.config.routes import RouteCondition

FACTS = RouteFacts(
    "llama-70b", "chat", "search", "gold", "rag", {"x-beta": "on"}, 5_000, True, False, 0.0, frozenset({"daily"})
)


def matches(facts: RouteFacts = FACTS, **keys: Any) -> bool:
    """Whether a condition with these keys matches."""
    return compile_condition(RouteCondition.model_validate_json(json.dumps(keys))).matches(facts)


def at(moment: str) -> RouteFacts:
    """The facts at a time."""
    return FACTS._replace(utc_s=datetime.fromisoformat(moment).timestamp())


@pytest.mark.parametrize(
    ("fitting", "other"),
    [
        ({"models": ["llama-70b"]}, {"models": ["llama"]}),
        ({"models": ["gpt-4", "llama-*"]}, {"models": ["gpt-*"]}),
        ({"models": ["*"]}, {"models": ["llama-70b-next"]}),
        ({"endpoints": ["chat", "messages"]}, {"endpoints": ["messages"]}),
        ({"teams": ["search"]}, {"teams": ["support"]}),
        ({"tiers": ["gold"]}, {"tiers": ["silver"]}),
        ({"tags": ["rag"]}, {"tags": ["code"]}),
        ({"headers": {"x-beta": ["off", "on"]}}, {"headers": {"x-beta": ["off"]}}),
        ({"headers": {"x-beta": ["on"]}}, {"headers": {"x-beta": ["on"], "x-other": ["on"]}}),
        ({"prompt_tokens_min": 5_000}, {"prompt_tokens_min": 5_001}),
        ({"prompt_tokens_max": 5_000}, {"prompt_tokens_max": 4_999}),
        ({"streamed": True}, {"streamed": False}),
        ({"tools": False}, {"tools": True}),
        ({"days": ["thu"]}, {"days": ["fri"]}),
        ({"budget_exhausted": ["monthly", "daily"]}, {"budget_exhausted": ["monthly"]}),
        ({"hours": "00:00-00:01"}, {"hours": "00:01-24:00"}),
        ({"teams": ["search"], "streamed": True}, {"teams": ["search"], "streamed": False}),
    ],
    ids=lambda keys: json.dumps(keys),
)
def test_every_key_that_is_set_must_match(fitting: dict[str, Any], other: dict[str, Any]) -> None:
    """Each key alone, with a value that fits and one that does not."""
    assert matches(**fitting)
    assert not matches(**other)


def test_a_request_without_a_model_is_none_of_the_named_ones() -> None:
    """Only a lone ``*`` stands for all requests."""
    facts = FACTS._replace(model="")
    assert matches(facts, models=["*"])
    assert not matches(facts, models=["llama-*"])


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-27T21:59:00+01:00", False),  # a Friday
        ("2026-11-27T22:00:00+01:00", True),
        ("2026-11-28T05:59:00+01:00", True),  # belongs to Friday
        ("2026-11-28T06:00:00+01:00", False),
        ("2026-11-28T23:00:00+01:00", False),  # Saturday's own night
        ("2026-11-27T02:00:00+01:00", False),  # Thursday's night
    ],
)
def test_a_window_past_midnight_belongs_to_the_day_on_which_it_begins(moment: str, inside: bool) -> None:
    """So ``fri`` and ``22:00-06:00`` end on Saturday morning."""
    assert matches(at(moment), days=["fri"], hours="22:00-06:00", timezone="Europe/Zurich") is inside


@pytest.mark.parametrize(("moment", "inside"), [("2026-07-01T06:30:00Z", True), ("2026-12-01T06:30:00Z", False)])
def test_hours_are_local_in_summer_and_winter(moment: str, inside: bool) -> None:
    """08:00 in Zurich is 06:00 UTC in summer, and 07:00 in winter."""
    assert matches(at(moment), hours="08:00-18:00", timezone="Europe/Zurich") is inside


def test_utc_needs_no_time_zone_data() -> None:
    """A small image may have none."""
    assert zone_of("UTC") is UTC


def test_without_a_time_there_is_no_answer() -> None:
    """Rather than a wrong one."""
    with pytest.raises(TimeMissing):
        matches(FACTS._replace(utc_s=None), hours="08:00-18:00")
    assert not matches(FACTS._replace(utc_s=None), hours="08:00-18:00", teams=["support"]), "it is not needed"


def test_what_a_check_looked_at_is_told_without_the_values_of_clients() -> None:
    """A header may hold anything; identity is the operator's."""
    condition = compile_condition(
        RouteCondition.model_validate_json(
            '{"models":["*"],"teams":["a"],"tiers":["b"],"tags":["c"],"endpoints":["chat"],"headers":{"x-beta":["on"],'
            '"x-key":["k"]},"prompt_tokens_min":1,"prompt_tokens_max":2,"streamed":true,"tools":true,"days":["mon"]}'
        )
    )
    facts = FACTS._replace(headers={"x-beta": "s3cret"})
    assert [check.got(facts) for check in condition.checks] == [
        "model `llama-70b`",
        "team `search`",
        "tier `gold`",
        "use case `rag`",
        "chat",
        "streamed",
        "no tools",
        "another `x-beta`",
        "no `x-key`",
        "about 5000 prompt tokens",
        "about 5000 prompt tokens",
        "thu 00:00 UTC",
    ]


def test_a_whole_week_is_in_a_window_of_all_days() -> None:
    """And each minute is in exactly one of two windows that meet."""
    every = frozenset(range(len(DAYS)))
    for weekday in every:
        for minute in range(0, 1_440, 7):
            assert in_window(every, 0, 1_440, weekday, minute)
            assert in_window(every, 480, 1_080, weekday, minute) is not in_window(every, 1_080, 480, weekday, minute)
