"""Who asks, through the machine: settled once, and the same for whoever reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.identity import CallerIdentity, user_hash
from extproc.domain.record import ExchangeRecord, Outcome
from extproc.exchange.egress import EgressExchange
from extproc.exchange.events import Command, ContinueBody, ContinueHeaders, ImmediateResponse, RequestBody, StreamClosed
from extproc.exchange.machine import Exchange
from extproc.exchange.snapshot import Snapshot
from tests.playbooks.callers import (
    API_KEY,
    ATLAS,
    CERTIFICATE,
    CLAIMS,
    HOP,
    HOPS,
    JWT,
    LISTENER,
    NOW_S,
    SEARCH,
    STRANGER,
    TOKEN,
    USER_KEY,
    failed,
    signature,
    verified,
)
from tests.playbooks.driver import METER, PII_BLOCK, PROMPT, VERSION, request_body, request_headers, snapshot_of

USERS = {"user_hash_key_file": "users.key"}
ALL_SOURCES = {"sources": [API_KEY, JWT, CERTIFICATE, HOP], "trusted_hops": HOPS, **USERS}
CLAIM_HEADERS = ("x-team", "x-project", "x-budget-code", "x-tier")


def of(*sources: dict[str, Any], **identity: Any) -> Snapshot:
    """A configuration with these sources."""
    return snapshot_of(VERSION, PROMPT, METER, identity={"sources": list(sources), **identity})


class Asked:
    """A request with some headers, as far as it gets."""

    def __init__(
        self,
        snapshot: Snapshot,
        found: dict[str, Any] | None = None,
        hop: str = "",
        body: RequestBody | None = None,
        egressed: frozenset[str] = frozenset(),
        path: str = "/v1/chat/completions",
        method: str = "POST",
        **headers: Any,
    ) -> None:
        exchange = Exchange(snapshot, "e-1", 0, utc_s=NOW_S, hop=hop, egressed=egressed)
        event = request_headers(path, method, end=method == "GET", **headers)
        event.verified = found
        self.commands: list[Command] = list(exchange.step(event, 1).commands)
        if exchange.awaits_request:
            self.commands += exchange.step(body or request_body(), 2).commands
        self.record: ExchangeRecord = exchange.record
        exchange.step(StreamClosed(), 3)

    @property
    def who(self) -> tuple[str, str, str, str]:
        """The team and what else is billed."""
        return self.record.team, self.record.project, self.record.budget_code, self.record.tier

    @property
    def reply(self) -> ImmediateResponse:
        """The refusal."""
        (reply,) = self.commands
        assert isinstance(reply, ImmediateResponse)
        return reply

    @property
    def forwarded(self) -> ContinueHeaders:
        """How the headers go on."""
        first = self.commands[0]
        assert isinstance(first, ContinueHeaders), first
        return first

    @property
    def refused_for(self) -> tuple[str, str, int]:
        """Which source refused, why, and with which status."""
        assert self.record.outcome in (Outcome.REJECTED, Outcome.FAILED)
        return self.record.identity_source, self.record.identity_refused, self.reply.status


# --- sources -------------------------------------------------------------------------------------------------------


def test_each_source_settles_who_asks() -> None:
    """The record has who, by which source, and which key; a user as a hash."""
    snapshot = snapshot_of(VERSION, identity=ALL_SOURCES)
    ann = user_hash("ann@example.org", USER_KEY)
    by_key = Asked(snapshot, authorization=f"Bearer {ATLAS}")
    assert by_key.who == ("atlas", "maps", "b-7", "gold")
    assert (by_key.record.key_id, by_key.record.identity_source) == ("atlas-1", "api_key")
    by_token = Asked(snapshot, verified(CLAIMS, 1))
    assert by_token.who == ("search", "index", "unknown", "unknown")
    assert (by_token.record.user, by_token.record.identity_source) == (ann, "jwt")
    by_name = Asked(snapshot, x_forwarded_client_cert="Hash=1;URI=spiffe://example/ns/search/sa/x")
    assert (by_name.record.team, by_name.record.identity_source) == ("search", "client_certificate")
    by_listener = Asked(snapshot, hop=LISTENER, x_team="atlas", x_tier="gold", x_user="ann@example.org")
    assert by_listener.who == ("atlas", "unknown", "unknown", "gold")
    assert (by_listener.record.user, by_listener.record.identity_source) == (ann, "trusted_hop")
    said = {":method": "POST", ":path": "/v1/chat/completions", "x-team": "atlas", "x-project": "maps"}
    by_signature = Asked(snapshot, x_team="atlas", x_project="maps", x_identity_signature=signature(said))
    assert (by_signature.who, by_signature.record.identity_source) == (
        ("atlas", "maps", "unknown", "unknown"),
        "trusted_hop",
    )


def test_the_first_source_with_a_credential_decides() -> None:
    """A wrong one is refused, and the next source is not asked."""
    forwarded = "URI=spiffe://example/ns/search/sa/x"
    key_first, certificate_first = of(API_KEY, CERTIFICATE), of(CERTIFICATE, API_KEY)
    headers: dict[str, Any] = {"authorization": f"Bearer {ATLAS}", "x_forwarded_client_cert": forwarded}
    assert Asked(key_first, **headers).record.team == "atlas"
    assert Asked(certificate_first, **headers).record.team == "search"
    wrong = {**headers, "authorization": f"Bearer {STRANGER}"}
    assert Asked(key_first, **wrong).refused_for == ("api_key", "unknown", 401)
    assert Asked(certificate_first, **wrong).record.team == "search"


def test_a_token_and_a_key_have_one_header() -> None:
    """What has the form of a token is one where tokens are known, in either order."""
    for snapshot in (of(API_KEY, JWT, **USERS), of(JWT, API_KEY, **USERS)):
        assert Asked(snapshot, authorization=f"Bearer {ATLAS}").record.team == "atlas"
        refused = Asked(snapshot, failed("Jwt is expired", 1), authorization=f"Bearer {TOKEN}")
        assert refused.record.identity_source == "jwt"
    assert Asked(of(API_KEY), authorization=f"Bearer {TOKEN}").refused_for == ("api_key", "unknown", 401)
    assert Asked(of(JWT, **USERS), authorization=f"Bearer {ATLAS}").refused_for == ("jwt", "unverified", 401)


def test_no_credential_is_refused_or_nobody() -> None:
    """As ``required`` says; who is nobody has no team, whatever a header says."""
    refused = Asked(of(API_KEY), x_team="search")
    assert refused.refused_for == ("none", "missing", 401)
    assert json.loads(refused.reply.body)["error"]["code"] == "missing_credentials"
    optional = of(API_KEY, required=False)
    assert (Asked(optional).record.team, Asked(optional).record.identity_source) == ("unknown", "anonymous")
    assert Asked(optional, x_team="search").reply.status == 403
    assert Asked(optional, authorization="Bearer none").refused_for == ("api_key", "unknown", 401)
    replaced = Asked(of(API_KEY, required=False, claims="replace"), x_team="search")
    assert replaced.record.team == "unknown"
    assert "x-team" in replaced.forwarded.changes.remove


def test_an_open_path_needs_no_credential() -> None:
    """And no other path is open: not the list of models, and none that is forwarded unread."""
    snapshot = of(API_KEY)
    assert Asked(snapshot, path="/health", method="GET").record.outcome is Outcome.PASSED
    assert Asked(snapshot, path="/health?x=1", method="GET", x_team="a").record.team == "unknown"
    for path, method in (("/v1/models", "GET"), ("/health", "POST"), ("/health/", "GET")):
        assert Asked(snapshot, path=path, method=method).reply.status == 401


def test_refusals_have_the_shape_of_the_api() -> None:
    """OpenAI's code, Anthropic's type."""
    chat = Asked(of(API_KEY), authorization="Bearer x")
    assert json.loads(chat.reply.body)["error"] | {"message": ""} == {
        "message": "",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_api_key",
    }
    claude = Asked(of(API_KEY), path="/v1/messages", x_api_key="x", anthropic_version="2023-06-01")
    assert json.loads(claude.reply.body)["error"]["type"] == "authentication_error"
    assert (claude.reply.status, chat.record.team) == (401, "unknown")


# --- claims --------------------------------------------------------------------------------------------------------


def test_a_claim_within_the_identity_is_taken() -> None:
    """Its own values, and those that it may choose."""
    snapshot = of(API_KEY)
    chosen = Asked(snapshot, authorization=f"Bearer {SEARCH}", x_team="search", x_project="index", x_budget_code="b-9")
    assert chosen.who == ("search", "index", "b-9", "unknown")
    assert chosen.record.exceeded_claims == ()


@pytest.mark.parametrize(
    ("header", "value", "claim"),
    [
        ("x_team", "atlas", "team"),
        ("x_team", "search,atlas", "team"),
        ("x_team", "x" * 10_000, "team"),
        ("x_team", "=cmd()", "team"),
        ("x_project", "maps", "project"),
        ("x_budget_code", "=1+1", "budget_code"),
        ("x_budget_code", "a\x7f", "budget_code"),
        ("x_budget_code", "b-1,b-2", "budget_code"),
        ("x_tier", "gold", "tier"),
    ],
)
def test_a_claim_beyond_it_is_refused_or_replaced(header: str, value: str, claim: str) -> None:
    """And counted, by what it claims."""
    headers: dict[str, Any] = {"authorization": f"Bearer {SEARCH}", header: value}
    refused = Asked(of(API_KEY), **headers)
    assert (refused.reply.status, refused.record.exceeded_claims, refused.record.claim_effect) == (
        403,
        (claim,),
        "refused",
    )
    assert json.loads(refused.reply.body)["error"]["code"] == "identity_not_allowed"
    assert value not in refused.reply.body.decode()
    replaced = Asked(of(API_KEY, claims="replace"), **headers)
    assert replaced.who == ("search", "unknown", "unknown", "unknown")
    assert (replaced.record.exceeded_claims, replaced.record.claim_effect) == ((claim,), "replaced")
    name = header.replace("_", "-")
    if claim == "team":
        assert (name, "search") in replaced.forwarded.changes.set
    else:
        assert name in replaced.forwarded.changes.remove


HEADER_VALUES = st.sampled_from(
    [
        "",
        "search",
        "atlas",
        "maps",
        "index",
        "gold",
        "search,atlas",
        ATLAS,
        f"Bearer {ATLAS}",
        "Bearer",
        TOKEN,
        "t=1,v1=",
    ]
) | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *CLAIM_HEADERS,
            "x-api-key",
            "x-forwarded-client-cert",
            "x-identity-signature",
            "x-user",
            "x-use-case",
            "x-llm-identity",
            "x-llm-hop",
            "x-llm-egress",
        ]
    ),
    HEADER_VALUES,
    max_size=8,
)


@given(HEADERS, st.sampled_from(["refuse", "replace"]))
def test_no_header_leads_to_another_team(headers: dict[str, str], claims: str) -> None:
    """With one's own key in place, whatever else is sent."""
    snapshot = snapshot_of(VERSION, identity={**ALL_SOURCES, "claims": claims})
    exchange = Exchange(snapshot, "e-1", 0, utc_s=NOW_S)
    event = request_headers(authorization=f"Bearer {SEARCH}")
    event.headers = {**event.headers, **headers}
    (command,) = exchange.step(event, 1).commands
    if isinstance(command, ImmediateResponse):
        assert command.status in (401, 403)
    else:
        assert exchange.record.team == "search"
        assert exchange.record.tier == "unknown"
        assert exchange.record.project in ("unknown", "index")


