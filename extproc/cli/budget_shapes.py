"""The shapes of what ``extproc budget`` prints with ``--json``; ``shapes`` lists all of them."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from extproc.domain.budgets import BudgetUnit


class BudgetPeriodJson(TypedDict):
    """A period of a budget."""

    start: Annotated[str, "its first moment, with the offset of the time zone"]
    end: Annotated[str, "the first moment after it"]


class BudgetKeyJson(TypedDict):
    """One team, project or budget code in a period. Numbers are in the unit of the budget."""

    key: Annotated[str, "its name; empty: entries without one"]
    amount: Annotated[int, "as the configuration has it"]
    granted: Annotated[int, "the sum of all grants; may be below 0"]
    spent: Annotated[int, "as the ledger has it"]
    left: Annotated[int, "below 0: more was spent than there was"]
    percent: Annotated[int, "that is spent, rounded down"]
    reached: Annotated[list[int], "shares of `warn_at` that are spent"]
    exhausted: Annotated[bool, "nothing is left"]


class BudgetStatusJson(TypedDict):
    """One budget."""

    name: Annotated[str, "as the configuration has it"]
    per: Annotated[Literal["team", "project", "budget_code"], "what each key is"]
    of: Annotated[BudgetUnit, "the unit of all its numbers"]
    on_exhausted: Annotated[
        Literal["block", "downgrade"] | None, "what it does when nothing is left; null: it warns only"
    ]
    timezone: Annotated[str, "whose days its periods have"]
    period: Annotated[BudgetPeriodJson, "the current one, or its range of days"]
    allocated_until: Annotated[
        str | None,
        "of GPU-seconds: up to when they are known; null: those since yesterday are not, or it is of another unit",
    ]
    running: Annotated[bool, "the period has begun and is not over; only a range of days may not be"]
    keys: Annotated[list[BudgetKeyJson], "those of `match`, or those that spent or were granted something"]


class BudgetsJson(TypedDict):
    """``budget status``."""

    at: Annotated[str, "when, in UTC"]
    budgets: Annotated[list[BudgetStatusJson], "in the order of the configuration"]


class BudgetChangeJson(TypedDict):
    """A change of a budget."""

    number: Annotated[int, "in the order in which they were made"]
    at: Annotated[str, "when, in UTC"]
    budget: Annotated[str, "its name"]
    key: Annotated[str, "the team, project or budget code that it is for"]
    period: Annotated[BudgetPeriodJson, "that it is for, in UTC"]
    kind: Annotated[
        Literal["grant", "warned", "exhausted", "recovered"],
        "a grant, or what a server noted: a share of `warn_at` was spent, all was spent, there was room again",
    ]
    amount: Annotated[int, "of a grant how much more there is, below 0: less; of others the limit that was in force"]
    share_percent: Annotated[int, "of that limit, which was spent; 0 for a grant"]
    by: Annotated[str, "who made it; `extproc`: a server"]
    note: Annotated[str, "the reason, if one was given"]


class BudgetHistoryJson(TypedDict):
    """``budget history``."""

    changes: Annotated[list[BudgetChangeJson], "the oldest first"]


class GrantedJson(TypedDict):
    """``budget grant``."""

    budget: Annotated[str, "its name"]
    granted: Annotated[int, "by this call"]
    period: Annotated[BudgetPeriodJson, "that it is for"]
    state: Annotated[BudgetKeyJson, "with the grant"]


class ActingBudgetJson(TypedDict):
    """A budget that acts on a request, in a dry run."""

    budget: Annotated[str, "its name"]
    per: Annotated[Literal["team", "project", "budget_code"], "what `key` is"]
    key: Annotated[str, "who asks"]
    of: Annotated[BudgetUnit, "the unit of `amount`"]
    amount: Annotated[int, "as the configuration has it"]
    on_exhausted: Annotated[Literal["block", "downgrade"], "what it does when nothing is left"]
    until: Annotated[str, "when the period ends"]
    assumed_exhausted: Annotated[bool, "by `--budget-exhausted`; a dry run has no sums"]
    act: Annotated[str | None, "what it did, such as `blocked`; null: nothing"]
