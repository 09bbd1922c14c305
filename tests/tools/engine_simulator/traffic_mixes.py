"""Who asks a simulated engine: five kinds of traffic, and other traffic on which coefficients are calibrated.

Lengths are lognormal, arrivals Poisson, and each draw has other rates. Figures are declared, not of any operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tests.tools.engine_simulator.engine import EngineSettings
from tests.tools.engine_simulator.runs import EngineRequest

SECOND_US: Final = 1_000_000
PROMPT_MAX, WRITTEN_MAX = 24_000, 6_000
DEFAULTS: Final = EngineSettings()
LEAVE_SHARE: Final = 0.02
"""Of requests whose client hangs up before the end, if they run for long enough."""


@dataclass(frozen=True, slots=True)
class TeamTraffic:
    """Attributes:
    rate: requests a second; at_once: requests that come together at the beginning.
    prompt, written: medians of tokens, the prompt without what is shared. spread: of their logarithms.
    shared: tokens with which all of its prompts begin.
    sequences: answers to a request.
    """

    team: str
    prompt: int
    written: int
    rate: float = 0.0
    at_once: int = 0
    shared: int = 0
    sequences: int = 1
    spread: float = 0.6


@dataclass(frozen=True, slots=True)
class TrafficMix:
    """Attributes:
    lasts_s: while requests come.
    bursts_s, pauses_s: means; without pauses they come always.
    """

    name: str
    says: str
    lasts_s: int
    teams: tuple[TeamTraffic, ...]
    settings: EngineSettings = DEFAULTS
    bursts_s: float = 0.0
    pauses_s: float = 0.0

    def drawn(self, chance: np.random.Generator, share: float = 1.0) -> list[EngineRequest]:
        """Requests by time, for a share of the time."""
        lasts_us = round(self.lasts_s * share * SECOND_US)
        spans = list(self._spans(lasts_us, chance))
        found = []
        for one in self.teams:
            rate = one.rate * chance.lognormal(0.0, 0.2)
            for begin, end in spans:
                times = begin + chance.integers(
                    0, max(end - begin, 1), chance.poisson(rate * (end - begin) / SECOND_US)
                )
                found += [self._request(one, int(time), chance) for time in times]
            found += [self._request(one, 0, chance) for _ in range(round(one.at_once * share))]
        return sorted(found, key=lambda request: request.sent_us)

    def _spans(self, lasts_us: int, chance: np.random.Generator) -> Iterator[tuple[int, int]]:
        if not self.pauses_s:
            yield 0, lasts_us
            return
        at = 0
        while at < lasts_us:
            end = min(at + round(chance.exponential(self.bursts_s) * SECOND_US), lasts_us)
            yield at, end
            at = end + round(chance.exponential(self.pauses_s) * SECOND_US)

    def _request(self, one: TeamTraffic, sent_us: int, chance: np.random.Generator) -> EngineRequest:
        own = min(round(chance.lognormal(np.log(one.prompt), one.spread)) + 1, PROMPT_MAX)
        written = min(round(chance.lognormal(np.log(one.written), one.spread)) + 1, WRITTEN_MAX)
        leaves_us = None
        if chance.random() < LEAVE_SHARE:
            leaves_us = sent_us + 1 + round(chance.random() * written * 20_000)
        return EngineRequest(sent_us, one.team, one.shared + own, written, one.shared, one.sequences, leaves_us)


_BATCH = (
    TeamTraffic("labels", prompt=1_200, written=300, at_once=500, shared=400, spread=0.4),
    TeamTraffic("stories", prompt=300, written=1_400, at_once=300, spread=0.4),
    TeamTraffic("reports", prompt=2_500, written=900, at_once=200, spread=0.4),
)
_MIXED = (
    TeamTraffic("chat", prompt=250, written=180, rate=6.0, shared=150),
    TeamTraffic("search", prompt=5_000, written=200, rate=0.7, shared=500),
    TeamTraffic("agents", prompt=1_500, written=120, rate=1.2, shared=2_000),
    TeamTraffic("batch", prompt=400, written=1_200, rate=0.4),
    TeamTraffic("samples", prompt=600, written=300, rate=0.25, sequences=4),
)

CHAT = TrafficMix(
    "chat",
    "short chat",
    120,
    (
        TeamTraffic("help", prompt=200, written=160, rate=7.0, shared=300),
        TeamTraffic("sales", prompt=350, written=220, rate=5.0, shared=100),
        TeamTraffic("code", prompt=700, written=320, rate=3.0),
        TeamTraffic("games", prompt=120, written=110, rate=3.0, shared=600),
    ),
)
RAG = TrafficMix(
    "rag",
    "RAG, long prompts",
    300,
    (
        TeamTraffic("search", prompt=6_000, written=250, rate=0.65, shared=600),
        TeamTraffic("legal", prompt=10_000, written=500, rate=0.22),
        TeamTraffic("wiki", prompt=2_500, written=180, rate=0.8, shared=1_000),
    ),
)
BATCH = TrafficMix("batch", "batch, long outputs", 1, _BATCH, EngineSettings(sequences_max=256))
BATCH_AGAIN = TrafficMix(
    "batch_again",
    "batch, much computed again",
    1,
    (
        TeamTraffic("labels", prompt=300, written=1_200, at_once=150, shared=200, spread=0.4),
        TeamTraffic("stories", prompt=150, written=3_000, at_once=150, spread=0.4),
        TeamTraffic("reports", prompt=600, written=2_000, at_once=100, spread=0.4),
    ),
    EngineSettings(blocks=7_000, is_caching=False),
)
MIXED = TrafficMix("mixed", "mixed teams", 150, _MIXED)
BURSTY = TrafficMix("bursty", "bursty, with idle time", 400, _MIXED, bursts_s=6.0, pauses_s=14.0)

MIXES: Final = (CHAT, RAG, BATCH, BATCH_AGAIN, MIXED, BURSTY)

_PHASES, _PHASE_S, _PAUSE_US = 72, 20, 5 * SECOND_US
_RUNNING = (1.0, 150.0)
_TOKENS_IN_A_SECOND = 12_000.0
_KV_TOKENS = 200_000.0
"""Less than the cache has: while requests are preempted nothing can be calibrated, and vLLM counts these."""


def calibration_requests(chance: np.random.Generator, share: float = 1.0) -> list[EngineRequest]:
    """Other traffic, from a single request at a time to the largest batches, with short and long prompts."""
    found: list[EngineRequest] = []
    for phase in range(round(_PHASES * share)):
        prompt, written = (round(np.exp(chance.uniform(*np.log(span)))) for span in ((80, 8_000), (50, 1_000)))
        running = float(np.exp(chance.uniform(*np.log(_RUNNING))))
        running = min(running, _KV_TOKENS / (1.4 * (prompt + written)))
        rate = min(running / (written * 0.009 + prompt * 4e-5), _TOKENS_IN_A_SECOND / prompt, 40.0)
        team = TeamTraffic(f"team-{phase}", prompt, written, rate, shared=int(chance.integers(0, 400)))
        mix = TrafficMix("phase", "", _PHASE_S, (team,))
        begin = found[-1].sent_us + _PAUSE_US if found else 0
        found += [replace(one, sent_us=one.sent_us + begin, leaves_us=None) for one in mix.drawn(chance)]
    return found