@given(HEADERS)
def test_without_a_credential_there_is_no_team(headers: dict[str, str]) -> None:
    """However many headers claim one."""
    snapshot = snapshot_of(VERSION, identity={**ALL_SOURCES, "required": False, "claims": "replace"})
    exchange = Exchange(snapshot, "e-1", 0, utc_s=NOW_S)
    event = request_headers()
    event.headers = {**event.headers, **headers}
    exchange.step(event, 1)
    known = {"atlas"} if ATLAS in headers.get("x-api-key", "") else set()
    assert exchange.record.team in {"unknown", *known}


# --- who reads it --------------------------------------------------------------------------------------------------


def test_the_credential_is_taken_off() -> None:
    """In every role, on every path, whichever of them came."""
    asked = Asked(of(API_KEY, CERTIFICATE), authorization=f"Bearer {SEARCH}")
    assert {"authorization", "x-api-key", "x-forwarded-client-cert"} <= set(asked.forwarded.changes.remove)
    passed = Asked(of(API_KEY), path="/health", method="GET", authorization=f"Bearer {SEARCH}")
    assert "authorization" in passed.forwarded.changes.remove
    assert "authorization" not in Asked(snapshot_of(VERSION), authorization="Bearer x").forwarded.changes.remove


def test_a_sidecar_settles_callers_too() -> None:
    """Role guard: the key is refused or taken off, before the one server that it guards."""
    price = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}
    models = {"tiny": {"versions": {"v1": {"weight": 1, "price": price}}}}
    identity = {"sources": [API_KEY]}
    snapshot = snapshot_of(METER, role="guard", guard_version="tiny/v1", models=models, identity=identity)
    asked = Asked(snapshot, authorization=f"Bearer {ATLAS}")
    assert asked.who == ("atlas", "maps", "b-7", "gold")
    assert {"authorization", "x-api-key"} <= set(asked.forwarded.changes.remove)
    assert Asked(snapshot, authorization=f"Bearer {STRANGER}").reply.status == 401
    assert Asked(snapshot, path="/v1/models", method="GET").reply.status == 401


