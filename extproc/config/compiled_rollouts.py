"""Rollouts, as the version filter applies them: one hash more decides between the two arms.

A rollout takes the weight of both arms together. Where the choice by weights falls on it, the sticky key tosses a coin
of its own for the canary. So other versions keep their keys, and a larger share only moves keys to the canary.

Where a mesh shares the traffic, it tosses a coin for each exchange, before the processor sees it: the arm is the
version that the processor stands next to, and each exchange is a unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from extproc.domain.record import VersionFacts
from extproc.domain.rollouts import UNITS, Arm, RolloutArm, RolloutShare

if TYPE_CHECKING:
    from extproc.config.document import Model
    from extproc.config.models import CompiledModel, CompiledVersion

_COINS: Final = 1 << 64
_COIN_BYTES: Final = 8
_UNIT_BYTES: Final = 2
_CHOSEN_HERE: Final = (
    "a mesh shares its traffic, and this processor chooses versions itself; it is compared in role guard"
)
_AS_CONFIGURED: Final = "the weights of the configuration apply"


@dataclass(frozen=True, slots=True)
class CompiledRollout:
    """A rollout between two of the versions to choose from.

    Attributes:
        drawn: the versions to choose from by weight: the stable one has the weight of both, the canary is left out.
        weight: of both.
        teams: that take part; empty: all.
        measures: whether exchanges have an arm.
        by_mesh: whether a mesh shares the traffic, so that nothing is drawn here.
        salt: makes coins of rollouts independent of each other, and of the draws of versions.
        canary_below: coins below it get the canary.
    """

    id: str
    step: int
    stable: CompiledVersion
    canary: CompiledVersion
    drawn: tuple[CompiledVersion, ...]
    weight: int
    teams: frozenset[str]
    share: float
    measures: bool
    by_mesh: bool
    salt: bytes
    canary_below: int

    def part_of(self, key: bytes) -> RolloutArm:
        """The part that a sticky key has: its arm, and its unit, which tells nothing of the arm."""
        digest = self._digest(key)
        is_canary = int.from_bytes(digest[:_COIN_BYTES]) < self.canary_below
        return RolloutArm(self.id, self.step, Arm.CANARY if is_canary else Arm.STABLE, _unit_of(digest))

    def part_next_to(self, version: CompiledVersion, exchange: str) -> RolloutArm | None:
        """The part of an exchange that a mesh has sent to a version; None: that is neither arm.

        Args: exchange: its id, by which it is a unit of its own.
        """
        for arm, of_arm in ((Arm.STABLE, self.stable), (Arm.CANARY, self.canary)):
            if of_arm.name == version.name:
                return RolloutArm(self.id, self.step, arm, _unit_of(self._digest(exchange.encode())))
        return None

    def _digest(self, key: bytes) -> bytes:
        return blake2b(self.salt + key, digest_size=16).digest()

    @property
    def weights(self) -> dict[VersionFacts, float]:
        """The weights of both arms, as they are in force."""
        of_canary = self.weight * self.share
        return {self.stable.facts: self.weight - of_canary, self.canary.facts: of_canary}


def _unit_of(digest: bytes) -> int:
    return int.from_bytes(digest[_COIN_BYTES : _COIN_BYTES + _UNIT_BYTES]) % UNITS


class RolloutProblem(NamedTuple):
    """Why a rollout is not in force. ``reason`` is a sentence without a full stop."""

    rollout: str
    reason: str


def with_rollout(model: CompiledModel, rollouts: Iterable[RolloutShare]) -> CompiledModel:
    """A model, or a route's set of versions, with the first rollout that can apply to it."""
    applied = next((one for one in rollouts if not _problem(model, one)), None)
    if applied is None:
        return model
    stable, canary = _version(model, applied.model, applied.stable), _version(model, applied.model, applied.canary)
    assert stable is not None
    assert canary is not None
    weight = stable.weight + canary.weight
    rollout = CompiledRollout(
        id=applied.id,
        step=applied.step,
        stable=stable,
        canary=canary,
        drawn=_with_one_of_both(model.versions, stable.name, canary.name, weight),
        weight=weight,
        teams=frozenset(applied.teams),
        share=applied.share,
        measures=applied.measures,
        by_mesh=applied.by_mesh,
        salt=f"rollout\x00{applied.id}\x00".encode(),
        canary_below=int(applied.share * _COINS),
    )
    return replace(model, rollout=rollout)


