"""The metrics of signals: rates as two counters, values as histograms."""

from __future__ import annotations

from typing import Final

from extproc.domain.record import ExchangeRecord
from extproc.domain.signals import GAP_MEDIAN, GAP_P95, RATES, REASONING_SHARE, SIMILARITY
from extproc.sinks.gathered import Labels
from extproc.sinks.gathering_registry import VERSION_LABELS, GatheringRegistry

GAP_SECONDS_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2.5, 5)
SHARE_BUCKETS: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_LABELS: Final = (*VERSION_LABELS, "route")


class SignalMetrics:
    """The metrics of answers. Callers hold the registry's lock."""

    def __init__(self, registry: GatheringRegistry) -> None:
        histogram = registry.histogram
        self._rates = registry.rates(
            ("llm_answer_signals_total", "Answers, calls and requests that have a signal."),
            ("llm_answer_signals_judged_total", "Answers, calls and requests of which that is known."),
            (*_LABELS, "signal"),
            tuple(rate.name for rate in RATES),
        )
        self._values = {
            GAP_MEDIAN: histogram(
                "llm_stream_gap_median_seconds",
                "Median time between two texts of one stream.",
                _LABELS,
                GAP_SECONDS_BUCKETS,
            ),
            GAP_P95: histogram(
                "llm_stream_gap_p95_seconds",
                "95th percentile of the time between two texts of one stream.",
                _LABELS,
                GAP_SECONDS_BUCKETS,
            ),
            REASONING_SHARE: histogram(
                "llm_reasoning_share", "Share of reasoning in the tokens of an answer.", _LABELS, SHARE_BUCKETS
            ),
            SIMILARITY: histogram(
                "llm_answer_similarity",
                "Share of first words in common with the answer before to the same question.",
                _LABELS,
                SHARE_BUCKETS,
            ),
        }

    def count(self, record: ExchangeRecord, by_version: Labels) -> None:
        """Count the answers of one exchange."""
        signals = record.signals
        if signals is None:
            return
        labels = (*by_version, record.route)
        self._rates.add(labels, signals.hits, signals.judged)
        for name, value in signals.values.items():
            if (histogram := self._values.get(name)) is not None:
                histogram.add(labels, value)
