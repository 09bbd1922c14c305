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
    before: Annotated[FiguresJson | None, "in the period before; null: the two are not of the same length"]


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
    before: Annotated[int, "of `measure`, in the period before; 0: it was not there"]
    after: Annotated[int, "of `measure`, in the period"]


class MoversJson(TypedDict):
    """What changed most."""

    before: Annotated[PeriodJson, "with which is compared"]
    period: Annotated[PeriodJson, "the last one that can be compared"]
    groups: Annotated[list[MoverJson], "the largest change first; at most 5"]


class OnlyJson(TypedDict):
    """A condition of ``--only``."""

    name: Annotated[str, "such as `team`"]
    value: Annotated[str, "that entries must have"]


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
            list[ReportRowJson], "by period, then the largest first; groups without entries are left out"
        ],
        "periods": Annotated[list[ReportPeriodJson], "each period, without entries too"],
        "groups": Annotated[list[ReportGroupJson], "the largest first"],
        "total": Annotated[FiguresJson, "of all entries"],
        "movers": Annotated[MoversJson | None, "null: no two periods can be compared, or there are no groups"],
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


class ReconciledJson(TypedDict):
    """``report --reconcile``."""

    compared: Annotated[int, "figures"]
    differences: Annotated[list[FigureDifferenceJson], "those that are not the same; empty: all agree"]
