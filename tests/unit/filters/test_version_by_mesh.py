"""Arms where a mesh shares the traffic: by the version that the processor stands next to, an exchange being a unit."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from extproc.config.compiled_rollouts import RolloutProblem, rollout_problems
from extproc.domain.rollouts import Arm, RolloutArm, RolloutShare
from extproc.exchange.request import choose_guards
from extproc.exchange.snapshot import Snapshot
from extproc.payload.endpoints import CHAT
from extproc.payload.view import RequestPolicy
from tests.playbooks.driver import METER, VERSION, snapshot_of
from tests.unit.filters.fakes import exchange_of
from tests.unit.rollouts import share_of

PRICE = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}
MODELS = {
    "tiny": {
        "versions": {name: {"weight": weight, "price": PRICE} for name, weight in zip("abc", (0, 0, 1), strict=True)}
    }
}
BODY = json.dumps({"model": "tiny", "user": "u1", "messages": [{"role": "user", "content": "Hi"}]}).encode()
BY_MESH = share_of(by_mesh=True, share=0.05)


def next_to(version: str, *rollouts: RolloutShare) -> Snapshot:
    """A processor in role guard."""
    return snapshot_of(METER, models=MODELS, role="guard", guard_version=f"tiny/{version}", shares=rollouts)


def arm_of(compiled: Snapshot, exchange_id: str = "e1") -> RolloutArm | None:
    """The part of an exchange."""
    exchange = exchange_of(compiled.models)
    exchange.record.id = exchange_id
    choose_guards(CHAT.read_request(BODY, RequestPolicy(json_depth_max=64)), exchange, compiled)
    return exchange.record.arm


@pytest.mark.parametrize(("version", "arm"), [("a", Arm.STABLE), ("b", Arm.CANARY), ("c", None)])
def test_the_arm_is_that_of_the_version_next_to(version: str, arm: Arm | None) -> None:
    """Whatever the share and the weights of the configuration are: the mesh has chosen."""
    for share in (0.0, 0.05, 1.0):
        part = arm_of(next_to(version, BY_MESH._replace(share=share, step=3)))
        assert (None if part is None else (part.rollout, part.step, part.arm)) == (arm and ("ro-1", 3, arm))


def test_each_exchange_is_a_unit() -> None:
    """One user's exchanges are units of their own, as each was sent by a coin of its own; both arms have all units."""
    units = {
        version: [part.unit for number in range(2_000) if (part := arm_of(next_to(version, BY_MESH), f"e{number}"))]
        for version in "ab"
    }
    assert units["a"] == units["b"]
    assert len(units["a"]) == 2_000
    assert len(set(units["a"])) > 1_900
    halves = Counter(unit < 32_768 for unit in units["a"])
    assert all(800 < count < 1_200 for count in halves.values())


def test_what_does_not_measure_has_no_arm() -> None:
    """While the mesh follows a new share; and a rollout in which processors choose has none in role guard."""
    for share in (BY_MESH._replace(measures=False), BY_MESH._replace(by_mesh=False)):
        assert arm_of(next_to("b", share)) is None


def test_a_processor_that_chooses_leaves_it_alone() -> None:
    """In role route the weights of the configuration apply, and the log says so."""
    compiled = snapshot_of(VERSION, METER, models=MODELS, shares=(BY_MESH,))
    assert compiled.models["tiny"].rollout is None
    assert arm_of(compiled) is None
    reason = "a mesh shares its traffic, and this processor chooses versions itself; it is compared in role guard"
    assert rollout_problems(compiled.models, compiled.rollouts) == [RolloutProblem("ro-1", reason)]
    assert rollout_problems(next_to("a", BY_MESH).models, [BY_MESH]) == []
