"""The figures of ``quality_sim``: each simulates answers and runs the detectors of ``extproc/statistics`` on them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from extproc.statistics.arrays import Floats
from extproc.statistics.drift import STRATA_MAX, ReferenceKind, SignalDrift, log_threshold
from extproc.statistics.e_detector import EDetector
from extproc.statistics.references import HOURS_A_WEEK, Reference, SignalKind, pinned, pinned_reference
from extproc.statistics.sums import BlockSums, SumArrays
from tests.tools.quality_worlds import ANSWERS_A_DAY, SERIES, STRATUM_SHARES, VERSIONS, Apart, Draw, Weeks

CALM_ANSWERS = 2_000
"""Before a drift begins."""
RATE, LOG = SignalKind.RATE, SignalKind.LOG
PINNED, SAME_HOURS = ReferenceKind.PINNED, ReferenceKind.SAME_HOURS


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is simulated."""

    runs: int = 1_000
    months: int = 24
    block_minutes: int = 1
    days: int = 28  # of a month, in whole weeks; figures are given for 30


QUICK = Sizes(runs=100, months=2, block_minutes=10)


@dataclass(frozen=True, slots=True)
class Shift:
    """A drift against a pinned week: before and after. ``answers``: in a block."""

    kind: SignalKind
    before: float
    after: float
    sd: float = 0.0
    answers: int = 25
    drifting: int = len(STRATUM_SHARES)  # strata, from the last on


