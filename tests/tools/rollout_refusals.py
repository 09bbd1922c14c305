"""Rollouts of real answers: refusals and ordinary ones of labelled corpora, as the guard `refusal` judges them.

A simulated refusal is an event; a real one is a text that the guard may miss, and an ordinary text may alarm it. So
what a rollout compares is how often the guard speaks, not how often a version refuses. Each source is judged by a guard
that was trained without it, as in ``refusal_report``, so that it errs as it would on the answers of a new model.

Answers of a user are alike: everybody has some questions of their own, and asks them again and again. The stable
version refuses some of these questions; a canary that refuses twice as often refuses others as well.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from extproc.config.rollouts import GateTerms, RolloutSection, RolloutStep
from extproc.detectors.answers.refusal import RefusalDetector
from extproc.domain.refusal_kinds import RefusalKind
from extproc.domain.rollout_gates import GATES, Worse
from extproc.domain.rollouts import Arm
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.rollouts.read_sums import read_look
from extproc.ledger.rollouts.settings import ComparedArms
from extproc.ledger.rollouts.states import RolloutState, new_rollout
from extproc.ledger.store import LedgerStore
from extproc.rollout.decide import RolloutAction, RolloutVerdict, decide
from extproc.rollout.simulation.arms import SimulatedArms
from extproc.rollout.simulation.signals import SignalModel
from extproc.rollout.simulation.traffic import BUCKETS, Exchanges, SimulatedTraffic, TrafficModel
from extproc.rollout.simulation.walks import Looks
from extproc.statistics.arrays import Bools
from extproc.statistics.gate_evidence import GateSums, GateTests
from tests.tools.ngram_training import Example, Scorer, leave_one_source_out
from tests.tools.proof_figures import LEAST, MOST
from tests.tools.refusal_training import OWN, examples, trained
from tests.tools.rollout_figures import RolloutFigure, false_figure, found_figure, in_percent, share_figure
from tests.tools.rollout_worlds import ALPHA, PLAN, RATE, REFUSALS, Sizes, compared, delays, rolls_back
from tests.unit.ledger.samples import NOON_US, entry

QUESTIONS: Final = 20
"""Of each user, asked equally often: two answers of one user are the same with a chance of one in so many."""
REFUSED: Final = 0.02
"""Of all questions, by the stable version."""
ORDINARY: Final = frozenset({"refusal_direction", "self_instruct_answers"})
"""Sources of ordinary answers. Those of GPTFuzz were forced by jailbreaks, and many of them preach."""
MANY, HEAVY = TrafficModel(20_000, 1.5, rhythm=0.0, drift=0.0), TrafficModel(2_000, 1.2, rhythm=0.0, drift=0.0)
WITHIN: Final = 3_000
"""Exchanges of the canary, in which twice as many refusals should be found."""
STORED: Final = 20_000
"""Exchanges of both arms that are sent to a store."""
_ID: Final = "real"


class Verdicts(NamedTuple):
    """Whether the guard sees a no: of each refusal, each ordinary answer, and each that a jailbreak forced."""

    refusals: Bools
    ordinary: Bools
    jailbroken: Bools


@cache
def verdicts(every: int = 1) -> Verdicts:
    """Of every answer of the corpora, or of one in so many."""
    rows = examples()[::every]
    scores = leave_one_source_out(rows, _guard, frozenset({OWN}))
    judged = [(row, score > 0.0) for row, score in zip(rows, scores, strict=True) if row.source != OWN]
    refusals = [speaks for row, speaks in judged if row.label]
    ordinary, jailbroken = (
        [speaks for row, speaks in judged if not row.label and (row.source in ORDINARY) is is_ordinary]
        for is_ordinary in (True, False)
    )
    return Verdicts(*(np.array(one, dtype=np.bool_) for one in (refusals, ordinary, jailbroken)))


def _guard(rest: Sequence[Example]) -> Scorer:
    detector = RefusalDetector(trained(rest))

    def declines(text: str) -> float:
        finding = detector.find(text)
        return float(finding is not None and finding.kind == RefusalKind.DECLINES.finding)

    return declines


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnswersModel(SignalModel):
    """Answers of corpora. ``times``: how often the canary refuses, relative to the stable version."""

    refusals: Bools
    others: Bools
    times: float = 1.0

    def drawn(self, traffic: TrafficModel, runs: int, chance: np.random.Generator) -> UsersAnswers:
        """The questions of all users, with the answers of both versions."""
        return UsersAnswers(self, (runs, traffic.users), chance)


class UsersAnswers:
    """Of each user and question, whether the guard speaks at the answer of either version: a bit a question."""

    def __init__(self, model: AnswersModel, shape: tuple[int, int], chance: np.random.Generator) -> None:
        self._chance = chance
        self._stable, self._canary = (np.zeros(shape, dtype=np.uint32) for _ in range(2))
        more = REFUSED * (model.times - 1.0) / (1.0 - REFUSED)
        for question in range(QUESTIONS):
            place = np.uint32(question)
            drawn = chance.random(shape, dtype=np.float32)
            alarms = self._spoken(model.others, shape)
            found = np.where(drawn < REFUSED, self._spoken(model.refusals, shape), alarms)
            self._stable |= found.astype(np.uint32) << place
            if more:
                harmed = chance.random(shape, dtype=np.float32) < more
                found = np.where(harmed & (drawn >= REFUSED), self._spoken(model.refusals, shape), found)
            self._canary |= found.astype(np.uint32) << place

    def values(self, exchanges: Exchanges, _: int) -> Bools:
        """One of the user's questions each."""
        asked = self._chance.integers(0, QUESTIONS, exchanges.unit.shape, dtype=np.uint32)
        answers = np.where(
            exchanges.is_canary, self._canary.ravel()[exchanges.unit], self._stable.ravel()[exchanges.unit]
        )
        found: Bools = (answers >> asked & np.uint32(1)).astype(np.bool_)
        return found

    def _spoken(self, pool: Bools, shape: tuple[int, int]) -> Bools:
        return pool[self._chance.integers(0, len(pool), shape, dtype=np.int32)]


