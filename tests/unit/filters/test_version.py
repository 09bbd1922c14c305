"""Choosing a version: in proportion, sticky, and the same on every replica."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.models import CompiledVersion
from extproc.domain.errors import PayloadRefused
from extproc.domain.text import Direction
from extproc.exchange.request import choose_guards
from extproc.exchange.snapshot import Snapshot
from extproc.filters.version import choose_version
from extproc.payload.endpoints import CHAT
from extproc.payload.view import RequestPolicy
from tests.playbooks.driver import INJECTION, PII, VERSION, snapshot_of
from tests.unit.filters.fakes import exchange_of

PRICE = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}
KEYS = [f"key-{number}".encode() for number in range(4_000)]
POLICY = RequestPolicy(json_depth_max=64)
BODY = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}


def snapshot(weights: dict[str, int], *filters: dict[str, Any], routes: Any = (), **sticky: Any) -> Snapshot:
    """A configuration with one model and these weights."""
    versions = {name: {"weight": weight, "price": PRICE} for name, weight in weights.items()}
    pins = {"pin_header": "x-pin", "pin_teams": ["unknown"]}
    model = {"versions": versions, **pins, "sticky": {"header": "x-conversation", **sticky}}
    return snapshot_of(*(filters or (VERSION,)), models={"tiny": model}, routes=routes)


def versions(weights: dict[str, int]) -> tuple[CompiledVersion, ...]:
    """Compiled versions."""
    return snapshot(weights | {"never-chosen": 1}).models["tiny"].versions[: len(weights)]


def chosen(weights: dict[str, int], key: bytes) -> str:
    """The version of a key."""
    version = choose_version(versions(weights), key)
    assert version is not None
    return version.facts.version


def ask(compiled: Snapshot, headers: dict[str, str] | None = None, tier: str = "unknown", **fields: Any) -> str:
    """The version that a request gets."""
    body = {**BODY, **fields}
    exchange = exchange_of(compiled.models, headers or {})
    exchange.record.tier = tier
    choose_guards(CHAT.read_request(json.dumps(body).encode(), POLICY), exchange, compiled)
    assert exchange.choice is not None
    return exchange.choice.facts.version


def test_keys_are_spread_in_proportion_to_the_weights() -> None:
    """Within four standard deviations of the binomial distribution, for each version."""
    weights = {"a": 70, "b": 25, "c": 5, "d": 0}
    compiled = versions(weights)
    counts = Counter(version.facts.version for key in KEYS if (version := choose_version(compiled, key)) is not None)
    for name, weight in weights.items():
        share = weight / 100
        deviation = math.sqrt(len(KEYS) * share * (1 - share))
        assert abs(counts[name] - len(KEYS) * share) <= 4 * deviation


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 1_000), min_size=2), st.data(), st.binary(max_size=12))
def test_raising_a_weight_only_moves_keys_towards_its_version(
    weights: dict[str, int], data: st.DataObject, key: bytes
) -> None:
    """A conversation that changes its version changes to the one that grew."""
    grown = data.draw(st.sampled_from(sorted(weights)))
    after = {**weights, grown: weights[grown] + data.draw(st.integers(1, 10_000))}
    assert chosen(after, key) in (chosen(weights, key), grown)


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 1_000), min_size=2), st.binary(max_size=12))
def test_the_order_of_the_versions_makes_no_difference(weights: dict[str, int], key: bytes) -> None:
    """Two replicas may read the file differently ordered."""
    assert chosen(weights, key) == chosen(dict(reversed(weights.items())), key)


@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(0, 1_000), min_size=1),
    st.integers(1, 1_000),
    st.floats(1, 50),
    st.binary(max_size=12),
)
def test_who_was_on_a_version_stays_when_its_share_grows(
    others: dict[str, int], share: int, factor: float, key: bytes
) -> None:
    """From 5 % to 25 %: the first 5 % are among them, whatever the others shrink to, as long as none of them grows."""
    before = {**others, "grown": share}
    shrunk = {name: int(weight / factor) for name, weight in others.items()}
    if chosen(before, key) == "grown":
        assert chosen({**shrunk, "grown": share}, key) == "grown"
        assert chosen({**others, "grown": share * 5}, key) == "grown"


@given(st.integers(1, 99), st.integers(1, 99), st.integers(1, 99), st.text("abc", min_size=1, max_size=8))
def test_who_was_on_a_version_stays_between_routes(first: int, second: int, third: int, key: str) -> None:
    """A set of a route, the weights of its model and another route's set draw alike."""
    small, middle, large = sorted((first, second, third))

    def split(name: str, weight: int) -> dict[str, Any]:
        shares = [{"version": "tiny/a", "weight": 100 - weight}, {"version": "tiny/b", "weight": weight}]
        return {"name": name, "when": [{"tiers": [name]}], "split": shares}

    compiled = snapshot({"a": 100 - middle, "b": middle}, routes=[split("s", small), split("l", large), {"name": "m"}])
    got = [ask(compiled, {"x-conversation": key}, tier) for tier in ("s", "m", "l")]
    assert got == sorted(got), "small, middle, large: once on b, always on b"


