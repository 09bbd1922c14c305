"""A run of an engine as a proxy sees it: when requests were sent, and when tokens came; no queue, and no step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from extproc.allocation.running import UNKNOWN, SeenExchanges
from extproc.allocation.served import ServedExchanges
from extproc.statistics.arrays import Floats, Ints
from tests.tools.engine_simulator.runs import EngineRun


class ProxyView(NamedTuple):
    """Attributes:
    lag_us: the mean of what each time is late by, or of a request early.
    clocks_us: how far the clocks of two proxies are apart, each of which has half of the requests.
    streams: whether first tokens are seen.
    knows_cached: whether the server tells cached tokens.
    """

    lag_us: float = 2_000.0
    clocks_us: float = 0.0
    streams: bool = True
    knows_cached: bool = True


def as_seen(run: EngineRun, chance: np.random.Generator, view: ProxyView | None = None) -> SeenExchanges:
    """By the times of a proxy, in the order of the requests. If the client left, it has run until then."""
    view = view or ProxyView()
    count = len(run.requests)
    late = view.lag_us * chance.exponential(size=(3, count))
    clock = view.clocks_us * chance.integers(0, 2, count)
    first, last = _tokens(run)
    ended = np.where(_left(run), last, last + late[1])
    first = np.minimum(np.where(run.first_us >= 0, first + late[2], ended), ended)
    sent = np.array([one.sent_us for one in run.requests]) - late[0]
    sent_us, first_us, ended_us = (_whole(times + clock) for times in (sent, first, ended))
    first_us = first_us if view.streams else np.full(count, UNKNOWN)
    prompt, sequences = _asked(run)
    cached = run.cached if view.knows_cached else np.zeros_like(run.cached)
    number = np.arange(count)
    return SeenExchanges(number, sent_us, first_us, ended_us, prompt, cached, run.written, sequences, np.ones(count))


def as_served(run: EngineRun) -> ServedExchanges:
    """By the server's own times. Requests that were never scheduled are at their place, with no time."""
    first, last = _tokens(run)
    start = np.where(run.scheduled_us >= 0, run.scheduled_us, last)
    prompt, sequences = _asked(run)
    return ServedExchanges(
        start_us=_whole(start),
        first_us=_whole(first),
        last_us=_whole(last),
        prompt=prompt,
        cached=run.cached,
        written=run.written,
        sequences=sequences,
        computed=np.ones(len(prompt)),
    )


def _left(run: EngineRun) -> np.ndarray:
    """Whether the client left before the end."""
    return np.array([one.written * one.sequences for one in run.requests]) > run.written


def _tokens(run: EngineRun) -> tuple[Floats, Floats]:
    """When each had its first and its last token; without any, when the client left."""
    left = np.array([one.leaves_us or 0 for one in run.requests], dtype=np.float64)
    last = np.where(_left(run), left, run.last_us)
    return np.where(run.first_us >= 0, np.minimum(run.first_us, last), last), last


def _asked(run: EngineRun) -> tuple[Ints, Ints]:
    return np.array([one.prompt for one in run.requests]), np.array([one.sequences for one in run.requests])


def _whole(times: Floats) -> Ints:
    found: Ints = np.rint(times).astype(np.int64)
    return found
