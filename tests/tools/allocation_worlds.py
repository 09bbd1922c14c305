"""The runs that ``allocation_proof`` compares: simulated, with what each request costs in truth and by a method."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np

from extproc.allocation.allocate import allocate
from extproc.allocation.calibration import TooFewEquations, calibrate
from extproc.allocation.counted_steps import NOT_COUNTED, CountedSteps
from extproc.allocation.intervals import Intervals
from extproc.allocation.methods import DEFAULT_METHOD, METHODS
from extproc.allocation.running import UNKNOWN, SeenExchanges, running
from extproc.allocation.server_time import ServerLife
from extproc.allocation.slices import UNKNOWN_PRICE, TimeSlices
from extproc.allocation.step_costs import TYPICAL, StepCosts
from extproc.allocation.timeline import timeline_of
from extproc.statistics.arrays import Floats
from tests.tools.allocation_paused import by_presence, presence
from tests.tools.allocation_windows import calibrated_by_windows, costs_of
from tests.tools.engine_simulator.engine import EngineSettings, simulated
from tests.tools.engine_simulator.proxy_view import ProxyView, as_seen, as_served
from tests.tools.engine_simulator.records import NO_STEPS
from tests.tools.engine_simulator.runs import EngineRequest, EngineRun, EngineSteps
from tests.tools.engine_simulator.shapley import step_values
from tests.tools.engine_simulator.step_laws import Affine, HardMaximum, MixtureOfExperts, Roofline, StepLaw
from tests.tools.engine_simulator.traffic_mixes import SECOND_US, TrafficMix, calibration_requests

LAWS: Final[dict[str, StepLaw]] = {
    "roofline": Roofline(),
    "affine": Affine(),
    "hard_maximum": HardMaximum(),
    "experts": MixtureOfExperts(),
}
ROOFLINE: Final = "roofline"
_OTHER_HOURS = 1_000
"""Draws from here on are other hours of the same traffic."""
SCRAPE_S = 15
_ROUNDS = 2
"""Of a calibration: how long prefills lasted depends on what it finds."""


class ProofSizes(NamedTuple):
    """Attributes:
    draws: of each mix. share: of its time and of the time that coefficients are calibrated on.
    players: of a counterfactual game. games: of each mix.
    """

    draws: int = 5
    share: float = 1.0
    players: int = 10
    games: int = 4


class ChargeErrors(NamedTuple):
    """How far charges are from the truth.

    Attributes:
        request: what is charged to the wrong requests: the sum of absolute differences, over the sum.
        teams: of each team, its charge over what it costs, less 1.
    """

    request: float
    teams: Floats

    @classmethod
    def of(cls, charged: Floats, truth: Floats, teams: Iterable[str]) -> ChargeErrors:
        """Args: teams: of each request."""
        _, team = np.unique(list(teams), return_inverse=True)
        of_teams = np.bincount(team, charged) / np.bincount(team, truth) - 1.0
        return cls(float(np.abs(charged - truth).sum() / truth.sum()), of_teams)


@dataclass(frozen=True, slots=True)
class ProofCase:
    """A run of one draw, without its steps.

    Attributes:
        truth: what each request costs. [us]
        floor: coefficients that fit the steps of this very run best; of an affine law the true ones.
        step_ends_us: of each step.
        seen: by a proxy, with another draw of noise each time.
    """

    run: EngineRun
    truth: Floats
    floor: StepCosts
    step_ends_us: Floats
    seed: list[int]

    def seen(self, view: ProxyView | None = None) -> SeenExchanges:
        """As a proxy sees it."""
        return as_seen(self.run, np.random.default_rng([*self.seed, 1]), view)

    def errors(self, costs: StepCosts, method: str = DEFAULT_METHOD, view: ProxyView | None = None) -> ChargeErrors:
        """Of what the product charges."""
        return ChargeErrors.of(charged(self.seen(view), costs, method), self.truth, self._teams())

    def counted_errors(self, costs: StepCosts, view: ProxyView, seconds: int) -> ChargeErrors:
        """Of what the product charges if it knows steps by scrapes."""
        found = charged(self.seen(view), costs, DEFAULT_METHOD, self.scraped(seconds))
        return ChargeErrors.of(found, self.truth, self._teams())

    def floor_errors(self) -> ChargeErrors:
        """Of the default method with the best coefficients and the server's own times: what the rule itself errs."""
        served = as_served(self.run)
        shares = METHODS[DEFAULT_METHOD](timeline_of(served, _around(served.start_us, served.last_us)), self.floor)
        weights = np.bincount(shares.exchange, shares.weight, minlength=len(served))
        return ChargeErrors.of(weights * self.truth.sum() / weights.sum(), self.truth, self._teams())

    def tried_errors(self, costs: StepCosts) -> ChargeErrors:
        """Of a rule that counts steps by scrapes, and has the times of a proxy."""
        ran = running(self.seen(), costs)
        weights = np.zeros(len(self.truth))
        weights[ran.place] = by_presence(ran.served, costs, presence(ran.served, *self.scraped(SCRAPE_S)))
        return ChargeErrors.of(weights * self.truth.sum() / weights.sum(), self.truth, self._teams())

    def scraped(self, seconds: int) -> CountedSteps:
        """What the server has counted."""
        every = seconds * SECOND_US
        scrapes = np.arange(0, round(float(self.step_ends_us[-1])) + 2 * every, every)
        return CountedSteps(scrapes, np.searchsorted(self.step_ends_us, scrapes, "right").astype(np.float64))

    def _teams(self) -> list[str]:
        return [one.team for one in self.run.requests]


