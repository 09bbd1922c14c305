"""The shapes of what ``extproc report`` prints with ``--json``; ``shapes`` lists all of them."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict


class FiguresJson(TypedDict):
    """The figures of a group of entries. Integers are exact, also beyond 2**53."""

    exchanges: Annotated[int, "that reached a model"]
    refused: Annotated[int, "requests that were refused before; counted with `ledger.refused`"]
    failed: Annotated[int, "exchanges whose answer was neither complete nor cut by a guard"]
    estimated: Annotated[int, "exchanges of which the processor estimated some tokens"]
    prompt_tokens: Annotated[int, "input, cached tokens included"]
    cached_tokens: Annotated[int, "of the input"]
    completion_tokens: Annotated[int, "output, reasoning included"]
    reasoning_tokens: Annotated[int, "of the output"]
    cost_micro_usd: Annotated[int, "in millionths of a US dollar"]
    refusals: Annotated[int, "of the model"]
    findings: Annotated[int, "of guards, in refused requests too"]
    duration_p50_ms: Annotated[int | None, "of answered exchanges, within 2.1 %; null: there are none"]
    duration_p95_ms: Annotated[int | None, "likewise"]
    first_token_p50_ms: Annotated[int | None, "from the start to the first token; null: none was seen"]
    first_token_p95_ms: Annotated[int | None, "likewise"]


class PeriodJson(TypedDict):
    """A period."""

    start: Annotated[str, "its first moment, with the offset of the time zone"]
    end: Annotated[str, "the first moment of the next period"]
    complete: Annotated[bool, "it is over, and the range of the report cuts nothing off"]


class ReportRowJson(PeriodJson):
    """A group in a period."""

    group: Annotated[list[str], "values, in the order of `by`; empty: an entry has none"]
    figures: Annotated[FiguresJson, "of the group in this period"]
    before: Annotated[
        FiguresJson | None, "in the period before; null: they are not of one length, or only GPU time is known"
    ]


class ReportPeriodJson(PeriodJson):
    """All groups of a period."""

    figures: Annotated[FiguresJson, "of all groups"]


class ReportGroupJson(TypedDict):
    """A group over all periods."""

    group: Annotated[list[str], "values, in the order of `by`"]
    figures: Annotated[FiguresJson, "of all periods"]


class MoverJson(TypedDict):
    """A group that changed much."""

    group: Annotated[list[str], "values, in the order of `by`"]
    before: Annotated[int, "of `measure`, or GPU time [us], in the period before; 0: it was not there"]
    after: Annotated[int, "likewise, in the period"]


class MoversJson(TypedDict):
    """What changed most."""

    before: Annotated[PeriodJson, "with which is compared"]
    period: Annotated[PeriodJson, "the last one that can be compared"]
    groups: Annotated[list[MoverJson], "the largest change first; at most 5"]


class OnlyJson(TypedDict):
    """A condition of ``--only``."""

    name: Annotated[str, "such as `team`"]
    value: Annotated[str, "that entries must have"]


class GpuCostJson(TypedDict):
    """What GPU time costs in one currency."""

    currency: Annotated[str, "of ISO 4217"]
    cost_nano: Annotated[int, "in billionths of it"]


class GpuFiguresJson(TypedDict):
    """GPU time of a group, or of all GPUs."""

    used_us: Annotated[int, "of exchanges [us]"]
    idle_us: Annotated[int, "in which nothing ran; of a group: its part in that, by `gpus.idle` [us]"]
    other_us: Annotated[int, "in which servers started, slept, or did what no entry has; of servers only [us]"]
    tokens: Annotated[int, "input and output of the entries that ran on these GPUs"]
    energy_mwh: Annotated[int | None, "of exchanges and unexplained time [mWh]; null: `gpus.watts` is not configured"]
    costs: Annotated[list[GpuCostJson], "of all this time; 0 where no price was known"]
    quota_us: Annotated[int | None, "that the quota of a team allows [us]; null: it has none, or this is no team"]


class AllocatedDaysJson(TypedDict):
    """How much of the report's days is allocated."""

    asked: Annotated[int, "days that have begun"]
    whole: Annotated[int, "of these, that are allocated"]
    in_part: Annotated[int, "of these, of which some hours are"]


class NobodysTimeJson(TypedDict):
    """GPU time that no group pays."""

    state: Annotated[str, "`idle`, `starting`, `sleeping` or `unexplained`"]
    currency: Annotated[str, "of the cost"]
    time_us: Annotated[int, "GPU time [us]"]
    cost_nano: Annotated[int, "what that costs [billionths]"]
    energy_mwh: Annotated[int | None, "of time that is unexplained [mWh]; null: of other states it is not known"]


