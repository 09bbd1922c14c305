"""Routes through the machine: prompts, times, identity, and what is told of them."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.exchange.events import ContinueBody, ImmediateResponse
from extproc.exchange.machine import Exchange
from extproc.exchange.snapshot import Snapshot
from tests.playbooks.driver import (
    METER,
    PROMPT,
    VERSION,
    Conversation,
    asked,
    chat_answer,
    chunks,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
)

LEAK: dict[str, Any] = {"guard": "prompt_leak", "action": "mask", "words_min": 4}
OWN_PROMPT = "You are the second version."
MONDAY_NOON_UTC_S = 1_796_040_000.0  # 2026-11-30 12:00


def prompted(*parts: dict[str, Any]) -> Snapshot:
    """A route with a prompt for one use case, and the rest without."""
    routes = [
        {"name": "second", "when": [{"tags": ["short"]}], "model": "tiny", "prompt": {"file": "v2.txt"}},
        {"name": "default"},
    ]
    return snapshot_of(VERSION, *parts, PROMPT, METER, routes=routes)


def metadata(talk: Conversation) -> dict[str, Any]:
    """What Envoy's access log gets with the request."""
    found = [one.metadata for step in talk.steps for one in step.commands if isinstance(one, ContinueBody)]
    return dict(found[0] or {})


def test_the_prompt_of_a_route_is_inserted_in_place_of_the_versions() -> None:
    """It is another revision, which metadata and record have; the version's own stays what it was."""
    compiled = prompted()
    short, default = asked(compiled, x_use_case="short"), asked(compiled)
    assert short.server_json["messages"][0]["role"] == "system"
    assert [message["role"] for message in default.server_json["messages"]] == ["user"]
    first, other = metadata(short), metadata(default)
    assert (first["route"], first["tag"], other["route"], other["tag"]) == ("second", "short", "default", "unknown")
    assert (first["version"], other["version"]) == ("v1", "v1")
    assert first["fingerprint"] != other["fingerprint"]
    assert first["fingerprint"] in [version.facts.fingerprint for version in compiled.versions.values()]


def test_the_version_that_envoy_reports_keeps_the_revision_of_its_route() -> None:
    """The same version has answered, so it was this prompt; another one has none of the route's."""
    for served, is_route in (("tiny/v1", True), ("tiny/v2", False)):
        talk = asked(prompted(), x_use_case="short")
        chosen = talk.exchange.record.version
        talk.hears(response_headers(x_llm_served_version=served))
        found = talk.exchange.record.version
        assert (found is chosen) is is_route


def test_the_prompt_of_a_route_is_no_answer() -> None:
    """The guard for leaks knows it like a version's."""
    talk = asked(prompted(LEAK), x_use_case="short")
    prompt = talk.server_json["messages"][0]["content"]
    talk.hears(response_headers())
    talk.hears_all(chunks(chat_answer(f"I was told: {prompt}")))
    assert prompt not in talk.client.decode()
    assert "<PROMPT>" in talk.client.decode()


@pytest.mark.parametrize(("utc_s", "route"), [(MONDAY_NOON_UTC_S, "work"), (MONDAY_NOON_UTC_S + 12 * 3_600, "default")])
def test_the_time_at_which_an_exchange_begins_decides(utc_s: float, route: str) -> None:
    """Whoever drives the machine gives it."""
    routes = [{"name": "work", "when": [{"days": ["mon"], "hours": "13:00-18:00", "timezone": "Europe/Zurich"}]}]
    compiled = snapshot_of(VERSION, routes=[*routes, {"name": "default"}])
    exchange = Exchange(compiled, "exchange-1", 0, utc_s=utc_s)
    exchange.step(request_headers(), 1)
    exchange.step(request_body(), 2)
    assert exchange.record.route == route


@pytest.mark.parametrize(
    ("headers", "tier", "tag"),
    [
        ({}, "unknown", "unknown"),
        ({"x_tier": "gold", "x_use_case": "rag"}, "gold", "rag"),
        ({"x_tier": "lead", "x_use_case": "anything"}, "other", "anything"),
        ({"x_tier": "", "x_use_case": "x" * 300}, "unknown", "x" * 100),
    ],
)
def test_tier_and_use_case_are_bounded_like_the_team(headers: dict[str, Any], tier: str, tag: str) -> None:
    """Known ones if they are listed, and so many characters."""
    talk = asked(snapshot_of(VERSION, identity={"tiers": ["gold"]}), **headers)
    record = talk.exchange.record
    assert (record.tier, record.tag, record.route) == (tier, tag, "")
    assert "route" not in metadata(talk), "there are no routes"


def test_in_shadow_the_route_is_only_noted() -> None:
    """What would happen is in the log and in metrics; the request goes as it came."""
    routes = [{"name": "all", "version": "tiny/v2"}]
    talk = asked(snapshot_of({**VERSION, "mode": "shadow"}, routes=routes))
    record = talk.exchange.record
    assert record.version is not None
    assert (record.route, record.version.version) == ("all", "v2")
    assert talk.server_json["model"] == "tiny"


def test_an_unknown_name_is_told_only_the_names_of_its_caller() -> None:
    """Another team's alias is neither near nor listed."""
    routes = [
        {"name": "search", "when": [{"teams": ["search"], "models": ["tiny-search"]}], "model": "tiny"},
        {"name": "default"},
    ]
    told = {}
    for team in ("search", "support"):
        talk = Conversation(snapshot_of(VERSION, routes=routes))
        talk.hears(request_headers(x_team=team))
        [reply] = talk.hears(request_body(model="tiny-searcher"))
        assert isinstance(reply, ImmediateResponse)
        told[team] = reply.body.decode()
    assert "Did you mean tiny-search?" in told["search"]
    assert "tiny-search" not in told["support"].replace("tiny-searcher", "")
    assert "Models: tiny." in told["support"]


def test_a_request_without_a_model_goes_where_its_route_says() -> None:
    """vLLM allows it, and a route to a version needs no name."""
    routes = [{"name": "gold", "when": [{"tiers": ["gold"]}], "version": "tiny/v2"}, {"name": "default"}]
    compiled = snapshot_of(VERSION, routes=routes)
    body = request_body(model=None)
    assert asked(compiled, body=body, x_tier="gold").server_json["model"] == "tiny-next"
    assert asked(compiled, body=body).server_json["model"] == "tiny"
