"""Which version an exchange gets while a rollout is in force, and whether it is compared."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.errors import PayloadRefused
from extproc.domain.rollouts import Arm, RolloutArm, RolloutShare
from extproc.exchange.request import choose_guards
from extproc.exchange.snapshot import Snapshot
from extproc.payload.endpoints import CHAT
from extproc.payload.view import RequestPolicy
from tests.playbooks.driver import VERSION, snapshot_of
from tests.unit.filters.fakes import exchange_of
from tests.unit.rollouts import share_of

PRICE = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}
BODY = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}
USERS = [f"u{number}" for number in range(200)]
WEIGHTS = st.tuples(st.integers(1, 100), st.integers(0, 100), st.integers(0, 100))


def snapshot(
    *rollouts: RolloutShare, weights: tuple[int, int, int] = (60, 0, 40), mode: str = "enforce", **sections: Any
) -> Snapshot:
    """A model with three versions."""
    versions = {name: {"weight": weight, "price": PRICE} for name, weight in zip("abc", weights, strict=True)}
    model = {"versions": versions, "pin_header": "x-pin", "pin_teams": ["unknown"]}
    return snapshot_of({**VERSION, "mode": mode}, models={"tiny": model}, shares=rollouts, **sections)


def ask(
    compiled: Snapshot, user: str, *, team: str = "unknown", pin: str = "", unrouted: tuple[str, ...] = (), **facts: str
) -> tuple[str, RolloutArm | None]:
    """The version that a request gets, or the code of its error; and its part in a rollout."""
    names = frozenset(f"tiny/{name}" for name in unrouted)
    exchange = exchange_of(compiled.models, {"x-pin": pin} if pin else {}, names)
    exchange.record.team = team
    exchange.record.tier = facts.get("tier", "unknown")
    try:
        choose_guards(CHAT.read_request(json.dumps({**BODY, "user": user}).encode(), POLICY), exchange, compiled)
    except PayloadRefused as refused:
        return refused.error.code, exchange.record.arm
    version = exchange.choice.facts if exchange.choice is not None else exchange.record.version
    assert version is not None
    return version.version, exchange.record.arm


POLICY = RequestPolicy(json_depth_max=64)


def test_the_arm_is_the_version_that_was_chosen() -> None:
    """Everybody who would get one of the two takes part, and nobody else."""
    compiled = snapshot(share_of())
    got = {user: ask(compiled, user) for user in USERS}
    assert {(version, None if part is None else part.arm) for version, part in got.values()} == {
        ("a", Arm.STABLE),
        ("b", Arm.CANARY),
        ("c", None),
    }
    assert {(part.rollout, part.step) for _, part in got.values() if part is not None} == {("ro-1", 1)}


@given(WEIGHTS, st.floats(0, 1), st.floats(0, 1), st.text("xyz", max_size=6))
def test_a_larger_share_moves_nobody_else(
    weights: tuple[int, int, int], first: float, second: float, user: str
) -> None:
    """No unit of a third version at all, and none back to the stable one."""
    before, after = (
        ask(snapshot(share_of(share=share), weights=weights), user)[0] for share in sorted((first, second))
    )
    assert before == after or (before, after) == ("a", "b")


@given(st.integers(1, 100), st.integers(0, 100), st.floats(0, 1), st.text("xyz", max_size=6))
def test_a_rollout_to_a_version_without_weight_begins_with_who_had_the_stable_one(
    stable: int, third: int, share: float, user: str
) -> None:
    """A third version keeps each of its keys, and gets no other."""
    weights = (stable, 0, third)
    before, after = ask(snapshot(weights=weights), user)[0], ask(snapshot(share_of(share=share), weights=weights), user)
    assert before == ("a" if after[0] == "b" else after[0])


@given(WEIGHTS, st.text("xyz", max_size=6), st.sampled_from(["", "a", "b", "c"]))
def test_a_rollout_that_does_not_apply_changes_no_choice(weights: tuple[int, int, int], user: str, pin: str) -> None:
    """Another model's, or one of revisions that are not there any more."""
    others = (share_of(model="huge"), share_of(stable_fingerprint="old"), share_of(canary="z"))
    plain = ask(snapshot(weights=weights), user, pin=pin)
    assert ask(snapshot(*others, weights=weights), user, pin=pin) == plain
    assert plain[1] is None


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_rollout_that_does_not_compare_only_has_its_share(share: float) -> None:
    """After its decision."""
    compiled = snapshot(share_of(share=share, measures=False))
    got = {ask(compiled, user) for user in USERS}
    assert got == {("b" if share else "a", None), ("c", None)}


