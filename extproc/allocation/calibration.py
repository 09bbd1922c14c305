"""Coefficients of a step's cost, from what the ledger has of one server.

While an exchange decodes, each of its tokens is one step of the engine, and the ledger knows what others did in these
steps. So each exchange is an equation:

    time from first to last token = step * (tokens - 1) + prefill_token * tokens that all computed meanwhile
        + sequence * tokens that all wrote meanwhile + kv_token * contexts of these + attention_pair * pairs meanwhile

A hundred requests at once are a hundred equations of the same time, so each counts a hundredth. Otherwise the largest
batches would be fitted, and a law that bends would be wrong at all others.
Tokens are written evenly by steps, not by time: a step that computes a prompt lasts longer. So it fits, counts steps by
the fit, and fits again. vLLM's own counters of time do not do: nothing in them says which work went together.
Coefficients are good at the sizes of batches that they were fitted at, so residuals are told by size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from extproc.allocation.served import ServedExchanges
from extproc.allocation.step_costs import StepCosts
from extproc.allocation.step_fit import StepFit, fit_steps
from extproc.allocation.timeline import Timeline, timeline_of, up_to
from extproc.allocation.weighted_ps import steps_so_far
from extproc.statistics.arrays import Bools, Floats, Ints

TOKENS_MIN: Final = 8
"""Of an answer that is an equation: the noise of its two times is small against it."""
EQUATIONS_MIN: Final = 100
CONDITION_MAX: Final = 100.0
ERROR_MAX: Final = 0.5
"""Standard error of a coefficient, relative to it."""
MATTERS: Final = 0.05
"""Of the time: a coefficient whose part is smaller may be anything."""
RESIDUAL_MAX: Final = 0.1
"""Median relative residual of a size of batches."""
SIZES: Final = 4
_PASSES: Final = 4
_WRITTEN: Final = 2
"""Column of tokens that all wrote meanwhile; over the steps it is how many were at it."""
_NAMES: Final = StepCosts._fields[:5]


class SizeResidual(NamedTuple):
    """Attributes: requests: smallest and largest mean batch. residual: median, relative; above 0: steps took longer."""

    requests: tuple[float, float]
    equations: int
    residual: float


class FittedCost(NamedTuple):
    """One coefficient. Attributes: value, error: [us]. part: of all time that was fitted."""

    name: str
    value: float
    error: float
    part: float


class Calibration(NamedTuple):
    """Attributes:
    fitted: the coefficients.
    equations: exchanges that counted, and those that could have.
    condition: see ``StepFit``.
    residual: median of absolute values, relative.
    sizes: of batches, from small to large.
    problems: why it cannot be used; empty: it can.
    """

    costs: StepCosts
    fitted: tuple[FittedCost, ...]
    equations: tuple[int, int]
    condition: float
    residual: float
    sizes: tuple[SizeResidual, ...]
    problems: tuple[str, ...]


class TooFewEquations(ValueError):
    """Nothing can be fitted."""


def calibrate(served: ServedExchanges, is_timed: Bools, chunk_tokens: int) -> Calibration:
    """Fit the costs of a step of one server.

    Args:
        served: all that it ran in some time.
        is_timed: whether the first token of each was seen; what others ran meanwhile counts in any case.
        chunk_tokens: see ``StepCosts``.
    Raises: TooFewEquations.
    """
    steps = served.written / served.sequences - 1.0
    usable = np.flatnonzero(
        is_timed & (steps >= TOKENS_MIN) & (served.last_us > served.first_us) & (served.computed == 1.0)
    )
    if len(usable) < EQUATIONS_MIN:
        raise TooFewEquations(
            f"{len(usable)} streams have {TOKENS_MIN} tokens or more, and it takes {EQUATIONS_MIN}. Take more time"
        )
    timeline = timeline_of(served, np.array([np.min(served.start_us), np.max(served.last_us)]))
    begin, end = timeline.decode.begin[usable], timeline.decode.end[usable]
    times = (served.last_us - served.first_us)[usable].astype(np.float64)
    clock = timeline.cuts_us.astype(np.float64)
    for _ in range(_PASSES):
        works = [up_to(work) for work in work_in_spans(timeline, clock, chunk_tokens)]
        meanwhile = [np.maximum(work[end] - work[begin], 0.0) for work in works]
        columns = np.stack([steps[usable], *meanwhile], axis=1)
        requests = np.maximum(columns[:, _WRITTEN] / columns[:, 0], 1.0)
        fit = fit_steps(columns, times, requests)
        step, prefill_token, sequence, kv_token, attention_pair = fit.coefficients.tolist()
        costs = StepCosts(step, prefill_token, sequence, kv_token, attention_pair, chunk_tokens)
        if costs.step <= 0:
            break
        clock = steps_so_far(timeline, costs)
    return _judged(fit, columns, times, costs)


def work_in_spans(timeline: Timeline, clock: Floats, chunk_tokens: int) -> Iterator[Floats]:
    """In each span: prompt tokens computed, tokens written, contexts of these, pairs; what costs are fitted to.

    Args: clock: by which tokens are written evenly, at each cut: that of steps, as far as it is known.
    """
    served, span, ticks = timeline.served, timeline.span_us.astype(np.float64), np.diff(clock)
    own = np.maximum(served.prompt - served.cached, 0).astype(np.float64)
    prefill_us = np.maximum(served.first_us - served.start_us, 1)
    chunks = np.ceil(np.maximum(own, 1.0) / chunk_tokens)
    at_first, at_last = clock[timeline.decode.begin], clock[timeline.decode.end]
    decoded = np.maximum(served.written - served.sequences, 0)
    growth = np.divide(decoded, at_last - at_first, out=np.zeros(len(decoded)), where=at_last > at_first)
    context = served.sequences * (served.prompt + 1.0) - growth * at_first
    steps = growth / served.sequences
    middle = clock[:-1] + ticks / 2.0
    yield timeline.in_spans(timeline.prefill, own / prefill_us) * span
    yield timeline.in_spans(timeline.decode, growth) * ticks
    kv = timeline.in_spans(timeline.decode, steps * context) * ticks
    kv += timeline.in_spans(timeline.decode, steps * growth) * middle * ticks
    yield kv + timeline.in_spans(timeline.prefill, (served.prompt - own) * chunks / prefill_us) * span
    yield timeline.in_spans(timeline.prefill, own * (served.prompt - own / 2.0) / prefill_us) * span


def _judged(fit: StepFit, columns: Floats, times: Floats, costs: StepCosts) -> Calibration:
    parts = fit.coefficients * columns[fit.kept].sum(axis=0) / times[fit.kept].sum()
    fitted = tuple(
        FittedCost(name, float(value), float(error), float(part))
        for name, value, error, part in zip(_NAMES, fit.coefficients, fit.errors, parts, strict=True)
    )
    sizes = tuple(_by_size(columns[:, _WRITTEN] / columns[:, 0], fit))
    residual = float(np.median(np.abs(fit.residuals[fit.kept])))
    problems = tuple(_problems(fit, fitted, sizes))
    return Calibration(costs, fitted, (int(fit.kept.sum()), len(times)), fit.condition, residual, sizes, problems)


def _by_size(requests: Floats, fit: StepFit) -> Iterator[SizeResidual]:
    order: Ints = np.argsort(requests, kind="stable")
    for part in np.array_split(order, SIZES):
        kept = part[fit.kept[part]]
        if len(kept):
            span = float(np.min(requests[kept])), float(np.max(requests[kept]))
            yield SizeResidual(span, len(kept), float(np.median(fit.residuals[kept])))


def _problems(fit: StepFit, fitted: tuple[FittedCost, ...], sizes: tuple[SizeResidual, ...]) -> Iterator[str]:
    if fit.coefficients[0] <= 0:
        yield "a step costs nothing by this fit: take time with few requests at once too"
    if fit.condition > CONDITION_MAX:
        yield (
            f"the condition number is {fit.condition:.0f}, at most {CONDITION_MAX:.0f} can be told apart: take time "
            "with short and long prompts, and with few and many requests at once"
        )
    for one in fitted:
        if one.part + one.error * one.part / max(one.value, 1e-300) < MATTERS:
            continue
        if one.value <= 0 or one.error > ERROR_MAX * one.value:
            yield f"{one.name} is {one.value:.3g} with a standard error of {one.error:.3g}: it may be anything"
    for size in sizes:
        if abs(size.residual) > RESIDUAL_MAX:
            low, high = size.requests
            yield (
                f"at {low:.0f} to {high:.0f} requests at once steps take {size.residual:+.0%} of what is fitted: the "
                "law bends there, so calibrate by time that is like what is billed"
            )
