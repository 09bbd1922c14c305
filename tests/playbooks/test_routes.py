"""Routes through the machine: prompts, times, identity, and what is told of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.domain.record import Outcome
from extproc.exchange.events import ContinueBody, ImmediateResponse, RequestBody, RequestHeaders
from extproc.exchange.machine import Exchange
from extproc.exchange.snapshot import Snapshot
from extproc.payload.endpoints import ENDPOINTS
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
from tests.unit.payload.requests import minimal

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


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    ("headers", "status", "anthropic", "code"),
    [
        ({"x_team": "guests"}, 404, "not_found_error", "model_not_found"),
        ({"x_tier": "gold"}, 403, "permission_error", "request_not_allowed"),
    ],
    ids=["never", "not at this hour"],
)
def test_what_a_route_denies_is_refused_in_the_words_of_each_api(
    path: str, headers: dict[str, Any], status: int, anthropic: str, code: str
) -> None:
    """No server is asked, and the record has the route. Who may never use a model is not told that there is one."""
    routes = [
        {"name": "guests", "when": [{"teams": ["guests"]}], "deny": True},
        {"name": "night", "when": [{"tiers": ["gold"], "hours": "12:00-13:00"}], "deny": True},
        {"name": "default"},
    ]
    exchange = Exchange(snapshot_of(VERSION, METER, routes=routes), "exchange-1", 0, utc_s=MONDAY_NOON_UTC_S)
    exchange.step(request_headers(path, **headers), 1)
    body = json.dumps(minimal(ENDPOINTS[path].name, model="tiny")).encode()
    step = exchange.step(RequestBody(body, True), 2)
    [reply] = step.commands
    assert isinstance(reply, ImmediateResponse)
    error = json.loads(reply.body)["error"]
    in_anthropic = path.startswith("/v1/messages")
    assert reply.status == status
    assert (error["type"] if in_anthropic else error["code"]) == (anthropic if in_anthropic else code)
    assert ("tiny" in error["message"]) is False
    assert step.ended is exchange.record
    assert (exchange.record.route, exchange.record.version) == ("guests" if status == 404 else "night", None)
    assert (exchange.record.outcome, exchange.record.reason) == (Outcome.REJECTED, code)


def test_in_shadow_nothing_is_denied() -> None:
    """The route is noted, and the request goes as it came."""
    talk = asked(snapshot_of({**VERSION, "mode": "shadow"}, routes=[{"name": "closed", "deny": True}]))
    assert (talk.exchange.record.route, talk.server_json["model"]) == ("closed", "tiny")


def test_the_list_leaves_out_what_is_denied() -> None:
    """For the one team; each name by itself too."""
    routes = [
        {"name": "guests", "when": [{"teams": ["guests"], "models": ["tiny"]}], "deny": True},
        {"name": "default"},
    ]
    compiled = snapshot_of(VERSION, routes=routes)
    told = {}
    for team in ("guests", "us"):
        for path in ("/v1/models", "/v1/models/tiny"):
            headers = request_headers(path, x_team=team)
            listing = RequestHeaders({**headers.headers, ":method": "GET"}, True)
            [reply] = Conversation(compiled).hears(listing)
            assert isinstance(reply, ImmediateResponse)
            told[team, path] = (reply.status, b'"tiny"' in reply.body)
    assert told == {
        ("guests", "/v1/models"): (200, False),
        ("guests", "/v1/models/tiny"): (404, False),
        ("us", "/v1/models"): (200, True),
        ("us", "/v1/models/tiny"): (200, True),
    }


def test_a_request_without_a_model_goes_where_its_route_says() -> None:
    """vLLM allows it, and a route to a version needs no name."""
    routes = [{"name": "gold", "when": [{"tiers": ["gold"]}], "version": "tiny/v2"}, {"name": "default"}]
    compiled = snapshot_of(VERSION, routes=routes)
    body = request_body(model=None)
    assert asked(compiled, body=body, x_tier="gold").server_json["model"] == "tiny-next"
    assert asked(compiled, body=body).server_json["model"] == "tiny"
