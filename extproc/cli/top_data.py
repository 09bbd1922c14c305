"""What ``extproc top`` shows, from the pages of a processor: sums by team and by version, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from extproc.cli.operations_pages import Samples, problems_of
from extproc.cli.rates import CounterValues, RateWindow, counters_of, quantile
from extproc.cli.top_shapes import (
    BudgetSpentJson,
    DriftEffectJson,
    FallbackStepsJson,
    GuardHitsJson,
    LimitHitsJson,
    TeamTrafficJson,
    TopJson,
    TrafficJson,
    VersionTrafficJson,
)

REQUESTS: Final = "llm_requests_total"
PROMPT: Final = "llm_prompt_tokens_total"
COMPLETION: Final = "llm_completion_tokens_total"
COST: Final = "llm_cost_micro_usd_total"
_FIRST_TOKEN: Final = "llm_time_to_first_token_seconds"
_DURATION: Final = "llm_request_duration_seconds"
_VERDICTS: Final = "llm_guard_verdicts_total"
_FALLBACKS: Final = "llm_fallback_total"
_REFUSED_BY_LIMIT: Final = "llm_extproc_rate_limit_refused_total"
_REFUSED_IN_SHADOW: Final = "llm_extproc_rate_limit_shadow_refused_total"
_IN_FLIGHT: Final = "llm_inflight_exchanges"
_SPENT: Final = "llm_extproc_budget_spent_percent"
_DRIFT: Final = "llm_quality_drift"
_READ: Final = (
    *(REQUESTS, PROMPT, COMPLETION, COST, f"{_FIRST_TOKEN}_bucket", f"{_DURATION}_bucket"),
    *(_VERDICTS, _FALLBACKS, _REFUSED_BY_LIMIT, _REFUSED_IN_SHADOW, _IN_FLIGHT, _SPENT, _DRIFT),
)
_FAILED: Final = ("failed", "upstream_error", "local_reply")
_REFUSED: Final = ("rejected", "cut")
_MICRO_USD_PER_S: Final = 3_600 / 1_000_000  # in USD an hour

Values = tuple[str, ...]
"""Of labels."""


class SortColumn(StrEnum):
    """A column that rows are sorted by; a table without it sorts by its requests."""

    NAME = "name"
    REQUESTS = "requests"
    FAILED = "failed"
    REFUSED = "refused"
    IN = "in"
    OUT = "out"
    COST = "cost"
    FIRST = "first"
    P50 = "p50"
    P95 = "p95"


_SORTED_BY: Final[Mapping[SortColumn, str]] = {
    SortColumn.REQUESTS: "requests_per_s",
    SortColumn.FAILED: "failed_share",
    SortColumn.REFUSED: "refused_share",
    SortColumn.IN: "prompt_tokens_per_s",
    SortColumn.OUT: "completion_tokens_per_s",
    SortColumn.COST: "cost_usd_per_hour",
    SortColumn.FIRST: "first_token_p95_s",
    SortColumn.P50: "duration_p50_s",
    SortColumn.P95: "duration_p95_s",
}


@dataclass(frozen=True, slots=True)
class Look:
    """What a person wants to see.

    Attributes:
        team, model: a part of the names; of a version it may be MODEL/VERSION.
        turned: the other way round.
    """

    team: str = ""
    model: str = ""
    sort: SortColumn = SortColumn.REQUESTS
    turned: bool = False

    def wants(self, labels: Mapping[str, str]) -> bool:
        """Whether a series is of that team and model. One without a team is of none in particular."""
        version = f"{labels.get('model', '')}/{labels.get('version', '')}"
        return self.team.lower() in labels.get("team", "").lower() and self.model.lower() in version.lower()


_ANYTHING: Final = Look()
_NO_TRAFFIC: Final[TrafficJson] = {
    "requests_per_s": 0.0,
    "failed_share": None,
    "refused_share": None,
    "prompt_tokens_per_s": 0.0,
    "completion_tokens_per_s": 0.0,
    "cost_usd_per_hour": 0.0,
    "requests": 0,
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "cost_micro_usd": 0,
}
_RowT = TypeVar("_RowT", TeamTrafficJson, VersionTrafficJson)


def only_read(metrics: str) -> str:
    """The lines of a metrics page that ``top_of`` reads: a page may have many thousands of others."""
    return "\n".join(line for line in metrics.splitlines() if line.startswith(_READ)) + "\n"


def top_of(url: str, ready: dict[str, Any], samples: Samples, window: RateWindow, look: Look) -> TopJson:
    """All of it."""
    sums = _Sums(counters_of(samples), window.recent(), window.seconds)
    (all_of_it,) = sums.traffic((), look).values() or (_NO_TRAFFIC,)
    return {
        "url": url,
        "ready": bool(ready["ready"]),
        "draining": bool(ready["draining"]),
        "revision": str(ready["revision"]),
        "problems": [f"{name}: {what}" for name, what in problems_of(ready)],
        "seconds": round(window.seconds, 3),
        "in_flight": int(sum(value for _, value in samples.get(_IN_FLIGHT, ()))),
        "all": all_of_it,
        "teams": _sorted(_teams(sums, look), look, lambda row: row["team"]),
        "versions": _sorted(_versions(sums, look), look, lambda row: f"{row['model']}/{row['version']}"),
        "guards": _guards(sums),
        "fallbacks": _fallbacks(sums),
        "limits": _limits(sums),
        "budgets": _budgets(samples),
        "drift": _drift(samples, look),
    }


class _Sums:
    """Sums of counters by values of labels, since the start and a second; each in one pass over its series."""

    def __init__(self, totals: CounterValues, recent: CounterValues, seconds: float) -> None:
        self._by_name: dict[str, list[tuple[dict[str, str], float, float]]] = {}
        self._seconds = seconds
        for series, total in totals.items():
            name, labels = series
            self._by_name.setdefault(name, []).append((dict(labels), total, recent.get(series, 0.0)))

    def by(self, name: str, labels: Sequence[str], look: Look = _ANYTHING) -> dict[Values, tuple[float, float]]:
        """By values of labels: since the start, and a second."""
        sums: dict[Values, tuple[float, float]] = {}
        for found, total, recent in self._by_name.get(name, ()):
            if look.wants(found):
                values = tuple(found.get(label, "") for label in labels)
                before = sums.get(values, (0.0, 0.0))
                per_s = recent / self._seconds if self._seconds else 0.0
                sums[values] = before[0] + total, before[1] + per_s
        return sums

    def hits(self, name: str, *labels: str) -> list[tuple[Values, int, float]]:
        """By values of labels: how often, and a second; the most frequent first."""
        hits = [(values, int(times), per_s) for values, (times, per_s) in self.by(name, labels).items() if times]
        return sorted(hits, key=lambda one: (-one[2], -one[1], one[0]))

    def traffic(self, labels: Sequence[str], look: Look) -> dict[Values, TrafficJson]:
        """By values of labels, where there was any."""
        requests = self.by(REQUESTS, labels, look)
        outcomes = self.by(REQUESTS, (*labels, "outcome"), look)
        tokens_and_cost = [self.by(name, labels, look) for name in (PROMPT, COMPLETION, COST)]
        found: dict[Values, TrafficJson] = {}
        for values, (times, per_s) in requests.items():
            if times:
                prompt, completion, cost = (sums.get(values, (0.0, 0.0)) for sums in tokens_and_cost)
                found[values] = {
                    "requests_per_s": per_s,
                    "failed_share": _share(outcomes, values, _FAILED, per_s),
                    "refused_share": _share(outcomes, values, _REFUSED, per_s),
                    "prompt_tokens_per_s": prompt[1],
                    "completion_tokens_per_s": completion[1],
                    "cost_usd_per_hour": cost[1] * _MICRO_USD_PER_S,
                    "requests": int(times),
                    "prompt_tokens": int(prompt[0]),
                    "completion_tokens": int(completion[0]),
                    "cost_micro_usd": int(cost[0]),
                }
        return found

    def histograms(self, name: str) -> dict[Values, list[tuple[float, float]]]:
        """By model and version: upper bound of each bucket, and what it counted a second."""
        buckets: dict[Values, list[tuple[float, float]]] = {}
        for (model, version, bound), (_, per_s) in self.by(f"{name}_bucket", ("model", "version", "le")).items():
            buckets.setdefault((model, version), []).append((float(bound), per_s))
        return buckets


def _share(
    outcomes: Mapping[Values, tuple[float, float]], values: Values, which: Sequence[str], per_s: float
) -> float | None:
    if not per_s:
        return None
    return min(sum(outcomes.get((*values, outcome), (0.0, 0.0))[1] for outcome in which) / per_s, 1.0)


def _teams(sums: _Sums, look: Look) -> list[TeamTrafficJson]:
    return [{"team": team, **traffic} for (team,), traffic in sums.traffic(("team",), look).items()]


def _versions(sums: _Sums, look: Look) -> list[VersionTrafficJson]:
    first: dict[Values, list[tuple[float, float]]] = {}
    whole: dict[Values, list[tuple[float, float]]] = {}
    if not look.team:  # histograms have no team
        first, whole = sums.histograms(_FIRST_TOKEN), sums.histograms(_DURATION)
    return [
        {
            "model": values[0],
            "version": values[1],
            **traffic,
            "first_token_p95_s": quantile(first.get(values, ()), 0.95),
            "duration_p50_s": quantile(whole.get(values, ()), 0.5),
            "duration_p95_s": quantile(whole.get(values, ()), 0.95),
        }
        for values, traffic in sums.traffic(("model", "version"), look).items()
    ]


def _sorted(rows: list[_RowT], look: Look, name_of: Callable[[_RowT], str]) -> list[_RowT]:
    """By the column, the largest first, names from a to z; rows that are alike by their requests, then by name."""
    rows = sorted(rows, key=lambda row: (-row["requests_per_s"], -row["requests"], name_of(row)))
    if look.sort is SortColumn.NAME:
        return sorted(rows, key=name_of, reverse=look.turned)
    key = _SORTED_BY[look.sort]

    def value(row: _RowT) -> float:
        found: Any = row.get(key, row["requests_per_s"])
        return -1.0 if found is None else float(found)

    return sorted(rows, key=value, reverse=not look.turned)


def _guards(sums: _Sums) -> list[GuardHitsJson]:
    return [
        {"guard": guard, "direction": direction, "action": action, "per_s": per_s, "times": times}
        for (guard, direction, action), times, per_s in sums.hits(_VERDICTS, "guard", "direction", "action")
    ]


def _fallbacks(sums: _Sums) -> list[FallbackStepsJson]:
    return [
        {"version": version, "next": after, "reason": reason, "per_s": per_s, "times": times}
        for (version, after, reason), times, per_s in sums.hits(_FALLBACKS, "from", "to", "reason")
    ]


def _limits(sums: _Sums) -> list[LimitHitsJson]:
    found: list[LimitHitsJson] = [
        {"limit": limit, "shadow": shadow, "per_s": per_s, "times": times}
        for shadow, name in ((False, _REFUSED_BY_LIMIT), (True, _REFUSED_IN_SHADOW))
        for (limit,), times, per_s in sums.hits(name, "limit")
    ]
    return sorted(found, key=lambda one: (-one["per_s"], -one["times"]))


def _budgets(samples: Samples) -> list[BudgetSpentJson]:
    spent: list[BudgetSpentJson] = [
        {"budget": labels.get("budget", ""), "spent_percent": value} for labels, value in samples.get(_SPENT, ())
    ]
    return sorted(spent, key=lambda one: -one["spent_percent"])


def _drift(samples: Samples, look: Look) -> list[DriftEffectJson]:
    alarms, compared = _that_are(samples, f"{_DRIFT}_alarm"), _that_are(samples, f"{_DRIFT}_compared")
    found: list[DriftEffectJson] = [
        {
            "model": key[0],
            "version": key[1],
            "signal": key[2],
            "effect": value,
            "alarm": key in alarms,
        }
        for labels, value in samples.get(_DRIFT, ())
        if (key := _drift_key(labels)) in compared and look.model.lower() in f"{key[0]}/{key[1]}".lower()
    ]
    return sorted(found, key=lambda one: (not one["alarm"], -abs(one["effect"]), one["signal"]))


def _drift_key(labels: Mapping[str, str]) -> Values:
    return labels.get("model", ""), labels.get("version", ""), labels.get("signal", "")


def _that_are(samples: Samples, name: str) -> set[Values]:
    """The signals of versions for which a gauge is 1."""
    return {_drift_key(labels) for labels, value in samples.get(name, ()) if value}