def test_a_key_has_its_version_for_good() -> None:
    """A changed hash would move every conversation: these were written down when it was chosen."""
    weights = {"v1": 80, "v2": 20}
    assert [chosen(weights, f"conversation-{number}".encode()) for number in range(12)] == GOLDEN


GOLDEN = ["v1", "v2", "v1", "v1", "v1", "v1", "v2", "v1", "v1", "v2", "v1", "v1"]


def test_no_version_without_a_weight_is_drawn() -> None:
    """And with none at all there is no choice."""
    assert {chosen({"a": 1, "b": 0}, key) for key in KEYS[:300]} == {"a"}
    compiled = versions({"a": 0})
    assert choose_version(compiled, b"key") is None


def test_a_header_keeps_a_conversation_on_its_version() -> None:
    """Whatever is said, and whoever says it; different values are spread."""
    compiled = snapshot({"a": 50, "b": 50})
    by_key = {}
    for number in range(40):
        headers = {"x-conversation": f"c{number}"}
        asked = {
            ask(compiled, headers, user=f"u{turn}", messages=[{"role": "user", "content": str(turn)}])
            for turn in range(3)
        }
        assert len(asked) == 1
        by_key[number] = asked.pop()
    assert set(by_key.values()) == {"a", "b"}


def test_a_user_keeps_the_version_without_a_header() -> None:
    """The body's ``user``, unless that is switched off."""
    compiled = snapshot({"a": 50, "b": 50})
    users = {ask(compiled, user=f"u{number}", messages=[{"role": "user", "content": "x"}]) for number in range(40)}
    assert users == {"a", "b"}
    off = snapshot({"a": 50, "b": 50}, user_field=False)
    assert len({ask(off, user=f"u{number}") for number in range(40)}) == 1


