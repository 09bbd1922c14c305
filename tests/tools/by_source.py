"""Figures of a detector over sources, each of which counts once, however many rows it has.

What varies between sources is far more than what varies between rows, so an interval is over sources: it says how
another source of the same kind may fare.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

RATES: Final = (0.01, 0.001)
_DRAWS: Final = 2_000
_SHARE: Final = 0.95


class Scored(NamedTuple):
    """A row and its score."""

    source: str
    label: int
    score: float


class Interval(NamedTuple):
    """A macro mean over sources, with what another draw of sources may give."""

    mean: float
    low: float
    high: float


def by_source(rows: Iterable[Scored], label: int) -> dict[str, list[float]]:
    """The scores of the rows with a label, by source."""
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.label == label:
            found[row.source].append(row.score)
    return dict(sorted(found.items()))


def shares_above(scores: Mapping[str, Sequence[float]], threshold: float) -> dict[str, float]:
    """Of each source, which share of its rows scores more than a threshold."""
    return {source: sum(score > threshold for score in each) / len(each) for source, each in scores.items()}


def mean_of(shares: Mapping[str, float]) -> float:
    """The macro mean; 0 without sources."""
    return sum(shares.values()) / max(1, len(shares))


def interval_of(shares: Mapping[str, float]) -> Interval:
    """The macro mean, and its 95 % interval by drawing sources anew."""
    values, chance = list(shares.values()), random.Random(0)
    if not values:
        return Interval(0.0, 0.0, 0.0)
    means = sorted(sum(chance.choices(values, k=len(values))) / len(values) for _ in range(_DRAWS))
    edge = int(_DRAWS * (1 - _SHARE) / 2)
    return Interval(mean_of(shares), means[edge], means[-edge - 1])


def threshold_at(honest: Mapping[str, Sequence[float]], rate: float) -> float:
    """The lowest score above which the macro mean of honest rows is at most ``rate``."""
    candidates = sorted(set(chain.from_iterable(honest.values())))
    low, high = 0, len(candidates) - 1
    while low < high:  # the share above a threshold only falls
        middle = (low + high) // 2
        if mean_of(shares_above(honest, candidates[middle])) <= rate:
            high = middle
        else:
            low = middle + 1
    return candidates[low] if candidates else 0.0


def figures(rows: Sequence[Scored], rates: Sequence[float] = RATES) -> dict[str, float]:
    """Recall at rates of false alarms with its interval, both as macro means over sources, by flat name."""
    honest, wanted = by_source(rows, 0), by_source(rows, 1)
    found: dict[str, float] = {}
    for rate in rates:
        threshold = threshold_at(honest, rate)
        recall = interval_of(shares_above(wanted, threshold))
        found |= {
            f"recall_at_fpr_{rate}": recall.mean,
            f"recall_at_fpr_{rate}.low": recall.low,
            f"recall_at_fpr_{rate}.high": recall.high,
            f"threshold_at_fpr_{rate}": threshold,
        }
    return found


def figures_at(rows: Sequence[Scored], threshold: float) -> dict[str, float]:
    """The same at a threshold: recall, false alarms, and both for each source."""
    least_above = threshold - 1e-9  # a threshold is reached by what equals it
    recall, alarms = (shares_above(by_source(rows, label), least_above) for label in (1, 0))
    found: dict[str, float] = {}
    for name, shares in (("recall", recall), ("false_alarms", alarms)):
        interval = interval_of(shares)
        found |= {name: interval.mean, f"{name}.low": interval.low, f"{name}.high": interval.high}
        found |= {f"{name}.{source}": share for source, share in shares.items()}
    return found


def area_under_curve(rows: Sequence[Scored]) -> float:
    """The probability that a wanted row scores more than an honest one, each source counting once."""
    honest, wanted = by_source(rows, 0), by_source(rows, 1)
    weighted = [
        (score, label, 1 / len(each) / len(group))
        for label, group in ((0, honest), (1, wanted))
        for each in group.values()
        for score in each
    ]
    weighted.sort(key=lambda row: row[0])
    area = below = 0.0
    index = 0
    while index < len(weighted):
        end = index
        while end < len(weighted) and weighted[end][0] == weighted[index][0]:
            end += 1
        tied = [sum(weight for _, label, weight in weighted[index:end] if label == one) for one in (0, 1)]
        area += tied[1] * (below + tied[0] / 2)
        below += tied[0]
        index = end
    return area