def test_who_is_next_sees_the_settled_identity() -> None:
    """A sidecar in role guard has policies by team; the headers that a client left out are set, and others are gone."""
    cases: list[dict[str, Any]] = [{}, {"x_team": "search", "x_budget_code": "b-9"}]
    for headers in cases:
        changes = Asked(of(API_KEY, claims="replace"), authorization=f"Bearer {ATLAS}", **headers).forwarded.changes
        assert dict(changes.set) == {
            "x-team": "atlas",
            "x-project": "maps",
            "x-budget-code": "b-7",
            "x-tier": "gold",
        }
    changes = Asked(of(API_KEY), authorization=f"Bearer {SEARCH}").forwarded.changes
    assert changes.set == (("x-team", "search"),)
    assert {"x-project", "x-budget-code", "x-tier"} <= set(changes.remove)


def test_conditions_prompts_and_pins_read_what_was_settled() -> None:
    """Also where a condition or a variable names the header itself."""
    identity = {"sources": [API_KEY], "claims": "replace"}
    routes = [
        {"name": "by-header", "when": [{"headers": {"x-team": ["atlas"]}}], "version": "tiny/v1"},
        {"name": "by-team", "when": [{"teams": ["search"], "headers": {"x-project": ["index"]}}], "version": "tiny/v1"},
        {"name": "default"},
    ]
    snapshot = snapshot_of(VERSION, PII_BLOCK, identity=identity, routes=routes)
    cases: list[tuple[str, dict[str, Any], str]] = [
        (SEARCH, {"x_team": "atlas"}, "default"),
        (ATLAS, {}, "by-header"),
        (ATLAS, {"x_team": "search", "x_project": "index"}, "by-header"),
        (SEARCH, {"x_project": "index"}, "by-team"),
        (SEARCH, {"x_project": "maps"}, "default"),
    ]
    for key, headers, route in cases:
        asked = Asked(snapshot, authorization=f"Bearer {key}", **headers)
        assert asked.record.route == route, headers
    pinned = Asked(
        snapshot_of(VERSION, identity=identity), authorization=f"Bearer {ATLAS}", x_team="search", x_pin="v2"
    )
    assert pinned.record.ignored_pin == "tiny"