def among(model: CompiledModel, versions: Sequence[CompiledVersion]) -> CompiledModel:
    """A model with some of its versions. Of a rollout whose canary is not among them, the stable version gets all; if
    the stable one is not, the weights of the configuration apply.
    """
    rollout = model.rollout
    if rollout is None:
        return replace(model, versions=tuple(versions))
    stable, canary = rollout.stable.name, rollout.canary.name
    names = {version.name for version in versions}
    if stable not in names:
        return replace(model, versions=tuple(versions), rollout=None)
    drawn = _with_one_of_both(versions, stable, canary, rollout.weight)
    if canary not in names:
        return replace(model, versions=drawn, rollout=None)
    return replace(model, versions=tuple(versions), rollout=replace(rollout, drawn=drawn))


def not_edited(models: Mapping[str, Model], rollouts: Iterable[RolloutShare]) -> list[RolloutShare]:
    """Those whose versions have the weights with which they began: what is edited by hand wins, in each route as well.

    Args: models: of the document.
    """
    found = []
    for one in rollouts:
        versions = models[one.model].versions if one.model in models else {}
        arms = ((one.stable, one.stable_weight), (one.canary, one.canary_weight))
        if not any(_edited(one, versions[name].weight, name, began) for name, began in arms if name in versions):
            found.append(one)
    return found


def rollout_problems(models: Mapping[str, CompiledModel], rollouts: Sequence[RolloutShare]) -> list[RolloutProblem]:
    """The rollouts that are not in force, in order. Args: models: that were compiled with these rollouts."""
    problems = []
    for one in rollouts:
        model = models.get(one.model)
        if model is None:
            problems.append(RolloutProblem(one.id, f'the configuration has no model "{one.model}"'))
        elif problem := _problem(model, one) or _weight_problem(model, one):
            problems.append(RolloutProblem(one.id, problem))
        elif model.rollout is None and one.by_mesh:
            problems.append(RolloutProblem(one.id, _CHOSEN_HERE))
        elif model.rollout is not None and model.rollout.id != one.id:
            reason = f'the rollout {model.rollout.id} of model "{one.model}" is in force'
            problems.append(RolloutProblem(one.id, reason))
    return problems


def share_of_version(model: CompiledModel, version: CompiledVersion) -> float:
    """The part of a model's exchanges that a version gets, from 0 to 1, with the share of a rollout."""
    total = sum(one.weight for one in model.versions)
    of_arms = {} if model.rollout is None else model.rollout.weights
    return of_arms.get(version.facts, version.weight) / total if total else 0.0


def _with_one_of_both(
    versions: Iterable[CompiledVersion], stable: str, canary: str, weight: int
) -> tuple[CompiledVersion, ...]:
    """Versions with the stable one in place of both."""
    return tuple(
        replace(version, weight=weight) if version.name == stable else version
        for version in versions
        if version.name != canary
    )


def _version(model: CompiledModel, of_model: str, name: str) -> CompiledVersion | None:
    """By its full name: a route's set may have versions of several models."""
    return next((one for one in model.versions if (one.facts.model, one.facts.version) == (of_model, name)), None)


def _weight_problem(model: CompiledModel, one: RolloutShare) -> str:
    for name, began in ((one.stable, one.stable_weight), (one.canary, one.canary_weight)):
        version = _version(model, one.model, name)
        if version is not None and (problem := _edited(one, version.weight, name, began)):
            return problem
    return ""


def _edited(one: RolloutShare, weight: int, version: str, began: int | None) -> str:
    """Why a weight ends a rollout; empty if it does not."""
    if began is None or weight == began:
        return ""
    return f"the weight of {one.model}/{version} was {began} when it began and is {weight} now; {_AS_CONFIGURED}"


def _problem(model: CompiledModel, one: RolloutShare) -> str:
    """Why a rollout does not apply to a set of versions; empty if it does."""
    arms = []
    for name, compared in ((one.stable, one.stable_fingerprint), (one.canary, one.canary_fingerprint)):
        version = _version(model, one.model, name)
        if version is None:
            return f'model "{one.model}" has no version "{name}"; {_AS_CONFIGURED}'
        found = version.facts.fingerprint
        if compared not in ("", found):
            return f"{version.name} has fingerprint {found}, the rollout compares {compared}; {_AS_CONFIGURED}"
        arms.append(version)
    if not one.by_mesh and not any(version.weight for version in arms):
        names = " and ".join(version.name for version in arms)
        return f"{names} have weight 0, so there is nothing to share; give one of them a weight"
    return ""
