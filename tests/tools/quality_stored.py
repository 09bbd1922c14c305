"""A figure of ``quality_sim`` through the database: sums are added, blocks closed and read as a processor does."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from extproc.config.drift import DriftSection
from extproc.ledger.quality.adding import ANSWERS, AddedSums, SumsPlace, add_sums
from extproc.ledger.quality.blocks import BLOCK_S
from extproc.ledger.quality.sums import SIGNAL_KINDS
from extproc.ledger.quality.terms import DriftTerms
from extproc.ledger.quality.watch import DriftLooked, DriftWatch
from extproc.ledger.store import LedgerStore
from extproc.statistics.arrays import Floats
from extproc.statistics.drift import ReferenceKind, SignalDrift, log_threshold
from extproc.statistics.references import SignalKind, pinned_reference
from extproc.statistics.sums import BlockSums, SumArrays
from tests.tools.quality_figures import CALM_ANSWERS, Shift
from tests.tools.quality_worlds import ANSWERS_A_DAY, SERIES, STRATUM_SHARES, VERSIONS, Draw

_BLOCK_US: Final = int(BLOCK_S * 1_000_000)
_WEEK_ANSWERS: Final = 7 * ANSWERS_A_DAY // VERSIONS
_SIGNALS: Final = tuple(SIGNAL_KINDS)[-SERIES // VERSIONS :]
_SIGNAL_OF: Final = {SignalKind.RATE: "refused", SignalKind.LOG: "length"}
_STRATA_MAX: Final = 64


class _World:
    """A store, and a clock."""

    def __init__(self, folder: Path, kind: SignalKind) -> None:
        section = DriftSection(reference="pinned", first_answers=_WEEK_ANSWERS, signals=_SIGNALS)
        self._signal = _SIGNAL_OF[kind]
        self._store = LedgerStore("sqlite:///ledger.db", folder)
        self._watch = DriftWatch(self._store, DriftTerms(section, (("m", "v1"), ("m", "v2"))))
        self._now_us = 0
        self.block({})

    def block(self, sums: Mapping[SumsPlace, AddedSums]) -> DriftLooked | None:
        """A minute."""
        with self._store.writing() as connection:
            add_sums(connection, sums, _STRATA_MAX)
        self._now_us += _BLOCK_US
        return self._watch.look(self._now_us)

    def sums(self, drawn: SumArrays) -> dict[SumsPlace, AddedSums]:
        """Rows of what was drawn, by stratum."""
        rows = {}
        for stratum, (count, total, squares) in enumerate(
            zip(drawn.count.tolist(), drawn.total.tolist(), drawn.squares.tolist(), strict=True)
        ):
            place = SumsPlace("m", "v1", "f", "", 0, "all", f"team{stratum}", self._signal)
            rows[place] = AddedSums(int(count), total, squares)
            rows[place._replace(signal=ANSWERS)] = AddedSums(int(count), 0.0, 0.0)
        return rows

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def stored_differences(shift: Shift, runs: int, chance: np.random.Generator, answers_max: int = 20_000) -> Floats:
    """By run: the answers from a drift until the alarm, through the database against in memory, of the same draws."""
    return np.array([abs(_difference(shift, chance, answers_max)) for _ in range(runs)])


def _difference(shift: Shift, chance: np.random.Generator, answers_max: int) -> float:
    shape = STRATUM_SHARES.shape
    before = Draw(shift.kind, np.full(shape, shift.before), np.full(shape, shift.sd))
    after = before._replace(level=np.full(shape, shift.after))
    week = before.block(chance, (_WEEK_ANSWERS * STRATUM_SHARES).round())
    reference = pinned_reference(shift.kind, _by_name(week))
    drift = SignalDrift(shift.kind, log_threshold(ReferenceKind.PINNED, shift.kind, SERIES))
    begun_at: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        world = _World(Path(folder), shift.kind)
        try:
            world.block(world.sums(week))
            for step in range((CALM_ANSWERS + answers_max) // shift.answers):
                count = chance.multinomial(shift.answers, STRATUM_SHARES).astype(np.float64)
                block = (before if step < CALM_ANSWERS // shift.answers else after).block(chance, count)
                looked = world.block(world.sums(block))
                alarms = {
                    "stored": looked is not None and any(one.alarm for one in looked.shown),
                    "direct": drift.observe(_by_name(block), reference, step).alarm,
                }
                for name in (name for name, raised in alarms.items() if raised):
                    begun_at.setdefault(name, step * shift.answers)
                if len(begun_at) == len(alarms):
                    return float(begun_at["stored"] - begun_at["direct"])
        finally:
            world.close()
    return math.inf


def _by_name(drawn: SumArrays) -> dict[str, BlockSums]:
    """What was drawn, by stratum."""
    parts = zip(drawn.count.tolist(), drawn.total.tolist(), drawn.squares.tolist(), strict=True)
    return {f"team{stratum}": BlockSums(*one) for stratum, one in enumerate(parts)}
