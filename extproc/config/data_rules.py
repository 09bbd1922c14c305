"""Whose texts may go to a provider: the rules of ``identity.private_teams`` and of ``policies``.

A version at a provider may answer if the policy that applies to the exchange, with this version chosen, allows it. So
the answer is the same before a version is chosen and while Envoy tries the versions of a chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from extproc.config.document import Document
from extproc.config.policies import Condition
from extproc.config.providers import CompiledProvider
from extproc.domain.errors import ApiError

FORBIDDEN = ApiError(
    403,
    "permission_error",
    "provider_forbidden",
    "The data rules of your team or its policy keep this request from every server that has the model.",
)
NOT_SERVED = ApiError(
    400, "invalid_request_error", "api_not_served", "No server of this model serves this API. Use another API or model."
)


class Known(Protocol):
    """What conditions look at, in an exchange."""

    @property
    def endpoint(self) -> str:
        """The API."""
        ...

    @property
    def team(self) -> str:
        """As in measurements."""
        ...


class Chosen(Protocol):
    """A version."""

    @property
    def model(self) -> str:
        """Its model."""
        ...

    @property
    def name(self) -> str:
        """MODEL/VERSION."""
        ...


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    """A condition of a policy; an empty set matches all. ``models`` and ``versions`` are names, versions as
    MODEL/VERSION.
    """

    endpoints: frozenset[str]
    teams: frozenset[str]
    models: frozenset[str]
    versions: frozenset[str]

    def matches(self, known: Known, version: Chosen | None, model: str) -> bool:
        """Whether an exchange with this version chosen, or whose client requested ``model``, matches."""
        return (
            (not self.endpoints or known.endpoint in self.endpoints)
            and (not self.teams or known.team in self.teams)
            and (not self.models or (version.model if version else model) in self.models)
            and (not self.versions or (version is not None and version.name in self.versions))
        )


def compile_conditions(conditions: Sequence[Condition]) -> tuple[CompiledCondition, ...]:
    """The conditions of a policy, one of which must match; none: all exchanges match."""
    return tuple(
        CompiledCondition(
            frozenset(condition.endpoints),
            frozenset(condition.teams),
            frozenset(condition.models),
            frozenset(condition.versions),
        )
        for condition in conditions
    )


@dataclass(frozen=True, slots=True)
class DataRules:
    """Rules of a configuration.

    Attributes:
        policies: name, conditions, and whether texts may go to a provider, in order.
    """

    private_teams: frozenset[str] = frozenset()
    policies: tuple[tuple[str, tuple[CompiledCondition, ...], bool], ...] = ()

    def error(self, known: Known, version: Chosen, provider: CompiledProvider | None) -> ApiError | None:
        """Why a version cannot answer an exchange; None if it can."""
        if provider is None:
            return None
        if known.endpoint not in provider.apis:
            return NOT_SERVED
        return FORBIDDEN if self.forbidden_by(known, version) else None

    def forbidden_by(self, known: Known, version: Chosen) -> str:
        """The rule that keeps an exchange from providers with this version chosen; empty if there is none."""
        if known.team in self.private_teams:
            return "identity.private_teams"
        for name, conditions, is_allowed in self.policies:
            if not conditions or any(condition.matches(known, version, version.model) for condition in conditions):
                return "" if is_allowed else f"policies[{name}].providers"
        return ""


NO_RULES = DataRules()


def most_telling(errors: Iterable[ApiError | None]) -> ApiError:
    """What a client is told where no version can answer: of a rule, if one is why."""
    return next((error for error in errors if error is FORBIDDEN), NOT_SERVED)


def compile_data_rules(document: Document) -> DataRules:
    """The rules of a validated document."""
    return DataRules(
        frozenset(document.identity.private_teams),
        tuple(
            (policy.name, compile_conditions(policy.when), policy.providers != "none") for policy in document.policies
        ),
    )