def charged(seen: SeenExchanges, costs: StepCosts, method: str, counted: CountedSteps = NOT_COUNTED) -> Floats:
    """What the product charges each exchange, of a server with one GPU. [us]"""
    borders = _around(seen.sent_us, seen.ended_us)
    slices = TimeSlices(borders, np.ones(1, dtype=np.int64), np.full(1, UNKNOWN_PRICE))
    none = Intervals.union(borders[:0], borders[:0])
    life = ServerLife(Intervals.union(borders[:1], borders[1:]), none, none)
    found = allocate(seen, life, slices, costs, method, counted)
    return np.bincount(found.exchange, found.share, minlength=len(seen.number)).astype(np.float64)


def _around(begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    return np.array([np.min(begin), np.max(end) + 1], dtype=np.int64)


class ProofWorlds:
    """Runs and coefficients, each made once."""

    def __init__(self, sizes: ProofSizes, seed: int) -> None:
        self.sizes = sizes
        self.seed = seed
        self._cases: dict[tuple[object, ...], ProofCase] = {}
        self._costs: dict[tuple[object, ...], StepCosts] = {}

    def cases(self, mix: TrafficMix, law: str = ROOFLINE) -> list[ProofCase]:
        """All draws of a mix. The same requests come under each law."""
        return [self._case(mix, law, draw) for draw in range(self.sizes.draws)]

    def costs(self, law: str = ROOFLINE, view: ProxyView | None = None) -> StepCosts:
        """Calibrated by the product on other traffic, as a proxy sees it."""
        key = ("other", law, view)
        if key not in self._costs:
            self._costs[key] = _calibrated(self.other_traffic(law).seen(view))
        return self._costs[key]

    def costs_of_other_hours(self, mix: TrafficMix, law: str) -> StepCosts:
        """Calibrated on another draw of the same traffic."""
        key = ("hours", law, mix)
        if key not in self._costs:
            self._costs[key] = _calibrated(self._case(mix, law, _OTHER_HOURS, is_compared=False).seen())
        return self._costs[key]

    def costs_of_windows(self, seconds: int) -> StepCosts:
        """Calibrated on other traffic by windows between scrapes."""
        case = self.other_traffic(ROOFLINE)
        scrapes, steps = case.scraped(seconds)
        costs = TYPICAL
        for _ in range(_ROUNDS):
            costs = calibrated_by_windows(running(case.seen(), costs).served, scrapes, steps, TYPICAL.chunk_tokens)
        return costs

    def other_traffic(self, law: str) -> ProofCase:
        """What coefficients are calibrated on."""
        key = ("other", law)
        if key not in self._cases:
            seed = [self.seed, *b"other"]
            requests = calibration_requests(np.random.default_rng(seed), self.sizes.share)
            self._cases[key] = _case(simulated(requests, LAWS[law]), None, seed)
        return self._cases[key]

    def of_requests(self, mix: TrafficMix, change: Callable[[EngineRequest], EngineRequest]) -> ProofCase:
        """The first draw of a mix, with requests that are changed."""
        seed = [self.seed, *mix.name.encode(), 0]
        requests = [change(one) for one in mix.drawn(np.random.default_rng(seed), self.sizes.share)]
        return _case(simulated(requests, LAWS[ROOFLINE], mix.settings), LAWS[ROOFLINE], seed)

    def _case(self, mix: TrafficMix, law: str, draw: int, is_compared: bool = True) -> ProofCase:
        key = (mix, law, draw)
        if key not in self._cases:
            seed = [self.seed, *mix.name.encode(), draw]
            requests = mix.drawn(np.random.default_rng(seed), self.sizes.share)
            run = simulated(requests, LAWS[law], mix.settings)
            self._cases[key] = _case(run, LAWS[law] if is_compared else None, seed)
        return self._cases[key]


def _case(run: EngineRun, law: StepLaw | None, seed: list[int]) -> ProofCase:
    truth, floor = np.zeros(0), TYPICAL
    if law is not None:
        truth = step_values(run.steps, law, len(run.requests), np.random.default_rng([*seed, 2]))
        floor = costs_of(_best_coefficients(run.steps), TYPICAL.chunk_tokens)
    ends = run.steps.begin_us + run.steps.time_us
    return ProofCase(replace(run, steps=NO_STEPS), truth, floor, ends, seed)


def _best_coefficients(steps: EngineSteps) -> Floats:
    """Of all steps, by least squares of what is relative to the root of their time; what would be negative is 0."""
    weights = 1.0 / np.sqrt(steps.time_us)
    columns = np.column_stack((np.ones(len(steps)), *steps.totals())) * weights[:, None]
    found, used = np.zeros(columns.shape[1]), np.arange(columns.shape[1])
    while True:
        part = np.asarray(np.linalg.lstsq(columns[:, used], steps.time_us * weights, rcond=None)[0])
        if np.all(part >= 0.0):
            found[used] = part
            return found
        used = np.delete(used, np.argmin(part))


def _calibrated(seen: SeenExchanges) -> StepCosts:
    """By the product; where it cannot, typical ones."""
    costs = TYPICAL
    for _ in range(_ROUNDS):
        try:
            ran = running(seen, costs)
            is_timed = seen.first_us[ran.place] != UNKNOWN
            found = calibrate(ran.served, is_timed, TYPICAL.chunk_tokens).costs
        except TooFewEquations:
            return costs
        costs = found if found.step > 0 else costs
    return costs


def with_budget(mix: TrafficMix, tokens: int) -> TrafficMix:
    """The same traffic at an engine that computes fewer tokens in a step."""
    settings: EngineSettings = mix.settings._replace(token_budget=tokens)
    return replace(mix, settings=settings)