def test_the_list_of_models_is_that_of_the_team() -> None:
    """An alias of another team is not listed, whatever is claimed."""
    routes = [
        {"name": "alias", "when": [{"models": ["secret"], "teams": ["atlas"]}], "model": "tiny"},
        {"name": "default"},
    ]
    snapshot = snapshot_of(VERSION, identity={"sources": [API_KEY], "claims": "replace"}, routes=routes)
    for key, listed in ((SEARCH, False), (ATLAS, True)):
        asked = Asked(snapshot, path="/v1/models", method="GET", authorization=f"Bearer {key}", x_team="atlas")
        assert (b"secret" in asked.reply.body) is listed


def test_a_user_of_the_body_is_taken_where_that_is_declared() -> None:
    """As a hash, and after what a source says."""
    body = request_body(user="ann@example.org")
    ann = user_hash("ann@example.org", USER_KEY)
    taking = of(API_KEY, user_field=True, **USERS)
    assert Asked(taking, body=body, authorization=f"Bearer {SEARCH}").record.user == ann
    safe = request_body(safety_identifier="ann@example.org")
    assert Asked(taking, body=safe, authorization=f"Bearer {SEARCH}").record.user == ann
    odd = request_body(safety_identifier=["ann@example.org"])
    assert Asked(taking, body=odd, authorization=f"Bearer {SEARCH}").record.user == ""
    assert Asked(of(API_KEY), body=body, authorization=f"Bearer {SEARCH}").record.user == ""
    bob = Asked(of(JWT, user_field=True, **USERS), verified({**CLAIMS, "sub": "bob"}), body=body)
    assert bob.record.user == user_hash("bob", USER_KEY)