def real_refusals(sizes: Sizes, chance: np.random.Generator) -> Iterator[RolloutFigure]:
    """What the guard does, false roll backs, a canary that refuses twice as often, and the same through a store."""
    spoken = verdicts(sizes.every)
    for name, says, pool in zip(
        ("recall", "false_alarms", "false_alarms_jailbroken"),
        ("refusals that the guard finds", "ordinary answers", "forced by jailbreaks"),
        spoken,
        strict=True,
    ):
        yield RolloutFigure(f"real_refusals_guard_{name}", f"real answers: {says}", float(pool.mean()), len(pool))
    same = AnswersModel(kind=RATE, refusals=spoken.refusals, others=spoken.ordinary)
    for share, until in ((0.05, 40_000), (0.5, 20_000)):
        looks = Looks(200 * sizes.every, until)
        acted = delays(same, HEAVY, share, looks, sizes.runs, chance, partial(compared, until))
        says = f"real answers at {share:.0%}, identical, 2,000 users"
        for method, target in (("label", ALPHA), ("difference", ALPHA), ("peeked", None), ("independent", None)):
            name = f"real_refusals_false_rollback_{method}_{in_percent(share)}"
            yield false_figure(name, f"{says}: {method}", acted[method], target)
    rules = partial(rolls_back, REFUSALS, ALPHA)
    for others, pool in (("", spoken.ordinary), ("_jailbroken", spoken.jailbroken)):
        doubled = AnswersModel(kind=RATE, refusals=spoken.refusals, others=pool, times=2.0)
        for share in (0.05, 0.5):
            looks, at = Looks(200 * sizes.every, math.ceil(WITHIN * 1.1 / share)), in_percent(share)
            found = delays(doubled, MANY, share, looks, sizes.found // 4, chance, rules)
            says = f"real answers at {share:.0%}, refusals doubled, 20,000 users{others.replace('_', ', ')}"
            target = 0.8 if share < 0.1 and not others else None
            yield found_figure(
                f"real_refusals_detection_rate_2x_{at}{others}", says, found[f"{ALPHA:g}"], WITHIN, target
            )
    for times, name, bound in ((1.0, "identical", MOST), (2.0, "2x", LEAST)):
        model = AnswersModel(kind=RATE, refusals=spoken.refusals, others=spoken.ordinary, times=times)
        looks = Looks(400, STORED // sizes.every)
        stored = [stored_rollout(model, 0.25, looks, chance) for _ in range(max(sizes.walks // 40, 1))]
        agrees = np.array([one.agrees for one in stored])
        says = f"real answers through a store, refusals: {name}"
        yield share_figure(f"real_refusals_store_agrees_{name}", f"{says}: decided as simulated", agrees, 1.0, LEAST)
        rolled_back = np.array([one.rolled_back for one in stored])
        yield share_figure(f"real_refusals_store_rollback_{name}", f"{says}: rolled back", rolled_back, None, bound)


# --- the same exchanges, as entries of a ledger --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ToldModel(SignalModel):
    """A signal whose values are drawn elsewhere, since two ways of adding up must see the same."""

    signal: ToldSignal

    def drawn(self, traffic: TrafficModel, runs: int, chance: np.random.Generator) -> ToldSignal:
        """What is told."""
        return self.signal


class ToldSignal:
    """Attributes: now: of the block that is added next."""

    now: Bools

    def values(self, exchanges: Exchanges, since: int) -> Bools:
        """As told."""
        return self.now


class StoredRollout(NamedTuple):
    """Attributes: agrees: whether sums of the store decided as simulated ones at every look."""

    agrees: bool
    rolled_back: bool


def stored_rollout(model: AnswersModel, share: float, looks: Looks, chance: np.random.Generator) -> StoredRollout:
    """Send a simulated rollout to a store as entries of a ledger, look by look, until it is rolled back."""
    answers, told, drawn = model.drawn(MANY, 1, chance), ToldSignal(), SimulatedTraffic(MANY, 1, chance)
    arms = SimulatedArms(ToldModel(kind=RATE, signal=told), MANY, np.array([share]), 1, chance)
    units, agrees, rolled_back = _UnitNumbers(), True, False
    with tempfile.TemporaryDirectory(prefix="llm-refusals-") as folder:
        store = LedgerStore("sqlite:///ledger.db", Path(folder))
        state = _started(store, share)
        while drawn.exchanges < looks.until and not rolled_back:
            first = drawn.exchanges
            block = drawn.block(np.array([share]), np.zeros(1, dtype=np.int64), looks.every)
            told.now = answers.values(block, first)
            arms.add(block, drawn.exchanges)
            store.add(list(_entries(block, told.now, first, units)))
            verdict = _verdict(store, state)
            rolled_back = verdict.action is RolloutAction.ROLL_BACK
            agrees &= _decides_alike(verdict, arms.sums())
        store.close()
    return StoredRollout(agrees, rolled_back)


def _started(store: LedgerStore, share: float) -> RolloutState:
    """A rollout that compares refusals, and stays at its first share unless it goes back."""
    first = RolloutStep(percent=round(100 * share), minutes_min=0, answers_min=10_000_000)
    others = tuple(GateTerms(gate=gate.name, compared=False) for gate in GATES if gate.name != "refusal")
    steps = (first, RolloutStep(percent=100))
    plan = RolloutSection(name="real", model="tiny", stable="v1", canary="v2", steps=steps, gates=others, alpha=ALPHA)
    with store.writing() as connection:
        return new_rollout(connection, plan, ComparedArms("f1", "f2", 90, 10), _ID, "kim", NOON_US)


class _UnitNumbers:
    """Numbers of users that fall into the bucket that each has in the simulation."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._in_bucket: Counter[int] = Counter()

    def of(self, user: int, bucket: int) -> int:
        """Of one user, always the same."""
        if user not in self._numbers:
            self._numbers[user] = bucket + BUCKETS * self._in_bucket[bucket]
            self._in_bucket[bucket] += 1
        return self._numbers[user]


def _entries(block: Exchanges, spoke: Bools, first: int, units: _UnitNumbers) -> Iterator[LedgerEntry]:
    """Of one run, in its order. Args: first: number of the first exchange."""
    rows = zip(*(one[0].tolist() for one in (block.unit, block.bucket, block.is_canary, spoke)), strict=True)
    for number, (user, bucket, is_canary, speaks) in enumerate(rows, first):
        arm = Arm.CANARY if is_canary else Arm.STABLE
        part = {"rollout": _ID, "rollout_step": 1, "arm": arm.value, "unit": units.of(user, bucket)}
        yield entry(exchange=f"e-{number}", chosen="", signals={"refused": [int(speaks), 1]}, findings={}, **part)


def _verdict(store: LedgerStore, state: RolloutState) -> RolloutVerdict:
    with store.reading() as connection:
        return decide(state.terms, read_look(connection, state, NOON_US))


def _decides_alike(verdict: RolloutVerdict, sums: GateSums) -> bool:
    """Whether the evidence is that of the simulation, and the decision follows from it."""
    (gate,) = verdict.gates
    assert gate.evidence is not None
    evidence = float(GateTests(sums, Worse.UP, REFUSALS, PLAN).log_worse()[0])
    is_same = math.isclose(gate.evidence.log_worse, evidence, rel_tol=1e-9, abs_tol=1e-9)
    return is_same and (verdict.action is RolloutAction.ROLL_BACK) == (evidence >= -math.log(ALPHA))
