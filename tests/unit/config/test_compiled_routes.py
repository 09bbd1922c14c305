"""Compiled routes: the first that matches, where it leads, and which names a caller may request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.compiled_routes import NO_ROUTE, CompiledRoutes, compile_routes
from extproc.config.load import parse_document
from extproc.config.models import compile_models
from extproc.config.problems import ConfigInvalid
from extproc.config.route_conditions import RouteFacts

PRICE = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}
PROMPTS = {"own.txt": "You are our own.", "other.txt": "You are another."}
ANYBODY = RouteFacts("", "chat", "unknown", "unknown", "unknown", {})


def model(*versions: str, **keys: Any) -> dict[str, Any]:
    """A model with versions of equal weight; the first has a prompt of its own."""
    made = {name: {"weight": 1, "price": PRICE} for name in versions}
    return {"versions": {**made, versions[0]: {**made[versions[0]], "prompt": {"file": "own.txt"}}}, **keys}


def routes_of(*routes: Mapping[str, Any]) -> CompiledRoutes:
    """The routes of a configuration with the models ``big`` and ``small``."""
    document = parse_document(
        json.dumps(
            {
                "models": {"big": model("v1", "v2"), "small": model("v1")},
                "filters": [{"filter": "version"}, {"filter": "prompt"}],
                "routes": routes,
            }
        ),
        "test",
    )
    return compile_routes(document, compile_models(document, PROMPTS), PROMPTS)


def led(routes: CompiledRoutes, asked: str | None, facts: RouteFacts = ANYBODY) -> dict[str, int] | None:
    """The weights of the versions to which a request is led; None: there is no such model."""
    found = routes.first(facts._replace(model=asked or "")).model_for(asked)
    return None if found is None else {version.name: version.weight for version in found.versions}


def test_without_routes_all_goes_to_the_requested_model() -> None:
    """By one route without a name, which needs no facts."""
    routes = routes_of()
    assert [route.name for route in routes.routes] == [NO_ROUTE]
    assert not routes.reads
    assert led(routes, "big") == {"big/v1": 1, "big/v2": 1}
    assert led(routes, "huge") is None


def test_the_first_route_that_matches_applies() -> None:
    """Whatever a later one says; the last one takes the rest."""
    routes = routes_of(
        {"name": "gold", "when": [{"tiers": ["gold"]}], "version": "big/v2"},
        {"name": "streams", "when": [{"streamed": True}, {"tools": True}], "model": "small"},
        {"name": "default"},
    )
    gold = ANYBODY._replace(tier="gold", streamed=True)
    assert [routes.first(facts).name for facts in (gold, gold._replace(tier="tin"), ANYBODY._replace(tools=True))] == [
        "gold",
        "streams",
        "streams",
    ]
    assert routes.first(ANYBODY).name == "default"
    assert (set(routes.reads), routes.reads_size) == ({"tiers", "streamed", "tools"}, False)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "models": st.lists(st.sampled_from(["big", "alias", "al*", "b*", "*"]), max_size=2),
                "tiers": st.lists(st.sampled_from(["gold", "tin"]), max_size=1),
                "streamed": st.none() | st.booleans(),
            }
        ),
        max_size=5,
    ),
    st.sampled_from(["big", "small", "alias", "alias-2", "", "other"]),
    st.sampled_from(["gold", "tin", "unknown"]),
    st.booleans(),
)
def test_the_index_by_model_takes_the_route_that_the_list_would(
    conditions: list[dict[str, Any]], asked: str, tier: str, streamed: bool
) -> None:
    """Routes are sorted by model when they are compiled; the order that was written decides all the same."""
    try:
        routes = routes_of(
            *({"name": f"r{number}", "when": [one], "model": "big"} for number, one in enumerate(conditions)),
            {"name": "default"},
        )
    except ConfigInvalid:  # a condition without keys, or one that an earlier one takes
        return
    facts = ANYBODY._replace(model=asked, tier=tier, streamed=streamed)
    expected = next(
        route for route in routes.routes if not route.conditions or any(one.matches(facts) for one in route.conditions)
    )
    assert routes.first(facts) is expected


def test_a_route_leads_to_a_model_a_version_or_a_set() -> None:
    """Or to the requested model."""
    routes = routes_of(
        {"name": "all", "when": [{"models": ["m"]}], "model": "big"},
        {"name": "one", "when": [{"models": ["o"]}], "version": "big/v2"},
        {
            "name": "set",
            "when": [{"models": ["s"]}],
            "split": [{"version": "big/v2", "weight": 5}, {"version": "small/v1", "weight": 95}],
        },
        {"name": "default"},
    )
    assert [led(routes, asked) for asked in ("m", "o", "s", "small", "x")] == [
        {"big/v1": 1, "big/v2": 1},
        {"big/v2": 1},
        {"big/v2": 5, "small/v1": 95},
        {"small/v1": 1},
        None,
    ]
    versions = routes.routes[2].model_for("s")
    assert versions is not None
    assert set(versions.by_name) == {"big/v2", "small/v1", "v2", "v1"}, "a pin names one of them"


def test_a_prompt_of_a_route_makes_another_revision() -> None:
    """It is in force with the others; what the route did not change is as it was."""
    routes = routes_of(
        {"name": "short", "when": [{"tags": ["short"]}], "prompt": {"file": "other.txt", "position": "replace"}},
        {"name": "own", "when": [{"tags": ["own"]}], "model": "big", "prompt": {"file": "own.txt"}},
        {"name": "default"},
    )
    by_route = [
        {version.name: version for one in route.models.values() for version in one.versions} for route in routes.routes
    ]
    short, own, default = by_route
    assert {version.facts.prompt for version in short.values()} == {"other.txt"}
    assert all(short[name].facts.fingerprint != default[name].facts.fingerprint for name in default)
    assert own["big/v1"].facts == default["big/v1"].facts, "the same prompt is the same revision"
    assert own["big/v2"].facts.fingerprint != default["big/v2"].facts.fingerprint
    assert len(list(routes.versions)) == 3 + 3 + 1, "each revision once"


# --- which names a caller may request ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("team", "headers", "names"),
    [
        ("search", {}, ["generation", "big", "small"]),
        ("support", {}, ["assist", "big", "small"]),
        ("unknown", {"x-beta": "on"}, ["next", "big", "small"]),
        ("unknown", {}, ["big", "small"]),
    ],
)
def test_a_caller_is_told_its_own_names(team: str, headers: dict[str, str], names: list[str]) -> None:
    """Those of another team are as if they did not exist; hours and sizes leave a name in the list."""
    routes = routes_of(
        {
            "name": "night",
            "when": [{"teams": ["search"], "models": ["generation"], "hours": "20:00-06:00"}],
            "model": "small",
        },
        {"name": "day", "when": [{"teams": ["search"], "models": ["generation"]}], "model": "big"},
        {"name": "assist", "when": [{"teams": ["support"], "models": ["assist", "assist-*"]}], "version": "big/v2"},
        {"name": "next", "when": [{"headers": {"x-beta": ["on"]}, "models": ["next"]}], "version": "big/v2"},
        {"name": "default"},
    )
    assert routes.names_for(ANYBODY._replace(team=team, headers=headers)) == names


def test_a_name_that_an_earlier_route_sends_nowhere_is_not_told() -> None:
    """A pattern without a target takes all its names, also those that a later route would know."""
    routes = routes_of(
        {"name": "own", "when": [{"models": ["big*"]}]},
        {"name": "alias", "when": [{"models": ["big-next", "tiny"]}], "model": "small"},
        {"name": "rest", "model": "small"},
    )
    assert led(routes, "big-next") is None
    assert routes.names_for(ANYBODY) == ["big", "tiny", "small"]


@pytest.mark.parametrize(
    ("denied", "names"),
    [
        ({"when": [{"models": ["small"], "teams": ["unknown"]}]}, ["big", "next"]),
        ({"when": [{"models": ["small", "next"], "teams": ["other"]}]}, ["big", "small", "next"]),
        ({"when": [{"models": ["small"], "streamed": True}]}, ["big", "small", "next"]),
        ({"when": [{"teams": ["unknown"]}]}, []),
    ],
)
def test_a_name_that_is_denied_to_a_caller_is_not_told(denied: dict[str, Any], names: list[str]) -> None:
    """Unless the rest of a request decides; the name of a route that denies is none that may be requested."""
    routes = routes_of(
        {"name": "closed", "deny": True, **denied},
        {"name": "own", "when": [{"models": ["big", "small"]}]},
        {"name": "alias", "when": [{"models": ["next"]}], "model": "big"},
        {"name": "default", "deny": True},
    )
    assert routes.names_for(ANYBODY) == names
    assert [name for name in ("big", "small", "next", "nobody") if led(routes, name) is not None] == names
    assert led(routes, None) is None


NAMES = ["big", "small", "alias", "gen-1", "other"]


def a_route(targets: dict[str, Any], *patterns: str) -> st.SearchStrategy[dict[str, Any]]:
    """A route with one condition, for some of these names."""
    condition = st.fixed_dictionaries(
        {"models": st.lists(st.sampled_from(patterns), min_size=1, max_size=2, unique=True)},
        optional={"teams": st.sampled_from([["us"], ["them"]]), "streamed": st.booleans()},
    )
    return condition.map(lambda one: {"when": [one], **targets})


ROUTES = st.lists(
    a_route({"deny": True}, "big", "small", "*")
    | a_route({"model": "small"}, "big", "alias", "gen-*")
    | a_route({}, "big", "small", "b*"),
    min_size=1,
    max_size=5,
)


@given(ROUTES, st.booleans())
def test_what_is_answered_or_listed_may_be_requested(routes: list[dict[str, Any]], denied: bool) -> None:
    """Nobody gets an answer for a name, or finds it in the list, that could not be requested."""
    try:
        compiled = routes_of(
            *({**one, "name": f"r{number}"} for number, one in enumerate(routes)), {"name": "default", "deny": denied}
        )
    except ConfigInvalid:  # a route that earlier ones take
        return
    for team in ("us", "them", "unknown"):
        caller = ANYBODY._replace(team=team)
        listed = compiled.names_for(caller)
        for name in NAMES:
            answered = [
                led(compiled, name, caller._replace(streamed=streamed)) is not None for streamed in (True, False)
            ]
            assert compiled.may_request(name, caller) or not any(answered)
            assert compiled.may_request(name, caller) or name not in listed


def test_where_all_names_are_taken_the_model_behind_them_is_told() -> None:
    """Nobody can list every name."""
    assert routes_of({"name": "all", "split": [{"version": "big/v1", "weight": 1}]}).names_for(ANYBODY) == ["big"]