class GpuMethodJson(TypedDict):
    """GPU time by one method of allocation."""

    method: Annotated[str, "such as `weighted_ps_v1`"]
    days: Annotated[AllocatedDaysJson, "that are allocated by it"]
    rows: Annotated[list[GpuFiguresJson], "of each of the report's `rows`, in their order"]
    periods: Annotated[list[GpuFiguresJson], "of all GPUs, in the order of `periods`"]
    groups: Annotated[list[GpuFiguresJson], "of each of the report's `groups`, in their order"]
    total: Annotated[GpuFiguresJson, "of all GPUs"]
    unpaid: Annotated[list[NobodysTimeJson], "what no group pays; with `groups` it is the total"]
    energy_unknown_us: Annotated[
        int | None, "GPU time of kinds that `gpus.watts` does not have [us]; null: it is not configured"
    ]
    movers: Annotated[MoversJson | None, "by GPU time [us]; null: no two periods that are allocated can be compared"]


class TeamQuotaJson(TypedDict):
    """How many GPUs a team may use at once, on average."""

    team: Annotated[str, "whose"]
    milli_gpus: Annotated[int, "thousandths of a GPU"]
    namespace: Annotated[str | None, "whose ResourceQuota it is; null: it is configured"]


class GpuUsageJson(TypedDict):
    """GPU time."""

    absent: Annotated[str | None, "why there is none, as a sentence"]
    methods: Annotated[list[GpuMethodJson], "by each method by which days of the report were allocated"]
    quotas: Annotated[list[TeamQuotaJson], "of teams; empty where rows are no teams"]
    notes: Annotated[list[str], "which quotas are not known, not shown or not taken, as sentences"]


# one key is a keyword of Python
ReportJson = TypedDict(
    "ReportJson",
    {
        "from": Annotated[str, "the first day"],
        "to": Annotated[str, "the last day, included"],
        "timezone": Annotated[str, "whose days they are"],
        "period": Annotated[Literal["day", "week", "month", "total"], "how long a period is"],
        "measure": Annotated[Literal["cost", "tokens", "requests"], "by which groups are ordered"],
        "by": Annotated[list[str], "the names that entries are grouped by"],
        "only": Annotated[list[OnlyJson], "conditions"],
        "rows": Annotated[
            list[ReportRowJson], "by period, then the largest first; groups without entries and GPU time are left out"
        ],
        "periods": Annotated[list[ReportPeriodJson], "each period, without entries too"],
        "groups": Annotated[list[ReportGroupJson], "the largest first"],
        "total": Annotated[FiguresJson, "of all entries"],
        "movers": Annotated[MoversJson | None, "null: no two periods can be compared, or there are no groups"],
        "gpu": Annotated[GpuUsageJson | None, "null: the configuration has no `gpus`"],
    },
)
ReportJson.__doc__ = """``report``."""


class DifferencePartJson(TypedDict):
    """A part of a difference."""

    cause: Annotated[
        Literal["choices", "borders", "estimated", "unfinished", "rounding", "unexplained"], "what it comes from"
    ]
    amount: Annotated[int, "of the measure; negative: the ledger has more"]


class FigureDifferenceJson(TypedDict):
    """A figure that is not the same."""

    start: Annotated[str, "of the time, in UTC"]
    end: Annotated[str, "the first moment after it"]
    model: Annotated[str, "as the model server is asked for it; empty: all"]
    measure: Annotated[
        Literal["requests", "input_tokens", "cached_tokens", "output_tokens", "cost_micro_usd"], "what was counted"
    ]
    theirs: Annotated[int, "of the file"]
    ours: Annotated[int, "of the ledger"]
    parts: Annotated[list[DifferencePartJson], "they add up to `theirs` minus `ours`"]
    unexplained: Annotated[int, "what nothing explains"]


class BilledTimeJson(TypedDict):
    """GPU time and its cost."""

    gpu_us: Annotated[int, "GPU time [us]"]
    cost_nano: Annotated[int, "in billionths of the currency"]


class BillPartJson(BilledTimeJson):
    """A part of a difference."""

    cause: Annotated[
        Literal["not_in_bill", "not_known", "currency", "hours", "price", "rounding"], "what it comes from"
    ]


class BillDifferenceJson(TypedDict):
    """A server in a day, in one currency, that is not billed as it was allocated."""

    day: Annotated[str, "of UTC"]
    server: Annotated[str, "as the bill has it, or its address"]
    currency: Annotated[str, "of both costs"]
    theirs: Annotated[BilledTimeJson, "of the bill"]
    ours: Annotated[BilledTimeJson, "that was allocated"]
    parts: Annotated[list[BillPartJson], "they add up to `theirs` minus `ours`"]


class ReconciledBillJson(TypedDict):
    """A bill of GPUs against allocated time."""

    method: Annotated[str, "by which time was allocated"]
    days: Annotated[AllocatedDaysJson, "of the bill, from its first to its last"]
    compared: Annotated[int, "servers and days, in each currency"]
    differences: Annotated[list[BillDifferenceJson], "those that are not the same; rounding alone is no difference"]
    rounding: Annotated[list[GpuCostJson], "what rounding of the bill makes together"]


class ReconciledJson(TypedDict):
    """``report --reconcile``."""

    compared: Annotated[int, "figures"]
    differences: Annotated[list[FigureDifferenceJson], "those that are not the same; empty: all agree"]
    bill: Annotated[ReconciledBillJson | None, "a bill of GPUs; null: of the usage of models"]