def test_teams_that_do_not_take_part_stay_on_the_stable_version() -> None:
    """With the weight of both, so a third version keeps its keys."""
    compiled = snapshot(share_of(teams=("search",), share=1.0), weights=(30, 30, 40))
    for user in USERS:
        version, part = ask(compiled, user, team="search")
        others, no_part = ask(compiled, user, team="hr")
        assert (version, others) in {("b", "a"), ("c", "c")}
        assert (part is not None, no_part) == (version == "b", None)


@pytest.mark.parametrize("pin", ["a", "b", "c"])
def test_a_pinned_exchange_is_not_compared(pin: str) -> None:
    """Somebody has chosen, so it is no coin."""
    assert {ask(snapshot(share_of()), user, pin=pin) for user in USERS} == {(pin, None)}


def test_a_canary_that_envoy_does_not_route_falls_to_the_stable_version() -> None:
    """And neither arm is compared: the other one is not there."""
    compiled = snapshot(share_of(share=0.9))
    assert {ask(compiled, user, unrouted=("b",)) for user in USERS} == {("a", None), ("c", None)}


def test_without_a_stable_version_in_envoy_the_weights_apply() -> None:
    """Whom the coin gives the canary gets it, whom it does not gets one of the others; nobody is compared."""
    compiled = snapshot(share_of())
    for user in USERS:
        version, part = ask(compiled, user)
        expected = "b" if part is not None and part.arm is Arm.CANARY else "c"
        assert ask(compiled, user, unrouted=("a",)) == (expected, None), version


def test_who_is_led_away_from_a_third_version_takes_part() -> None:
    """Their coin is as good as anybody's."""
    compiled = snapshot(share_of())
    led = [ask(compiled, user, unrouted=("c",)) for user in USERS if ask(compiled, user)[0] == "c"]
    assert {(version, part is not None) for version, part in led} == {("a", True), ("b", True)}


def test_in_shadow_nobody_takes_part() -> None:
    """The filter chooses nothing then."""
    assert {ask(snapshot(share_of(), mode="shadow"), user)[1] for user in USERS} == {None}


def test_in_a_set_of_a_route_a_key_has_the_same_arm() -> None:
    """The set has other weights, and the coin is the same."""
    split = [{"version": f"tiny/{name}", "weight": weight} for name, weight in (("a", 1), ("b", 9))]
    routes = [{"name": "set", "when": [{"tiers": ["gold"]}], "split": split}, {"name": "rest"}]
    compiled = snapshot(share_of(), routes=routes)
    for user in USERS:
        version, part = ask(compiled, user)
        in_set = ask(compiled, user, tier="gold")
        assert in_set[1] is not None
        assert version == "c" or (version, part) == in_set


@pytest.mark.parametrize(
    ("far", "got"),
    [("b", {("a", None), ("c", None)}), ("a", {("c", None)}), ("c", {("a", Arm.STABLE), ("b", Arm.CANARY)})],
)
def test_where_data_rules_keep_a_team_from_one_of_them(far: str, got: set[tuple[str, Arm | None]]) -> None:
    """A canary at a provider: the team stays on the stable version. A stable one there: the weights apply."""
    versions: dict[str, Any] = {
        name: {"weight": weight, "price": PRICE} for name, weight in (("a", 6), ("b", 0), ("c", 4))
    }
    versions[far] |= {"provider": "cloud", "served_model": "far"}
    sections: dict[str, Any] = {
        "providers": {"cloud": {"url": "https://cloud.example/v1", "apis": ["chat"]}},
        "identity": {"private_teams": ["hr"]},
    }
    compiled = snapshot_of(VERSION, models={"tiny": {"versions": versions}}, shares=(share_of(),), **sections)
    found = set()
    for user in USERS:
        exchange = exchange_of(compiled.models)
        exchange.record.team, exchange.record.endpoint = "hr", "chat"
        choose_guards(CHAT.read_request(json.dumps({**BODY, "user": user}).encode(), POLICY), exchange, compiled)
        assert exchange.choice is not None
        part = exchange.record.arm
        found.add((exchange.choice.facts.version, None if part is None else part.arm))
    assert found == got