# --- role egress ---------------------------------------------------------------------------------------------------


def test_the_second_call_reads_what_the_first_has_settled() -> None:
    """In a header that no client can set, and that no model server gets."""
    snapshot = of(API_KEY)
    egressed = frozenset({"tiny/v1", "tiny/v2"})
    first = Asked(
        snapshot, egressed=egressed, authorization=f"Bearer {SEARCH}", x_project="index", x_llm_identity="atlas||||||"
    )
    assert "x-llm-identity" in first.forwarded.changes.remove
    body = first.commands[1]
    assert isinstance(body, ContinueBody)
    told = dict(body.changes.set)["x-llm-identity"]
    assert CallerIdentity.of_text(told) == CallerIdentity("search", "index", key_id="search-1", source="api_key")
    second = EgressExchange(snapshot, "tiny/v2", 0, utc_s=NOW_S)
    (command,) = second.step(request_headers(x_llm_identity=told, x_team="atlas"), 1).commands
    assert isinstance(command, ContinueHeaders)
    assert command.changes.remove == ("x-llm-identity",)
    assert (second.record.team, second.record.project) == ("search", "index")


def test_the_second_call_believes_no_header_where_sources_are() -> None:
    """Without the first call's word it fails, rather than send the texts on under no rule."""
    cases: list[dict[str, Any]] = [{}, {"x_team": "search"}, {"x_llm_identity": "search"}]
    for headers in cases:
        second = EgressExchange(of(API_KEY), "tiny/v2", 0, utc_s=NOW_S)
        (command,) = second.step(request_headers(**headers), 1).commands
        assert isinstance(command, ImmediateResponse)
        assert command.status == 500


def test_without_sources_nothing_is_told() -> None:
    """The headers go on as they are."""
    first = Asked(snapshot_of(VERSION), egressed=frozenset({"tiny/v1"}), x_team="atlas")
    assert first.record.identity_source == "claimed"
    body = first.commands[1]
    assert isinstance(body, ContinueBody)
    assert "x-llm-identity" not in dict(body.changes.set)


def test_a_server_of_keys_that_cannot_be_asked_is_no_fault_of_the_client() -> None:
    """503, which a client may retry; the other failures are 401."""
    snapshot = of(JWT, **USERS)
    for said, reason, status in (
        ("Jwt is expired", "expired", 401),
        ("Jwt not yet valid", "not_yet_valid", 401),
        ("Audiences in Jwt are not allowed", "not_for_us", 401),
        ("Jwt verification fails", "unverified", 401),
        ("Jwks remote fetch is failed", "unavailable", 503),
    ):
        asked = Asked(snapshot, failed(said), authorization=f"bearer {TOKEN}")
        assert asked.refused_for == ("jwt", reason, status)