def test_a_later_turn_stays_with_how_the_conversation_began() -> None:
    """Later turns only add to the first system and user text; guards after the choice change nothing of it."""
    compiled = snapshot({"a": 50, "b": 50}, VERSION, INJECTION, PII)
    seen = set()
    for number in range(40):
        turns: list[dict[str, str]] = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"Question {number} of bob@example.org"},
        ]
        first = ask(compiled, messages=turns)
        turns += [{"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "More, a@b.co"}]
        assert ask(compiled, messages=turns) == first
        seen.add(first)
    assert seen == {"a", "b"}


def test_a_pinned_version_is_used_whatever_its_weight() -> None:
    """A weight of 0 is a version to be tried out by header."""
    assert ask(snapshot({"a": 100, "b": 0}), {"x-pin": "b"}) == "b"


def test_the_pin_of_a_team_that_may_not_is_ignored() -> None:
    """And noted; nobody may where no team is listed."""
    compiled = snapshot({"a": 100, "b": 0})
    exchange = exchange_of(compiled.models, {"x-pin": "b"})
    exchange.record.team = "search"
    choose_guards(CHAT.read_request(json.dumps(BODY).encode(), POLICY), exchange, compiled)
    assert exchange.choice is not None
    assert (exchange.choice.facts.version, exchange.record.ignored_pin) == ("a", "tiny")


def test_a_pin_chooses_among_the_versions_of_the_route() -> None:
    """By the version's name, or with its model's."""
    shares = [{"version": "tiny/a", "weight": 1}, {"version": "tiny/b", "weight": 0}]
    compiled = snapshot({"a": 1, "b": 1, "c": 1}, routes=[{"name": "set", "split": shares}])
    assert [ask(compiled, {"x-pin": pin}) for pin in ("b", "tiny/b")] == ["b", "b"]
    with pytest.raises(PayloadRefused) as refused:
        ask(compiled, {"x-pin": "c"})
    assert refused.value.error.code == "version_not_found"


@pytest.mark.parametrize(
    ("headers", "fields", "status", "code"),
    [({"x-pin": "z"}, {}, 400, "version_not_found"), ({}, {"model": "z"}, 404, "model_not_found")],
)
def test_what_does_not_exist_is_refused(
    headers: dict[str, str], fields: dict[str, str], status: int, code: str
) -> None:
    """With a status that clients know."""
    with pytest.raises(PayloadRefused) as refused:
        ask(snapshot({"a": 1}), headers, **fields)
    assert (refused.value.error.status, refused.value.error.code) == (status, code)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"stream": True}, 403, "request_not_allowed"),
        ({"stream": True, "model": None}, 403, "request_not_allowed"),
        ({"stream": True, "model": "z"}, 404, "model_not_found"),
        ({"stream": True, "model": "gen-7"}, 403, "request_not_allowed"),
        ({"model": "secret"}, 404, "model_not_found"),
    ],
)
def test_what_a_route_denies_is_unknown_unless_it_is_listed(fields: dict[str, Any], status: int, code: str) -> None:
    """So nobody learns of a name that is not theirs; the record has the route."""
    routes = [
        {"name": "streams", "when": [{"streamed": True}], "deny": True},
        {"name": "secret", "when": [{"models": ["secret"], "teams": ["us"]}], "model": "tiny"},
        {"name": "rest", "when": [{"models": ["tiny"]}]},
        {"name": "many", "when": [{"models": ["gen-*"]}], "model": "tiny"},
        {"name": "nobody", "deny": True},
    ]
    compiled = snapshot({"a": 1}, routes=routes)
    exchange = exchange_of(compiled.models)
    with pytest.raises(PayloadRefused) as refused:
        choose_guards(CHAT.read_request(json.dumps({**BODY, **fields}).encode(), POLICY), exchange, compiled)
    assert (refused.value.error.status, refused.value.error.code) == (status, code)
    assert exchange.record.route == ("streams" if fields.get("stream") else "nobody")
    assert exchange.record.version is None
    assert "secret" not in refused.value.error.message


def test_a_version_that_envoy_does_not_route_is_not_chosen() -> None:
    """Its share goes to the others, in proportion; it is noted which one was chosen first."""
    compiled = snapshot({"a": 30, "b": 10, "new": 60})
    drawn: Counter[str] = Counter()
    for number in range(400):
        exchange = exchange_of(compiled.models, {"x-conversation": str(number)}, frozenset({"tiny/new"}))
        choose_guards(CHAT.read_request(json.dumps(BODY).encode(), POLICY), exchange, compiled)
        assert exchange.choice is not None
        first = exchange.record.unrouted.version if exchange.record.unrouted else exchange.choice.facts.version
        assert first == ask(compiled, {"x-conversation": str(number)}), "the others keep their version"
        drawn[exchange.choice.facts.version] += 1
    assert set(drawn) == {"a", "b"}
    assert abs(drawn["a"] - 300) <= 4 * math.sqrt(400 * 0.75 * 0.25)


@pytest.mark.parametrize(
    ("headers", "unrouted"), [({"x-pin": "b"}, {"tiny/b"}), ({}, {"tiny/a", "tiny/b"})], ids=["pinned", "none is left"]
)
def test_without_another_version_the_request_is_refused(headers: dict[str, str], unrouted: set[str]) -> None:
    """With 503: it is the gateway's fault, and soon over."""
    compiled = snapshot({"a": 1, "b": 1})
    exchange = exchange_of(compiled.models, headers, frozenset(unrouted))
    with pytest.raises(PayloadRefused) as refused:
        choose_guards(CHAT.read_request(json.dumps(BODY).encode(), POLICY), exchange, compiled)
    assert (refused.value.error.status, refused.value.error.code) == (503, "version_unavailable")
    assert exchange.record.unrouted is not None


