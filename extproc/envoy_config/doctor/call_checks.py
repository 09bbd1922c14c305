"""Checks of what Envoy does with a call that no processor has taken: at each restart there are some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from extproc.envoy_config.doctor.blocks import Block, mapping, mappings
from extproc.envoy_config.doctor.check import Examined, FoundPlace, quoted, warning
from extproc.envoy_config.retries import UNREACHED

_NEEDED: Final = ("connect-failure", "refused-stream")
_RETRIES_MIN: Final = 100
"""Fewer at a time are soon too few: all that wait for a processor are repeated at once."""


@warning("call-not-repeated", "Envoy makes no call again that no processor has taken")
def call_not_repeated(examined: Examined) -> Iterator[FoundPlace]:
    """Each restart of a processor is then an error for everybody who asks meanwhile, also where another processor could
    answer. Set `retry_policy` in the filter's `grpc_service`, as `extproc envoy-config` does; only for what nobody has
    read, so that nothing is guarded or counted twice. See [upgrades](upgrades.md#what-envoy-does).
    """
    for _, _, one in examined.model.ours:
        policy = mapping(mapping(one.config.get("grpc_service")).get("retry_policy"))
        conditions = str(policy.get("retry_on", "")).split(",")
        if one.processor in examined.model.by_name and not all(name in conditions for name in _NEEDED):
            yield FoundPlace(
                f"{one.path}.typed_config.grpc_service.retry_policy.retry_on",
                "a restart of the processor fails the requests that come meanwhile.",
                f"Set {UNREACHED}.",
            )


@warning("retries-limited", "Envoy repeats few calls of the processor at a time")
def retries_limited(examined: Examined) -> Iterator[FoundPlace]:
    """Three at a time, if nothing else is set. When a processor restarts, all calls are repeated at once, and the
    others fail. Set a `retry_budget` in `circuit_breakers` of the processor's cluster, or a large `max_retries`.
    """
    asked = {one.processor for _, _, one in examined.model.ours}
    for cluster in examined.model.clusters:
        limits = mapping(cluster.block.get("circuit_breakers"))
        if cluster.name in asked and not any(map(_is_wide, mappings(limits.get("thresholds")))):
            yield FoundPlace(
                f"{cluster.path}.circuit_breakers",
                f"{quoted(cluster.name)} allows three retries at a time, or little more.",
                "Set retry_budget: { budget_percent: { value: 100 }, min_retry_concurrency: 4096 }.",
            )


def _is_wide(thresholds: Block) -> bool:
    if thresholds.get("priority", "DEFAULT") != "DEFAULT":
        return False
    retries = thresholds.get("max_retries", 0)
    return "retry_budget" in thresholds or (isinstance(retries, int) and retries >= _RETRIES_MIN)
