"""Rollouts, compiled: a coin for each sticky key, and when a rollout applies."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.compiled_rollouts import CompiledRollout, RolloutProblem, among, rollout_problems, share_of_version
from extproc.config.compiled_routes import CompiledRoutes, compile_routes
from extproc.config.load import parse_document
from extproc.config.models import CompiledModel, compile_models
from extproc.domain.rollouts import UNITS, Arm, RolloutShare
from tests.unit.rollouts import share_of

PRICE = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}
KEYS = [f"key-{number}".encode() for number in range(20_000)]
WEIGHTS = {"a": 90, "b": 0, "c": 10}
PROMPTS = {"other.txt": "You are another."}


def compiled(
    *shares: RolloutShare, weights: Mapping[str, int] = WEIGHTS, routes: Any = ()
) -> tuple[dict[str, CompiledModel], CompiledRoutes]:
    """Two models with these versions, and routes, with rollouts."""
    versions = {name: {"weight": weight, "price": PRICE} for name, weight in weights.items()}
    models = {"tiny": {"versions": versions}, "big": {"versions": {"a": {"weight": 1, "price": PRICE}}}}
    filters = [{"filter": "version"}, {"filter": "prompt"}]
    document = parse_document(json.dumps({"models": models, "filters": filters, "routes": routes}), "test")
    made = compile_models(document, PROMPTS, shares)
    return made, compile_routes(document, made, PROMPTS, shares)


def rollout_of(share: RolloutShare) -> CompiledRollout:
    """A rollout that applies."""
    rollout = compiled(share)[0]["tiny"].rollout
    assert rollout is not None
    return rollout


# --- the coin ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.001, 0.05, 0.25, 0.5, 0.99, 1.0])
def test_the_canary_gets_its_share_of_the_units(share: float) -> None:
    """Within four standard deviations of the binomial distribution; nobody at 0, everybody at 1."""
    rollout = rollout_of(share_of(share=share))
    canaries = sum(rollout.part_of(key).arm is Arm.CANARY for key in KEYS)
    deviation = math.sqrt(len(KEYS) * share * (1 - share))
    assert abs(canaries - len(KEYS) * share) <= 4 * deviation


@given(st.floats(0, 1), st.floats(0, 1), st.binary(max_size=16), st.integers(1, 9), st.integers(1, 9))
def test_a_larger_share_moves_units_only_to_the_canary(
    first: float, second: float, key: bytes, step: int, later_step: int
) -> None:
    """Whatever the steps are called; the unit stays."""
    before, after = sorted((first, second))
    part = rollout_of(share_of(share=before, step=step)).part_of(key)
    later = rollout_of(share_of(share=after, step=later_step)).part_of(key)
    assert part.arm is Arm.STABLE or later.arm is Arm.CANARY
    assert (part.unit, part.step, later.step) == (later.unit, step, later_step)


def test_a_key_has_its_coin_and_its_unit_for_good() -> None:
    """Another hash on one replica would give a unit two versions: these were written down when it was chosen."""
    rollout = rollout_of(share_of())
    parts = [rollout.part_of(f"conversation-{number}".encode()) for number in range(4)]
    assert [(part.arm.value, part.unit) for part in parts] == GOLDEN


GOLDEN = [("canary", 11924), ("stable", 47542), ("stable", 36222), ("stable", 5409)]


@pytest.mark.parametrize("groups", [2, 64])
def test_the_unit_tells_nothing_of_the_arm(groups: int) -> None:
    """A contingency table of arms and groups of units: chi-square within five of its standard deviations."""
    rollout = rollout_of(share_of(share=0.3))
    parts = [rollout.part_of(key) for key in KEYS]
    table = Counter((part.unit * groups // UNITS, part.arm) for part in parts)
    arms = Counter(part.arm for part in parts)
    units = Counter(part.unit * groups // UNITS for part in parts)
    square = 0.0
    for group in range(groups):
        for arm in Arm:
            expected = units[group] * arms[arm] / len(parts)
            square += (table[group, arm] - expected) ** 2 / expected
    assert square <= groups - 1 + 5 * math.sqrt(2 * (groups - 1))
    assert {part.unit < UNITS for part in parts} == {True}


def test_coins_of_two_rollouts_are_independent() -> None:
    """Who had the canary of the last one is no more likely to have that of the next."""
    first, second = rollout_of(share_of()), rollout_of(share_of(id="ro-2"))
    both = sum(first.part_of(key).arm is Arm.CANARY is second.part_of(key).arm for key in KEYS)
    assert abs(both - len(KEYS) / 4) <= 4 * math.sqrt(len(KEYS) * 0.25 * 0.75)


# --- where it applies ----------------------------------------------------------------------------------------------


def test_the_stable_version_draws_with_the_weight_of_both() -> None:
    """The others keep theirs, and the versions of the model say what is configured."""
    model = compiled(share_of(share=0.25), weights={"a": 60, "b": 20, "c": 20})[0]["tiny"]
    assert model.rollout is not None
    assert {one.facts.version: one.weight for one in model.rollout.drawn} == {"a": 80, "c": 20}
    assert {one.facts.version: one.weight for one in model.versions} == {"a": 60, "b": 20, "c": 20}
    assert {facts.version: weight for facts, weight in model.rollout.weights.items()} == {"a": 60.0, "b": 20.0}


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([], {"a": 0.9, "b": 0.0, "c": 0.1}),
        ([share_of(share=0.5)], {"a": 0.45, "b": 0.45, "c": 0.1}),
        ([share_of(share=1.0, measures=False)], {"a": 0.0, "b": 0.9, "c": 0.1}),
    ],
)
def test_the_part_of_a_version_is_what_it_gets(shares: list[RolloutShare], expected: dict[str, float]) -> None:
    """As its rollout has it, not as its weight says."""
    model = compiled(*shares)[0]["tiny"]
    assert {one.facts.version: share_of_version(model, one) for one in model.versions} == pytest.approx(expected)


def test_a_rollout_compares_the_revisions_that_it_names() -> None:
    """An empty fingerprint is any: no process has told it yet."""
    found = {name: one.facts.fingerprint for name, one in compiled()[0]["tiny"].by_name.items()}
    exact = share_of(stable_fingerprint=found["a"], canary_fingerprint=found["b"])
    for applies in (exact, exact._replace(canary_fingerprint=""), share_of()):
        models = compiled(applies)[0]
        assert models["tiny"].rollout is not None
        assert rollout_problems(models, [applies]) == []


@pytest.mark.parametrize(
    ("changed", "weights", "reason"),
    [
        ({"model": "huge"}, WEIGHTS, 'the configuration has no model "huge"'),
        ({"canary": "z"}, WEIGHTS, 'model "tiny" has no version "z"; the weights of the configuration apply'),
        ({"stable": "z"}, WEIGHTS, 'model "tiny" has no version "z"; the weights of the configuration apply'),
        (
            {"canary_fingerprint": "old"},
            WEIGHTS,
            "tiny/b has fingerprint FINGERPRINT, the rollout compares old; the weights of the configuration apply",
        ),
        (
            {},
            {"a": 0, "b": 0, "c": 1},
            "tiny/a and tiny/b have weight 0, so there is nothing to share; give one of them a weight",
        ),
    ],
)
def test_why_a_rollout_is_not_in_force(changed: dict[str, Any], weights: dict[str, int], reason: str) -> None:
    """The weights of the configuration stand, to the byte."""
    share = share_of(**changed)
    models = compiled(share, weights=weights)[0]
    fingerprint = models["tiny"].by_name["b"].facts.fingerprint
    problem = RolloutProblem("ro-1", reason.replace("FINGERPRINT", fingerprint))
    assert rollout_problems(models, [share]) == [problem]
    assert models == compiled(weights=weights)[0]


def test_a_model_has_one_rollout() -> None:
    """The first that can apply; the other one is told."""
    shares = [share_of(id="gone", canary="z"), share_of(id="first"), share_of(id="second", canary="c")]
    models = compiled(*shares)[0]
    assert models["tiny"].rollout is not None
    assert models["tiny"].rollout.id == "first"
    assert [(one.rollout, one.reason) for one in rollout_problems(models, shares)][1:] == [
        ("second", 'the rollout first of model "tiny" is in force')
    ]


def test_in_a_set_of_a_route_both_arms_have_the_weights_of_the_set() -> None:
    """A set without one of the two is as it was; so is one version alone."""
    split = [("tiny/a", 30), ("tiny/b", 10), ("big/a", 60)]
    routes = [
        {"name": "both", "when": [{"tiers": ["x"]}], "split": [{"version": one, "weight": w} for one, w in split]},
        {"name": "one", "when": [{"tiers": ["y"]}], "split": [{"version": one, "weight": w} for one, w in split[1:]]},
        {"name": "fixed", "when": [{"tiers": ["z"]}], "version": "tiny/a"},
        {"name": "model", "when": [{"tiers": ["m"]}], "model": "tiny"},
        {"name": "rest"},
    ]
    targets = [route.target for route in compiled(share_of(), routes=routes)[1].routes]
    drawn = [
        {one.name: one.weight for one in target.rollout.drawn} if target is not None and target.rollout else None
        for target in targets
    ]
    assert drawn == [{"tiny/a": 40, "big/a": 60}, None, None, {"tiny/a": 90, "tiny/c": 10}, None]


def test_a_prompt_of_a_route_is_another_revision() -> None:
    """It is compared only by a rollout that does not name revisions."""
    prompt = {"file": "other.txt", "position": "replace"}
    routes = [{"name": "prompted", "when": [{"tiers": ["x"]}], "prompt": prompt}, {"name": "rest"}]
    stable = compiled()[0]["tiny"].by_name["a"].facts.fingerprint

    def in_force(share: RolloutShare) -> list[bool]:
        return [route.models["tiny"].rollout is not None for route in compiled(share, routes=routes)[1].routes]

    assert in_force(share_of(stable_fingerprint=stable)) == [False, True]
    assert in_force(share_of()) == [True, True]


@pytest.mark.parametrize(
    ("left", "weights", "has_rollout"),
    [
        ("abc", {"a": 60, "b": 20, "c": 20}, True),
        ("ab", {"a": 60, "b": 20}, True),
        ("ac", {"a": 80, "c": 20}, False),
        ("bc", {"b": 20, "c": 20}, False),
        ("c", {"c": 20}, False),
    ],
)
def test_among_some_versions_the_stable_one_stands_for_both(
    left: str, weights: dict[str, int], has_rollout: bool
) -> None:
    """Without it the weights of the configuration apply: a canary of 1 % does not get all at once."""
    model = compiled(share_of(), weights={"a": 60, "b": 20, "c": 20})[0]["tiny"]
    narrowed = among(model, [model.by_name[name] for name in left])
    assert {one.facts.version: one.weight for one in narrowed.versions} == weights
    assert (narrowed.rollout is not None) is has_rollout
    if narrowed.rollout is not None:
        drawn = {one.facts.version: one.weight for one in narrowed.rollout.drawn}
        assert drawn == {"a": 80} | ({"c": 20} if "c" in left else {})
