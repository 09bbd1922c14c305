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
from extproc.statistics.references import SignalKind
from extproc.statistics.sums import Floats, SumArrays
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


def stored_delays(shift: Shift, runs: int, chance: np.random.Generator, answers_max: int = 20_000) -> Floats:
    """Answers from the drift until the alarm, by run; as ``pinned_delays``, through the database."""
    return np.array([_delay(shift, chance, answers_max) for _ in range(runs)])


def _delay(shift: Shift, chance: np.random.Generator, answers_max: int) -> float:
    shape = STRATUM_SHARES.shape
    before = Draw(shift.kind, np.full(shape, shift.before), np.full(shape, shift.sd))
    after = before._replace(level=np.full(shape, shift.after))
    with tempfile.TemporaryDirectory() as folder:
        world = _World(Path(folder), shift.kind)
        try:
            world.block(world.sums(before.block(chance, (_WEEK_ANSWERS * STRATUM_SHARES).round())))
            calm = CALM_ANSWERS // shift.answers
            for step in range(calm + answers_max // shift.answers):
                count = chance.multinomial(shift.answers, STRATUM_SHARES).astype(np.float64)
                looked = world.block(world.sums((before if step < calm else after).block(chance, count)))
                if step >= calm and looked is not None and any(one.alarm for one in looked.shown):
                    return float((step - calm + 1) * shift.answers)
        finally:
            world.close()
    return math.inf
