"""The shape of what ``extproc allocate`` prints with ``--json``; ``shapes`` lists all of them."""

from __future__ import annotations

from typing import Annotated, TypedDict


class GpuRowJson(TypedDict):
    """A group. Times and costs are exact."""

    group: Annotated[list[str], "values, in the order of `by`; empty: an entry has none"]
    currency: Annotated[str, "of the costs"]
    used_us: Annotated[int, "GPU time of its exchanges [us]"]
    used_cost_nano: Annotated[int, "what that costs [billionths]"]
    idle_us: Annotated[int, "its part in idle time, by `gpus.idle` [us]"]
    idle_cost_nano: Annotated[int, "what that costs [billionths]"]
    energy_mwh: Annotated[int | None, "energy of its exchanges by `gpus.watts` [mWh]; null: it is not configured"]


class UnpaidTimeJson(TypedDict):
    """Time that no group pays."""

    state: Annotated[str, "`idle`, `starting`, `sleeping` or `unexplained`"]
    currency: Annotated[str, "of the cost"]
    time_us: Annotated[int, "GPU time [us]"]
    cost_nano: Annotated[int, "what that costs [billionths]"]
    energy_mwh: Annotated[int | None, "of time that is unexplained [mWh]; null: of other states it is not known"]


class UnknownServerJson(TypedDict):
    """A server whose GPUs neither the configuration nor its pod says."""

    server: Annotated[str, "its address; empty: the entry does not say which server answered"]
    exchanges: Annotated[int, "that it ran in the days that were allocated now"]


class AllocatedJson(TypedDict):
    """``allocate``."""

    method: Annotated[str, "by which time was divided"]
    begin: Annotated[str, "of the time, in UTC"]
    end: Annotated[str, "likewise; what is not over yet is left out"]
    by: Annotated[list[str], "names of what is grouped by"]
    rows: Annotated[list[GpuRowJson], "groups, those that pay most first"]
    unpaid: Annotated[list[UnpaidTimeJson], "with the rows it is the time of all GPUs, to the microsecond"]
    slices: Annotated[int, "hours of servers that were found"]
    unpriced: Annotated[int, "of these, without a price"]
    energy_unknown_us: Annotated[
        int | None, "GPU time of kinds that `gpus.watts` does not have [us]; null: it is not configured"
    ]
    revised: Annotated[int, "of these, that came out otherwise before, as something came late"]
    unproven_us: Annotated[int, "GPU time after the last samples of servers, which nothing proves [us]"]
    days_read: Annotated[int, "days that were allocated now; others had nothing new"]
    exchanges_read: Annotated[int, "exchanges of these"]
    unknown: Annotated[list[UnknownServerJson], "servers whose GPUs nobody knows"]
