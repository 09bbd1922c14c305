"""Sums that may fall, told so that a counter need not: of what is revised downwards, as much is left out later."""

from __future__ import annotations

from typing import Final

KEYS_MAX: Final = 10_000
"""Further ones are one, `other`."""
NEW_S: Final = 120.0
"""A series that is new stands at 0 for so long, that a scrape sees it: Prometheus knows no increase up to the first
value.
"""
_OTHER: Final = "other"
LabelValues = tuple[str, ...]


class RisingSums:
    """By label values. What it gives of each adds up to the highest sum that it had so far."""

    def __init__(self) -> None:
        self._since_s: dict[LabelValues, float] = {}
        self._left: dict[LabelValues, int] = {}

    def add(self, labels: LabelValues, amount: int) -> None:
        """Args: amount: may be below 0."""
        if labels not in self._left and len(self._left) >= KEYS_MAX:
            labels = (_OTHER,) * len(labels)
        self._left[labels] = self._left.get(labels, 0) + amount

    def take(self, now_s: float) -> list[tuple[LabelValues, int]]:
        """What is to be added to counters, at least 0; 0 makes a series.

        Args: now_s: of a monotonic clock.
        """
        told = []
        for labels, left in self._left.items():
            if labels not in self._since_s:
                self._since_s[labels] = now_s
                told.append((labels, 0))
            elif left > 0 and now_s - self._since_s[labels] >= NEW_S:
                told.append((labels, left))
        for labels, amount in told:
            self._left[labels] -= amount
        return told
