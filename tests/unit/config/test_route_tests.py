"""Tests of routes: what agrees passes without a word, and every fact of a request counts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.config.load import load
from extproc.config.problems import ConfigInvalid

PRICE = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}


def told(request: dict[str, Any], expect: dict[str, Any], **keys: Any) -> list[str]:
    """What is wrong with one test, without the path of its key."""
    models = {
        "big": {
            "versions": {
                "v1": {"weight": 1, "price": PRICE, "prompt": {"file": "big.txt"}},
                "v2": {"weight": 1, "price": PRICE},
                "old": {"weight": 0, "price": PRICE},
            },
            "pin_header": "x-pin",
            "pin_teams": ["testers"],
        }
    }
    routes = [
        {"name": "guests", "when": [{"models": ["big"], "teams": ["guests"]}], "deny": True},
        {"name": "gold", "when": [{"tiers": ["gold"]}], "version": "big/v2"},
        {"name": "long", "when": [{"prompt_tokens_min": 100, "endpoints": ["messages"]}], "model": "big"},
        {
            "name": "work",
            "when": [{"hours": "08:00-18:00", "timezone": "Europe/Zurich", "tags": ["batch"]}],
            "split": [{"version": "big/v1", "weight": 1}, {"version": "big/old", "weight": 0}],
            "prompt": {"file": "batch.txt"},
        },
        {"name": "closed", "when": [{"tools": True}], "deny": True},
        {"name": "many", "when": [{"models": ["gen-*"]}], "model": "big"},
        {"name": "default"},
    ]
    document = {
        "models": models,
        "filters": [{"filter": "version"}, {"filter": "prompt"}, {"filter": "meter"}],
        "routes": routes,
        "route_tests": [{"name": "test", "request": request, "expect": expect}],
        **keys,
    }
    try:
        load(json.dumps(document), "test")
    except ConfigInvalid as invalid:
        return [f"{problem.found}, expected {problem.expected}" for problem in invalid.problems]
    return []


@pytest.mark.parametrize(
    ("request_facts", "expect"),
    [
        ({"model": "big"}, {"route": "default", "versions": ["big/v1", "big/v2"]}),
        ({}, {"route": "default", "versions": ["big/v1", "big/v2", "big/old"]}),
        ({"model": "tiny"}, {"route": "default", "code": "model_not_found"}),
        ({"tier": "gold", "model": "any"}, {"route": "gold", "version": "big/v2", "prompt": "none", "code": "none"}),
        ({"endpoint": "messages", "prompt_tokens": 100}, {"route": "long"}),
        ({"tag": "batch", "at": "2026-07-01T06:30:00Z"}, {"route": "work", "version": "big/v1", "prompt": "batch.txt"}),
        ({"tag": "batch", "at": "2026-12-01T06:30:00Z"}, {"route": "default"}),
        ({"model": "big", "team": "testers", "headers": {"x-pin": "old"}}, {"version": "big/old"}),
        ({"model": "big", "team": "others", "headers": {"x-pin": "old"}}, {"versions": ["big/v1", "big/v2"]}),
        ({"model": "big", "team": "testers", "headers": {"x-pin": "no"}}, {"code": "version_not_found"}),
        ({"tier": "gold", "team": "testers", "headers": {"x-pin": "big/v2"}}, {"version": "big/v2"}),
        ({"tier": "gold", "team": "testers", "headers": {"x-pin": "v1"}}, {"code": "version_not_found"}),
        ({"model": "big", "team": "guests"}, {"route": "guests", "deny": True, "code": "model_not_found"}),
        ({"model": "big", "tools": True}, {"route": "closed", "deny": True, "code": "request_not_allowed"}),
        ({"tools": True}, {"deny": True, "code": "request_not_allowed"}),
        ({"model": "gen-7", "tools": True}, {"deny": True, "code": "request_not_allowed"}),
        ({"model": "nobody", "tools": True}, {"deny": True, "code": "request_not_allowed"}),
        ({"model": "nobody"}, {"deny": False, "code": "model_not_found"}),
        ({"model": "big"}, {"deny": False}),
    ],
    ids=lambda value: json.dumps(value),
)
def test_what_agrees_is_silent(request_facts: dict[str, Any], expect: dict[str, Any]) -> None:
    """Routes, versions, prompts and errors."""
    assert told(request_facts, expect) == []


@pytest.mark.parametrize(
    ("request_facts", "expect", "wrong"),
    [
        ({"model": "big"}, {"version": "big/v1"}, "got `big/v1`, `big/v2`, expected `big/v1`"),
        ({"model": "big"}, {"versions": ["big/v1"]}, "got `big/v1`, `big/v2`, expected one of `big/v1`"),
        ({"model": "big"}, {"prompt": "big.txt"}, "got `big.txt`, `none`, expected `big.txt`"),
        ({"model": "no"}, {"versions": ["big/v1"]}, "got no version (model_not_found), expected one of `big/v1`"),
        ({"tier": "gold"}, {"code": "model_not_found"}, "got `none`, expected `model_not_found`"),
        ({"model": "big"}, {"deny": True}, "got not denied, expected denied"),
        ({"tools": True}, {"deny": False}, "got denied, expected not denied"),
        ({"tools": True}, {"version": "big/v1"}, "got no version (request_not_allowed), expected `big/v1`"),
    ],
)
def test_what_differs_is_told(request_facts: dict[str, Any], expect: dict[str, Any], wrong: str) -> None:
    """What was expected, and what came."""
    assert told(request_facts, expect) == [wrong]


def test_a_team_that_is_not_known_counts_as_other() -> None:
    """As for a request."""
    identity = {"tiers": ["silver", "gold"]}
    assert told({"tier": "platinum"}, {"route": "default"}, identity=identity) == []
