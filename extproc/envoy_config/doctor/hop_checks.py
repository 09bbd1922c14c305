"""Checks of the mark between two hops: does it get to the processor that reads it, and from nobody but a hop."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.document import Role
from extproc.domain.contract import INTERNAL_HEADER_PREFIX, MARK_HEADER
from extproc.envoy_config.doctor.check import Examined, FoundPlace, warning
from extproc.envoy_config.doctor.model import HttpChain


@warning("mark-removed", "Envoy removes the mark of the hop in front")
def mark_removed(examined: Examined) -> Iterator[FoundPlace]:
    """The configuration has `hops` in role `guard`, and Envoy removes the header `x-llm-guarded` before the processor
    reads it. So each request seems to come around the gateway: it is guarded, gets its prompt and is counted a second
    time. A configuration that was generated before there were `hops` is like that.
    """
    for chain in _asked(examined, Role.GUARD):
        if chain.removes(MARK_HEADER):
            yield FoundPlace(
                _place(chain),
                f"{MARK_HEADER} is removed before llm-extproc reads it.",
                "Generate Envoy's configuration again, with `extproc envoy-config`.",
            )


@warning("mark-kept", "A gateway lets through marks that clients send")
def mark_kept(examined: Examined) -> Iterator[FoundPlace]:
    """The configuration has `hops` in role `route`, and Envoy does not remove `x-llm-guarded` from what clients send.
    The processor removes it where it is called. On a route without it a copied mark gets to a sidecar, which believes
    it for the same request once. Where routes look at headers as well, `client-header-kept` reports both.
    """
    for chain in _asked(examined, Role.ROUTE):
        chooses = any("headers" in (way.route.get("match") or ()) for way in chain.destinations)
        if not chooses and not chain.removes(MARK_HEADER):
            yield FoundPlace(
                _place(chain),
                f"{MARK_HEADER} of a client passes.",
                f"Remove all headers with the prefix {INTERNAL_HEADER_PREFIX} before routing.",
            )


def _asked(examined: Examined, role: Role) -> Iterator[HttpChain]:
    """Chains that clients or a hop reach, if the processor has this role and marks."""
    document = examined.document
    if document is None or document.hops is None or document.role is not role:
        return
    for listener, chain in examined.model.chains:
        if chain.ours and not listener.is_internal:
            yield chain


def _place(chain: HttpChain) -> str:
    return f"{chain.path}.early_header_mutation_extensions"