def test_a_request_without_a_model_gets_the_only_one() -> None:
    """vLLM allows it."""
    assert ask(snapshot({"a": 1}), model=None) == "a"


def test_beside_one_server_the_version_is_fixed() -> None:
    """Role guard: the pod is chosen already, whatever is asked for, pinned or weighted."""
    model = {"versions": {"a": {"weight": 1, "price": PRICE}, "b": {"weight": 0, "price": PRICE}}}
    compiled = snapshot_of(PII, role="guard", guard_version="tiny/b", models={"tiny": model})
    exchange = exchange_of(compiled.models)
    body = b'{"model":"an-adapter","messages":[{"role":"user","content":"Hi"}]}'
    request = CHAT.read_request(body, POLICY)
    choose_guards(request, exchange, compiled)
    assert exchange.record.version is not None
    assert exchange.record.version.version == "b"
    assert request.body_after() == body, "a name that is not ours is the server's to know"


def test_directions_of_the_choice() -> None:
    """It looks at no text on its way, so coverage does not count it."""
    assert all(Direction.REQUEST not in owner.directions for owner in snapshot({"a": 1}).first_filters)


def far_snapshot(**weights: int) -> Snapshot:
    """A model with versions of one's own, and those whose names begin with `far` at a provider of chats."""
    versions = {
        name: {"weight": weight, "price": PRICE}
        | ({"provider": "cloud", "served_model": name} if name.startswith("far") else {})
        for name, weight in weights.items()
    }
    model = {"versions": versions, "pin_header": "x-pin", "pin_teams": ["unknown", "hr"]}
    providers = {"cloud": {"url": "https://cloud.example/v1", "apis": ["chat"]}}
    identity = {"private_teams": ["hr"]}
    return snapshot_of(VERSION, models={"tiny": model}, providers=providers, identity=identity)


def ask_as(team: str, compiled: Snapshot, user: str = "u", endpoint: str = "chat", pin: str = "") -> str:
    """The version that a team's request gets, or the code of its error."""
    exchange = exchange_of(compiled.models, {"x-pin": pin} if pin else {})
    exchange.record.team, exchange.record.endpoint = team, endpoint
    try:
        choose_guards(CHAT.read_request(json.dumps({**BODY, "user": user}).encode(), POLICY), exchange, compiled)
    except PayloadRefused as refused:
        return refused.error.code
    assert exchange.choice is not None
    return exchange.choice.facts.version


@given(user=st.text(max_size=10), weights=st.tuples(*[st.integers(1, 100)] * 3))
def test_a_private_team_shares_what_is_left(user: str, weights: tuple[int, int, int]) -> None:
    """As if the provider's version was not there; whom that version would not get anyway, it does not move."""
    a, b, far = weights
    compiled, left = far_snapshot(a=a, b=b, far=far), far_snapshot(a=a, b=b)
    hr = ask_as("hr", compiled, user)
    assert hr == ask_as("hr", left, user)
    assert ask_as("unknown", compiled, user) in {hr, "far"}


@pytest.mark.parametrize(
    ("team", "endpoint", "pin", "got"),
    [
        ("unknown", "chat", "far", "far"),
        ("hr", "chat", "far", "provider_forbidden"),
        ("unknown", "responses", "far", "api_not_served"),
        ("hr", "chat", "a", "a"),
        ("hr", "chat", "z", "version_not_found"),
    ],
)
def test_a_pin_does_not_reach_further_than_the_rules(team: str, endpoint: str, pin: str, got: str) -> None:
    """Whoever may choose a version may choose one that could be drawn."""
    assert ask_as(team, far_snapshot(a=1, far=1), endpoint=endpoint, pin=pin) == got


@pytest.mark.parametrize(
    ("team", "endpoint", "got"),
    [("unknown", "chat", "far"), ("hr", "chat", "provider_forbidden"), ("hr", "responses", "api_not_served")],
)
def test_where_nobody_is_left_the_client_is_told_why(team: str, endpoint: str, got: str) -> None:
    """A version without weight does not step in: only a fallback may use it."""
    assert ask_as(team, far_snapshot(a=0, far=1), endpoint=endpoint) == got
