"""The shape of what ``extproc savings`` prints with ``--json``; ``shapes`` lists all of them."""

from __future__ import annotations

from typing import Annotated, TypedDict


class SavingJson(TypedDict):
    """One hint. Hints overlap, so they do not add up."""

    hint: Annotated[
        str,
        "`aborted`, `cut_at_limit`, `max_tokens`, `prefix_caching`, `smaller_model`, `full_hours` or `idle_hours`",
    ]
    team: Annotated[str, "whose it is; empty: a caller without a team, or `idle_hours`"]
    model: Annotated[str, "that was asked; empty of `idle_hours`"]
    exchanges: Annotated[int, "that it is about; of `full_hours` and `idle_hours`: hours"]
    gpu_us: Annotated[int, "GPU time that it would save [us]; below 0: a cheaper GPU takes longer"]
    cost_nano: Annotated[int, "what that costs [billionths]"]
    used_us: Annotated[int, "GPU time of this team and model in all [us]; of `idle_hours`: of these hours"]
    tokens: Annotated[int, "of `max_tokens`: the limit; otherwise 0"]
    per_mille: Annotated[
        int,
        "of `max_tokens`: answers that are longer; of `prefix_caching`: tokens of prompts that were cached, -1: the "
        "server does not say; of `smaller_model` and `full_hours`: what it would take, of what it took; otherwise 0",
    ]
    other: Annotated[str, "of `smaller_model`: that model; of `idle_hours`: the kind of GPU; otherwise empty"]


class SavingsJson(TypedDict):
    """``savings``."""

    begin: Annotated[str, "of the time, in UTC"]
    end: Annotated[str, "likewise; what is not over yet is left out"]
    currency: Annotated[str, "of all costs; empty: no server was seen"]
    unpriced_us: Annotated[int, "GPU time that has no price, and so costs nothing here [us]"]
    hints: Annotated[list[SavingJson], "those that save most first"]
