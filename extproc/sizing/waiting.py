"""How long a message waits in a worker at some utilization: the reason for the headroom of ``extproc size``.

A worker is one event loop: it takes messages in the order in which they came, each whole. Messages come from many
independent streams, so their arrivals are close to a Poisson process, and a worker is an M/G/1 queue: most messages are
events of streams, which take some ten microseconds, and few are requests, which take a hundred times as long and hold
back what comes behind them. Envoy gives a stream to a worker for good, so workers do not share one queue.

The mean wait has a formula (Pollaczek, Khinchine). The quantiles are simulated by Lindley's recursion: the wait of a
message is that of the one before, plus its work, less the time between them, and never below 0.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from extproc.sizing.coefficients import Coefficients
from extproc.sizing.processors import exchange_cpu_us, worker_us
from extproc.sizing.workload import LimitPlace, Workload

MESSAGES: Final = 400_000
"""Simulated for one figure."""
_WARM_SHARE: Final = 0.1
"""Of the messages, which find a queue that is not in its usual state yet."""


class QueueWait(NamedTuple):
    """Of a message, before its own work begins [us]."""

    mean_us: float
    p50_us: float
    p99_us: float
    p999_us: float


class MessageMix(NamedTuple):
    """The work of messages: each kind has a mean [us] and a share of all messages."""

    mean_us: tuple[float, ...]
    share: tuple[float, ...]


def messages_of(load: Workload, of: Coefficients) -> MessageMix:
    """Events of streams, and requests. All that is done once an exchange counts as one message, which is more than any
    has; what is asked of a store of rate limits is another.
    """
    parts = exchange_cpu_us(load, of)
    asked_us = parts["rate limits"] if load.limit_store is LimitPlace.VALKEY else 0.0
    without_events_us = worker_us(exchange_cpu_us(replace(load, tokens_per_event=math.inf), of))
    means, counts = [without_events_us - asked_us], [1.0]
    if asked_us:
        means, counts = [*means, asked_us], [*counts, 1.0]
    if load.events:
        means = [*means, (worker_us(parts) - without_events_us) / load.events]
        counts = [*counts, load.events]
    return MessageMix(tuple(means), tuple(one / sum(counts) for one in counts))


def simulated_wait(
    mix: MessageMix, utilization: float, chance: np.random.Generator, messages: int = MESSAGES
) -> QueueWait:
    """Simulate one worker. The work of a message varies around the mean of its kind as an exponential does, which is
    more than most do.

    Args:
        utilization: share of time in which the worker works, above 0 and below 1.
    """
    kinds = chance.choice(len(mix.share), size=messages, p=np.asarray(mix.share))
    work_us = chance.exponential(np.asarray(mix.mean_us)[kinds])
    return wait_behind(work_us, float(np.dot(mix.mean_us, mix.share)), utilization, chance)


def wait_behind(
    work_us: NDArray[np.float64], mean_us: float, utilization: float, chance: np.random.Generator
) -> QueueWait:
    """What messages wait that bring this work, one after another at random times. Shape (N,).

    Args:
        mean_us: of a message's work: from it follows how often one must come for the utilization.
    """
    gaps_us = chance.exponential(mean_us / utilization, size=len(work_us))
    waits = waits_of(work_us, gaps_us)[int(len(work_us) * _WARM_SHARE) :]
    return QueueWait(float(waits.mean()), *(float(one) for one in np.quantile(waits, (0.5, 0.99, 0.999))))


def waits_of(work_us: NDArray[np.float64], gaps_us: NDArray[np.float64]) -> NDArray[np.float64]:
    """The waits of messages in their order, by Lindley's recursion. Shapes (N,), (N,) -> (N,).

    Args:
        gaps_us: between each message and the next; the last is of no use.
    """
    sums = np.concatenate(([0.0], np.cumsum(work_us[:-1] - gaps_us[:-1])))
    return np.asarray(sums - np.minimum.accumulate(sums))


def mean_wait_us(mix: MessageMix, utilization: float) -> float:
    """The mean wait by the formula of Pollaczek and Khinchine, with the variance that ``simulated_wait`` has [us]."""
    mean = float(np.dot(mix.mean_us, mix.share))
    mean_square = float(np.dot(2 * np.square(mix.mean_us), mix.share))
    return utilization / (1 - utilization) * mean_square / (2 * mean)
