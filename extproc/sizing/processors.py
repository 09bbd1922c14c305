"""Cores, processes, memory and connections of processors, and of the Envoys in front of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from extproc.sizing.coefficients import Coefficients
from extproc.sizing.workload import GuardLevel, LedgerPlace, LimitPlace, Workload

_US: Final = 1e-6
_MB_OF_KB: Final = 1e-3
_LIGHT: Final = ("pii", "refusal")
"""The guards of the level that others are added to."""


SHIPPING: Final = "shipping of the ledger"
"""The part of an exchange's CPU that a process of its own takes, one in each pod."""


@dataclass(frozen=True, slots=True)
class Processors:
    """What processors need.

    Attributes:
        cpu_us: of an exchange, by what it is for [us].
        cores: that are busy, on average.
        processes: workers, so that each is below the utilization that was asked for.
        pods: with ``workers`` processes each, and one more, which may be away.
        pod_cores: that a pod may use: a whole one for each worker, and what ships.
        streams_per_worker: exchanges that one worker has open, on average.
        memory_mb: of a pod, with the streams of its workers [10**6 bytes].
        memory_mb_max: likewise, with all long messages that its workers admit.
        unmeasured: guards that are in no figure.
    """

    cpu_us: Mapping[str, float]
    cores: float
    processes: int
    pods: int
    pod_cores: float
    streams_per_worker: float
    memory_mb: float
    memory_mb_max: float
    unmeasured: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Envoys:
    """What Envoys need that have one processor's filter, proxying included.

    Attributes:
        cores_alone: of these, what they would take without the filter.
        memory_mb: that open exchanges add, over all of them.
        least: Envoys, so that the circuit breaker of ``envoy-config`` lets through what is open.
    """

    cores: float
    cores_alone: float
    memory_mb: float
    least: int


def processors_for(load: Workload, of: Coefficients) -> Processors:
    """Size the processors."""
    cpu_us = exchange_cpu_us(load, of)
    of_workers, shipping = (one * load.requests_per_s * _US for one in (worker_us(cpu_us), cpu_us.get(SHIPPING, 0.0)))
    processes = max(1, math.ceil(of_workers / load.utilization))
    busy_pods = math.ceil(processes / load.workers)
    streams = load.open_exchanges / processes
    memory_mb = load.workers * (of["memory.rest_mb"] + streams * of["memory.stream_kb"] * _MB_OF_KB)
    memory_mb += of["memory.supervisor_mb"] if load.workers > 1 else 0.0
    memory_mb += of["memory.shipper_mb"] if load.ledger is not LedgerPlace.NONE else 0.0
    guards = () if isinstance(load.guards, GuardLevel) else load.guards
    return Processors(
        cpu_us=cpu_us,
        cores=of_workers + shipping,
        processes=processes,
        pods=busy_pods + 1,
        pod_cores=load.workers + shipping / busy_pods,
        streams_per_worker=streams,
        memory_mb=memory_mb,
        memory_mb_max=memory_mb + load.workers * of["memory.long_messages_mb_max"],
        unmeasured=tuple(sorted(set(guards) - of.measured_guards())),
    )


def envoys_for(load: Workload, of: Coefficients) -> Envoys:
    """Size the Envoys."""
    with_filter, alone = (_cpu_us(load, of, name) * load.requests_per_s * _US for name in ("envoy", "envoy_alone"))
    return Envoys(
        cores=with_filter,
        cores_alone=alone,
        memory_mb=load.open_exchanges * of["envoy.stream_kb"] * _MB_OF_KB,
        least=max(1, math.ceil(load.open_exchanges / load.open_exchanges_max)),
    )


def exchange_cpu_us(load: Workload, of: Coefficients) -> dict[str, float]:
    """CPU that the processors, and what ships for them, take for a mean exchange, by what it is for [us]."""
    plain_us = _cpu_us(load, of, GuardLevel.NONE)
    parts = {"transport, routing, metering": plain_us, "guards": _guards_us(load, of, plain_us)}
    if load.limit_store is not LimitPlace.NONE:
        key = "limits.memory_us" if load.limit_store is LimitPlace.MEMORY else "limits.client_us"
        parts["rate limits"] = of[key]
    if load.ledger is not LedgerPlace.NONE:
        parts["ledger"] = of["ledger.exchange_us"]
        parts[SHIPPING] = of[f"ledger.{load.ledger}_entry_us"]
    if load.signals:
        parts["signals"] = of["signals.answer_us"] + of["signals.event_us"] * load.events
    if load.otel:
        parts["traces"] = of["otel.exchange_us"]
    return parts


def worker_us(cpu_us: Mapping[str, float]) -> float:
    """What workers take of an exchange [us]."""
    return sum(value for name, value in cpu_us.items() if name != SHIPPING)


def _guards_us(load: Workload, of: Coefficients, plain_us: float) -> float:
    if isinstance(load.guards, GuardLevel):
        return _cpu_us(load, of, load.guards) - plain_us
    if not load.guards:
        return 0.0
    light_us = _cpu_us(load, of, GuardLevel.LIGHT) - plain_us
    each_us = {name: _guard_us(load, of, name) for name in of.measured_guards()}
    listed_us = sum(each_us.get(name, 0.0) for name in load.guards)
    return max(0.0, light_us - sum(each_us[name] for name in _LIGHT)) + listed_us


def _guard_us(load: Workload, of: Coefficients, name: str) -> float:
    request, kb, event = (of.get(f"guard.{name}.{part}_us", 0.0) for part in ("request", "kb", "event"))
    return request + kb * load.prompt_kb + event * load.events


def _cpu_us(load: Workload, of: Coefficients, name: str) -> float:
    return of.cost(name).of(
        prompt_kb=load.prompt_kb, answer_kb=load.answer_kb, events=load.events, streamed=load.streamed
    )
