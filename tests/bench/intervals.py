"""How sure a ratio is: the interval in which its mean lies, from rounds in which its parts took turns."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from tests.bench.figures import Figures, Key, ratios, raw_figures
from tests.bench.loads import Taken, loads
from tests.bench.subjects import TRANSPORTS

# Two-sided 95 % quantiles of Student's t, by degrees of freedom. Source: NIST/SEMATECH e-Handbook, 1.3.6.7.2.
_QUANTILES: Final = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
_QUANTILE_OF_MANY: Final = 2.2


class Interval(NamedTuple):
    """Of a mean, at 95 %."""

    mean: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """Half its width, as a share of the mean of ratios."""
        return (self.high - self.low) / 2 / self.mean

    @property
    def excludes_one(self) -> bool:
        """Whether a ratio differs from 1 by more than chance."""
        return self.low > 1 or self.high < 1


def interval_of(values: Sequence[float]) -> Interval | None:
    """Of one value a round; None of fewer than two. Ratios are averaged by their logarithms."""
    if len(values) < 2:
        return None
    are_ratios = min(values) > 0
    taken = [math.log(value) for value in values] if are_ratios else list(values)
    freedom = len(taken) - 1
    quantile = _QUANTILES[freedom - 1] if freedom <= len(_QUANTILES) else _QUANTILE_OF_MANY
    mean, half = statistics.mean(taken), quantile * statistics.stdev(taken) / math.sqrt(len(taken))
    found = mean, mean - half, mean + half
    return Interval(*map(math.exp, found)) if are_ratios else Interval(*found)


def of_each_round(samples: Mapping[Key, Sequence[Taken]]) -> list[Figures]:
    """The figures of each round by itself."""
    rounds = max((len(taken) for taken in samples.values()), default=0)
    return [
        raw_figures({key: [taken[number]] for key, taken in samples.items() if number < len(taken)})
        for number in range(rounds)
    ]


def intervals_of_ratios(samples: Mapping[Key, Sequence[Taken]]) -> dict[str, Interval]:
    """Of each ratio of the judged transport, over the rounds."""
    rounds = [ratios(raw, TRANSPORTS[-1], loads(full=True)) for raw in of_each_round(samples)]
    names = dict.fromkeys(name for each in rounds for name in each)
    found = {name: interval_of([each[name] for each in rounds if name in each]) for name in names}
    return {name: interval for name, interval in found.items() if interval is not None}


def widest_spread(samples: Mapping[Key, Sequence[Taken]]) -> float:
    """Of the ratios of CPU times; infinite where none has an interval yet. Latencies spread more, and do not count."""
    found = [one.spread for name, one in intervals_of_ratios(samples).items() if "_vs_" in name]
    return max(found, default=math.inf)