def pinned_delays(shift: Shift, runs: int, chance: np.random.Generator, answers_max: int = 60_000) -> Floats:
    """Answers from the drift until the alarm, by run; the reference is a week of this version."""
    shape = (runs, STRATA_MAX)
    strata = len(STRATUM_SHARES)
    drifts = np.zeros(STRATA_MAX, dtype=np.bool_)
    drifts[strata - shift.drifting : strata] = True
    before = Draw(shift.kind, np.full(shape, shift.before), np.full(shape, shift.sd))
    after = before._replace(level=np.where(drifts, shift.after, before.level))
    expected = pinned(shift.kind, before.block(chance, _week_of(runs)))
    detector, threshold = EDetector(shift.kind, shape), log_threshold(PINNED, shift.kind, SERIES)
    found = np.full(runs, math.inf)
    calm = CALM_ANSWERS // shift.answers
    for step in range(calm + answers_max // shift.answers):
        count = np.zeros(shape)
        count[:, :strata] = chance.multinomial(shift.answers, STRATUM_SHARES, size=runs)
        block = (before if step < calm else after).block(chance, count)
        evidence = detector.observe(block, expected, step).log_evidence
        if step >= calm:
            found = np.where((evidence >= threshold) & np.isinf(found), (step - calm + 1) * shift.answers, found)
            if np.isfinite(found).all():
                break
    return found


def _week_of(runs: int) -> Floats:
    count = np.zeros((runs, STRATA_MAX))
    count[:, : len(STRATUM_SHARES)] = (7 * ANSWERS_A_DAY / VERSIONS * STRATUM_SHARES).round()
    return count


def hours_delays(kind: SignalKind, signal: str, factor: float, sizes: Sizes, chance: np.random.Generator) -> Floats:
    """The same against last week's hours, in all strata of a signal, from any hour of the week on."""
    weeks = Weeks(kind, max(sizes.runs // 4, 50), chance, only=signal)
    detector, threshold = EDetector(kind, weeks.shape), log_threshold(SAME_HOURS, kind, SERIES)
    starts = chance.integers(0, HOURS_A_WEEK, size=weeks.shape[:3])
    found, answers = np.full(starts.shape, math.inf), np.zeros(starts.shape)
    for hour, (expected, blocks) in enumerate(weeks.hours(2 * HOURS_A_WEEK, sizes.block_minutes)):
        drifts = (hour >= starts) & (hour < starts + HOURS_A_WEEK)
        for block in blocks:
            drifted = _shifted(kind, block, np.where(drifts, factor, 1.0)[..., None], chance)
            evidence = detector.observe(drifted, expected, hour).log_evidence
            answers += np.where(drifts, block.count.sum(axis=-1), 0.0)
            found = np.where((evidence >= threshold) & drifts & np.isinf(found), answers, found)
    return found.ravel()


def _shifted(kind: SignalKind, block: SumArrays, factor: Floats, chance: np.random.Generator) -> SumArrays:
    """A block whose level is multiplied."""
    if kind is RATE:
        more = chance.poisson(block.total * (factor - 1.0))
        events = np.minimum(block.total + more, block.count)
        return SumArrays(block.count, events, events)
    shift = np.log(factor)
    squares = block.squares + 2 * shift * block.total + block.count * shift**2
    return SumArrays(block.count, block.total + shift * block.count, squares)


def false_alarms(reference: ReferenceKind, world: Weeks, sizes: Sizes, thresholds: Floats) -> Floats:
    """Alarms in 30 days over all signals of a kind, by run and threshold. One is over at half of the threshold."""
    detector = EDetector(world.kind, world.shape)
    raised = np.zeros((*world.shape[:-1], len(thresholds)), dtype=np.bool_)
    alarms, pinned_week, step = np.zeros(raised.shape), world.pinned(), 0
    for hour, (last_week, blocks) in enumerate(world.hours(sizes.days * 24, sizes.block_minutes)):
        for block in blocks:
            step += 1
            compared = (last_week, hour) if reference is SAME_HOURS else (pinned_week, step)
            evidence = detector.observe(block, *compared).log_evidence[..., None]
            alarms += (evidence >= thresholds) & ~raised
            raised = (evidence >= thresholds) | (raised & (evidence > thresholds / 2))
    counted: Floats = alarms.sum(axis=(1, 2)) * 30 / sizes.days
    return counted


def months(
    reference: ReferenceKind, sizes: Sizes, chance: np.random.Generator, apart: Apart, rhythm: bool = True
) -> Floats:
    """False alarms a month over all signals, by run."""
    total: Floats = np.zeros(sizes.months)
    for kind in SignalKind:
        world = Weeks(kind, sizes.months, chance, rhythm, apart)
        thresholds = np.array([log_threshold(reference, kind, SERIES)])
        total += false_alarms(reference, world, sizes, thresholds)[:, 0]
    return total


def alarms_of(reference: Reference, blocks: list[dict[str, BlockSums]], kind: SignalKind = RATE) -> int:
    """How often the alarm of one signal was raised."""
    drift = SignalDrift(kind, log_threshold(PINNED, kind, SERIES))
    alarms = [drift.observe(block, reference, step).alarm for step, block in enumerate(blocks)]
    return sum(now and not before for before, now in zip([False, *alarms], alarms, strict=False))


def mix_shift(chance: np.random.Generator, pooled: bool = False) -> int:
    """Guests, whose rate is eight times that of staff, go from a quarter to nine tenths of a day's answers."""
    levels = {"staff": 0.01, "guests": 0.08}
    week = {"staff": BlockSums.of_events(300_000, 3_000), "guests": BlockSums.of_events(100_000, 8_000)}
    blocks = []
    for minute in range(24 * 60):
        share = 0.25 if minute < 6 * 60 else 0.9
        guests = int(chance.binomial(35, share))
        counts = {"staff": 35 - guests, "guests": guests}
        blocks.append(
            {
                name: BlockSums.of_events(count, int(chance.binomial(count, levels[name])))
                for name, count in counts.items()
            }
        )
    if pooled:
        blocks = [{"all": sum(block.values(), BlockSums())} for block in blocks]
        week = {"all": sum(week.values(), BlockSums())}
    return alarms_of(pinned_reference(RATE, week), blocks)


def constant(chance: np.random.Generator) -> int:
    """A day of answers of one token each; how many there are in a minute changes."""
    counts = chance.poisson(35, 24 * 60)
    return alarms_of(
        pinned_reference(LOG, {"a": BlockSums(50_000, 0, 0)}),
        [{"a": BlockSums(float(one), 0, 0)} for one in counts],
        LOG,
    )


def without_data(chance: np.random.Generator) -> int:
    """A day of refusals with an empty reference, and with one of few events."""
    blocks = [{"a": BlockSums.of_events(35, int(one))} for one in chance.binomial(35, 0.9, 24 * 60)]
    windows: list[dict[str, BlockSums]] = [{}, {"a": BlockSums.of_events(20_000, 400)}]
    return sum(alarms_of(pinned_reference(RATE, window), blocks) for window in windows)


def counter_reset(chance: np.random.Generator) -> int:
    """A day of a worker's counter, which begins again each hour."""
    blocks, before, counter = [], BlockSums(), BlockSums()
    for minute in range(24 * 60):
        counter = (BlockSums() if minute % 60 == 0 else counter) + BlockSums.of_events(
            35, int(chance.binomial(35, 0.02))
        )
        blocks.append({"a": counter.since(before)})
        before = counter
    return alarms_of(pinned_reference(RATE, {"a": BlockSums.of_events(350_000, 7_000)}), blocks)
