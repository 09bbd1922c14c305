"""The shape of what ``extproc calibrate`` prints with ``--json``; ``shapes`` lists all of them."""

from __future__ import annotations

from typing import Annotated, TypedDict


class StepCostJson(TypedDict):
    """One coefficient of what a step of the engine costs."""

    name: Annotated[str, "`step`, `prefill_token`, `sequence`, `kv_token` or `attention_pair`"]
    microseconds: Annotated[float, "of each"]
    error: Annotated[float, "its standard error [us]"]
    part: Annotated[float, "of all time that was fitted, from 0 to 1"]


class SizeResidualJson(TypedDict):
    """How far a size of batches is from the fit."""

    requests_min: Annotated[float, "requests at once, on average of an answer"]
    requests_max: Annotated[float, "likewise"]
    equations: Annotated[int, "answers of this size"]
    residual: Annotated[float, "median, relative; above 0: steps took longer than fitted"]


class VersionCalibrationJson(TypedDict):
    """A version of a model."""

    model: Annotated[str, "its model"]
    version: Annotated[str, "its name"]
    servers: Annotated[int, "that ran mostly this version"]
    costs: Annotated[list[StepCostJson], "empty: nothing could be fitted"]
    equations: Annotated[int, "answers that counted"]
    equations_left_out: Annotated[int, "answers far from the fit: of them something is not known, as a preemption"]
    condition: Annotated[float | None, "of the scaled equations: 1 is best, above 100 is refused; null: infinite"]
    residual: Annotated[float | None, "median of absolute values, relative; null: nothing was fitted"]
    sizes: Annotated[list[SizeResidualJson], "of batches, from small to large"]
    problems: Annotated[list[str], "why it cannot be used; empty: it can"]
    kept: Annotated[bool, "it is used for what is allocated from now on (`--keep`)"]


class CalibratedJson(TypedDict):
    """``calibrate``."""

    begin: Annotated[str, "of the time, in UTC"]
    end: Annotated[str, "likewise"]
    versions: Annotated[list[VersionCalibrationJson], "whose servers ran anything, by name"]
