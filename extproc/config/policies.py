"""Policies: named lists of guards, and the conditions that select them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from extproc.config.conditions import CallerCondition
from extproc.config.guards import GUARD_SECTIONS
from extproc.config.guards.base import GuardSection
from extproc.config.problems import KeyPath
from extproc.config.section import ModelName, Name, Section, VersionName

if TYPE_CHECKING:
    AnyGuardSection = GuardSection
else:
    AnyGuardSection = Annotated[reduce(or_, GUARD_SECTIONS), Field(discriminator="guard")]


class Condition(CallerCondition):
    """A condition of a policy: an exchange must match every key that is set."""

    models: tuple[ModelName, ...] = Field(default=(), description="models, as chosen by the routes; empty: any")
    versions: tuple[VersionName, ...] = Field(default=(), description="model versions, MODEL/VERSION; empty: any")


class Policy(Section):
    """A list of guards. The first policy that matches an exchange applies; the last one matches all."""

    name: Name = Field(description="name in metrics, logs and the review queue")
    when: tuple[Condition, ...] = Field(
        default=(), description="conditions; an exchange must match one. The last policy has none and matches all"
    )
    extends: Name | None = Field(
        default=None,
        description="policy whose guards this one has too; `guards` replace those of the same name, others follow",
    )
    without: tuple[Name, ...] = Field(default=(), description="guards of the extended policy that this one leaves out")
    providers: Literal["any", "none"] = Field(
        default="any",
        description=(
            "none: its exchanges never go to a provider; also in a policy that extends this one and says nothing. any: "
            "they may"
        ),
    )
    guards: tuple[AnyGuardSection, ...] = Field(description="guards, in execution order; empty: nothing is checked")


def guards_of(policies: Sequence[Policy]) -> Iterator[tuple[KeyPath, GuardSection]]:
    """Every guard with its key path, in document order."""
    for number, policy in enumerate(policies):
        for index, guard in enumerate(policy.guards):
            yield ("policies", number, "guards", index), guard
