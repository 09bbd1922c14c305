"""A configuration compiled for dry runs: every finding is reported with its text, and policies can be picked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from extproc.config.document import Document
from extproc.config.guards.base import GuardSection
from extproc.config.load import revision_of
from extproc.config.policies import Policy
from extproc.domain.rollouts import RolloutShare
from extproc.exchange.snapshot import Snapshot, compile_snapshot


def compile_dry(
    document: Document,
    prompts: Mapping[str, str],
    mask_keys: Mapping[str, bytes] = MappingProxyType({}),
    *,
    policy: str | None = None,
    guards: Collection[str] = (),
    rollouts: Sequence[RolloutShare] = (),
) -> Snapshot:
    """The snapshot that serves, except that findings of guards with ``review: false`` are reported too, the headers of
    ``identity`` are believed, and hops set and read no marks: who tries something has no credentials of others.

    Args:
        prompts, mask_keys, rollouts: as for ``compile_snapshot``.
        policy: the only policy, for every exchange; None: as configured.
        guards: names of the only guards; empty: all.
    Raises: ValueError for a policy or a guard that does not exist.
    """
    policies = document.policies
    if policy is not None:
        policies = tuple(one.model_copy(update={"when": ()}) for one in policies if one.name == policy)
        if not policies:
            raise ValueError(_unknown("policy", policy, [one.name for one in document.policies]))
    known = [name_of(guard) for one in policies for guard in one.guards]
    for name in guards:
        if name not in known:
            raise ValueError(_unknown("guard", name, known))
    believing = document.identity.model_copy(update={"sources": (), "user_hash_key_file": None, "user_field": False})
    changed = document.model_copy(
        update={
            "policies": tuple(_reporting(one, guards) for one in policies),
            "identity": believing,
            "hops": None,
        }
    )
    snapshot = compile_snapshot(changed, prompts, mask_keys, rollouts)
    return replace(snapshot, revision=revision_of(document, prompts))


def name_of(guard: GuardSection) -> str:
    """The name of a guard in metrics and logs."""
    return guard.name or guard.guard


def _reporting(policy: Policy, guards: Collection[str]) -> Policy:
    kept = [guard for guard in policy.guards if not guards or name_of(guard) in guards]
    return policy.model_copy(update={"guards": tuple(guard.model_copy(update={"review": True}) for guard in kept)})


def _unknown(noun: str, name: str, known: Collection[str]) -> str:
    named = ", ".join(dict.fromkeys(known)) or "none"
    return f"there is no {noun} `{name}`; there are: {named}"
