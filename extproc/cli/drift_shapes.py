"""The shape of what ``extproc drift`` prints with ``--json``; ``shapes`` lists all of them."""

from __future__ import annotations

from typing import Annotated, TypedDict


class DriftSignalJson(TypedDict):
    """A signal of a version. Effects are relative: 0.2 is a fifth more, -0.2 a fifth less."""

    signal: Annotated[str, "its name"]
    unit: Annotated[str, "of `now` and `expected`; 1: a rate or a share"]
    now: Annotated[float | None, "the rate, or geometric mean, of recent answers; null: nothing was compared"]
    expected: Annotated[float | None, "likewise, of the reference"]
    effect: Annotated[float, "`now` relative to `expected`"]
    evidence: Annotated[float, "the logarithm of the evidence, as a part of the threshold"]
    alarm: Annotated[bool, "it drifts"]
    since: Annotated[str | None, "when the alarm was raised, in UTC"]
    effect_since: Annotated[float | None, "while there is an alarm: the effect since the drift seems to have begun"]
    low: Annotated[float | None, "the lower end of its interval, which holds at every look with 95 %"]
    high: Annotated[float | None, "its upper end"]
    stratum: Annotated[str, "route and team of the drift; empty: all, or there is none"]
    reference: Annotated[str, "`ready`, or why nothing can be compared: `empty`, `few_events`"]
    answers: Annotated[float, "that count in `now`; older ones count less"]
    left_out: Annotated[int, "strata that could not be compared in the last block"]
    at: Annotated[str, "when it was compared last, in UTC"]


class DriftVersionJson(TypedDict):
    """A version of the configuration."""

    model: Annotated[str, "its model"]
    version: Annotated[str, "its name"]
    fingerprint: Annotated[str, "of the revision that was compared last; empty: none was"]
    signals: Annotated[list[DriftSignalJson], "that were seen"]


class DriftJson(TypedDict):
    """``drift``."""

    versions: Annotated[list[DriftVersionJson], "in the order of the configuration"]
