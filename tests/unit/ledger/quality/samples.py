"""Answers to try drift with."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from extproc.config.drift import DriftSection
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.quality.adding import AddedSums, SumsPlace, add_sums
from extproc.ledger.quality.blocks import BLOCK_S
from extproc.ledger.quality.states import ShownDrift
from extproc.ledger.quality.terms import DriftTerms
from extproc.ledger.quality.watch import DriftLooked, DriftWatch
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.samples import NOON_US, entry

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
STRATA_MAX = 8
PINNED = DriftSection(reference="pinned", first_answers=20_000)
_NUMBERS = count()


def terms(section: DriftSection = PINNED, *versions: tuple[str, str]) -> DriftTerms:
    """Terms of some versions."""
    return DriftTerms(section, versions or (("tiny", "v2"),))


def place(signal: str, hour_us: int = NOON_US, **changed: Any) -> SumsPlace:
    """Of a row of sums."""
    whole = SumsPlace("tiny", "v2", "f2", "p1", hour_us // HOUR_US * HOUR_US, "night", "search", signal)
    return whole._replace(**changed)


def rate_row(answers: int, events: int, signal: str = "refused", **changed: Any) -> dict[SumsPlace, AddedSums]:
    """Sums of answers, of which some have a signal."""
    return {
        place("answers", **changed): AddedSums(answers, 0.0, 0.0),
        place(signal, **changed): AddedSums(answers, float(events), float(events)),
    }


def log_row(answers: int, mean: float, sd: float, signal: str = "length", **changed: Any) -> dict[SumsPlace, AddedSums]:
    """Sums of logarithms that have exactly this mean and deviation."""
    return {
        place("answers", **changed): AddedSums(answers, 0.0, 0.0),
        place(signal, **changed): AddedSums(answers, answers * mean, answers * (mean * mean + sd * sd)),
    }


def answers_of(hits: int, judged: int, **changed: Any) -> list[LedgerEntry]:
    """Entries, of which some are refusals."""
    return [
        entry(exchange=f"q-{next(_NUMBERS)}", signals={"refused": [int(number < hits), 1], "length": 7.0}, **changed)
        for number in range(judged)
    ]


class Played:
    """A store, a clock, and processes that watch it in turn."""

    def __init__(self, store: LedgerStore, drift: DriftTerms, now_us: int = NOON_US) -> None:
        self.store = store
        self.terms = drift
        self.now_us = now_us
        self.watch = DriftWatch(store, drift)
        self.watch.look(now_us)  # closes the first block, in which nothing is

    def restart(self) -> None:
        """Another process watches from now on."""
        self.watch = DriftWatch(self.store, self.terms)

    def add(self, *several: Mapping[SumsPlace, AddedSums]) -> None:
        """Sums into the open block."""
        with self.store.writing() as connection:
            for one in several:
                add_sums(connection, one, STRATA_MAX)

    def minute(self, *several: Mapping[SumsPlace, AddedSums]) -> DriftLooked:
        """A block of sums, closed and read."""
        self.add(*several)
        self.now_us += int(BLOCK_S * 1_000_000)
        return self.watch.look(self.now_us) or DriftLooked()


def shown(looked: DriftLooked, signal: str = "refused", version: str = "v2") -> ShownDrift:
    """Of one signal."""
    (found,) = [one for one in looked.shown if (one.signal, one.version) == (signal, version)]
    return found


def told(looked: DriftLooked) -> list[tuple[str, str, str]]:
    """The changes."""
    return [(one.kind, one.shown.signal, one.reason) for one in looked.changes]
