"""Compiled policies: which guards check an exchange.

Everything that follows from a policy is computed when the configuration is loaded. At run time only the endpoint, team
and model version of an exchange are looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from extproc.config.data_rules import CompiledCondition, compile_conditions
from extproc.config.document import Document
from extproc.config.policies import Policy
from extproc.domain.record import ExchangeRecord
from extproc.domain.text import Direction
from extproc.filters.base import Filter, Guard, Resources
from extproc.filters.chain import sort_by_effect
from extproc.filters.registry import build_guards, build_restorers
from extproc.payload.view import CopyRules

NO_POLICY: Final = "none"  # in a configuration without guards


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """The guards of a policy, and their consequences for an exchange."""

    name: str
    conditions: tuple[CompiledCondition, ...]
    guards: tuple[Guard, ...]
    request_guards: tuple[Guard, ...]  # those that check requests, in order
    response_filters: tuple[Filter, ...]  # those that process responses, in the order of a chain
    on_end_guards: tuple[Guard, ...]  # those that work out of band at the end
    copies: CopyRules  # responses or prompts may be changed, so copies of their text must be removed
    skipped: tuple[Guard, ...] = ()  # guards that a hop in front applies

    def matches(self, record: ExchangeRecord, model: str) -> bool:
        """Whether the policy applies to an exchange."""
        version = record.version
        return not self.conditions or any(condition.matches(record, version, model) for condition in self.conditions)


def compile_policies(document: Document, others: Sequence[Filter], resources: Resources) -> tuple[CompiledPolicy, ...]:
    """The policies of a validated document, in order; the last one matches everything.

    Args: others: filters that are not guards, whose changes copies must not undo either.
    """
    listed = [(policy, build_guards(policy, resources)) for policy in document.policies]
    return tuple(_compiled(policy, guards, others) for policy, guards in listed) or (_without_guards(others),)


def choose_policy(policies: Sequence[CompiledPolicy], record: ExchangeRecord, model: str) -> CompiledPolicy:
    """The first policy that matches an exchange."""
    for policy in policies[:-1]:
        if policy.matches(record, model):
            return policy
    return policies[-1]


def _compiled(policy: Policy, guards: tuple[Guard, ...], others: Sequence[Filter]) -> CompiledPolicy:
    restorers = build_restorers(guards)
    return CompiledPolicy(
        name=policy.name,
        conditions=compile_conditions(policy.when),
        guards=guards,
        request_guards=tuple(guard for guard in guards if Direction.REQUEST in guard.directions),
        response_filters=(
            *sort_by_effect(guard for guard in guards if Direction.RESPONSE in guard.directions),
            *restorers,
            *_hearing(others),
        ),
        on_end_guards=tuple(guard for guard in guards if guard.judges_out_of_band),
        copies=copy_rules((*guards, *restorers, *others)),
    )


def _without_guards(others: Sequence[Filter]) -> CompiledPolicy:
    return CompiledPolicy(NO_POLICY, (), (), (), _hearing(others), (), copy_rules(others))


def _hearing(others: Sequence[Filter]) -> tuple[Filter, ...]:
    """Filters that are not guards, and process responses: they hear what the client gets."""
    return tuple(one for one in others if Direction.RESPONSE in one.directions)


def copy_rules(filters: Sequence[Filter]) -> CopyRules:
    """Which copies of texts must be removed from responses when these filters are active."""
    return CopyRules(
        drops_all=any(item.changes_responses for item in filters),
        drops_inserted=any(item.inserts_prompt for item in filters),
    )
