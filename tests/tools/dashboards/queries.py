"""The shapes of queries that panels share. ``by`` is labels, ``where`` the inside of a selector."""

from __future__ import annotations

from typing import Final

VERSIONS: Final = 'model=~"$model", version=~"$version"'
"""Selects what the reader chose."""
DECLINES: Final = 'kind=~"declines|"'
"""Of refusals; processors before the label counted all in a series without it."""
TEAMS: Final = 'team=~"$team", model=~"$model"'
INSTANCES: Final = 'instance=~"$instance"'
GUARDS: Final = 'policy=~"$policy", guard=~"$guard"'
BY_VERSION: Final = "model, version, fingerprint"
VERSION: Final = "{{model}}/{{version}} {{prompt}}"
"""A version, as a series with the name of its prompt is called."""


def selector(metric: str, where: str = "") -> str:
    """A metric with its conditions."""
    return f"{metric}{{{where}}}" if where else metric


def total(inner: str, by: str = "") -> str:
    """A sum; of each ``by``."""
    return f"sum by ({by}) ({inner})" if by else f"sum({inner})"


def rate(metric: str, by: str = "", where: str = "") -> str:
    """A counter, by second."""
    return total(f"rate({selector(metric, where)}[$__rate_interval])", by)


def hourly_rate(metric: str, by: str = "", where: str = "") -> str:
    """A counter that moves once an hour, by second."""
    return total(f"rate({selector(metric, where)}[2h])", by)


def risen(metric: str, by: str = "", where: str = "") -> str:
    """A counter, over the range of time that is shown."""
    return total(f"increase({selector(metric, where)}[$__range])", by)


def share(metric: str, of: str, by: str = "", where: str = "", of_where: str | None = None) -> str:
    """One counter by another."""
    return f"{rate(metric, by, where)} / {rate(of, by, where if of_where is None else of_where)}"


def mean(histogram: str, by: str = "", where: str = "") -> str:
    """The mean of what a histogram counts."""
    return share(f"{histogram}_sum", f"{histogram}_count", by, where)


def quantile(part: float, histogram: str, by: str = "", where: str = "") -> str:
    """What this part of the values is below."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({part:g}, {rate(f'{histogram}_bucket', labels, where)})"


def with_prompt(expr: str) -> str:
    """Figures of versions, with the name of the prompt that each fingerprint has."""
    names = f"max by ({BY_VERSION}, prompt) (llm_version_info)"
    return f"({expr}) * on ({BY_VERSION}) group_left (prompt) {names}"
