"""The shape of what ``extproc gpus`` prints with ``--json``; ``shapes`` lists all of them."""

from __future__ import annotations

from typing import Annotated, TypedDict


class BilledServerJson(TypedDict):
    """A server, as `gpus.servers` has it."""

    endpoint: Annotated[str, "as the bill has it"]
    gpus: Annotated[int, "of the bill's column, or the hours of its longest day by 24"]
    kind: Annotated[str, "of the bill's column; `GPU` without one"]
    price: Annotated[str, "a name of `prices`"]


class BilledPriceJson(TypedDict):
    """A price, as `gpus.prices` has it."""

    name: Annotated[str, "of servers of one kind whose prices are alike"]
    per_gpu_hour: Annotated[str, "exact, or within the rounding of the bill"]
    since: Annotated[str | None, "midnight (UTC) of the day from which on it applies; null: ever"]


class GpusOfBillJson(TypedDict):
    """``gpus``."""

    currency: Annotated[str, "of the bill"]
    servers: Annotated[list[BilledServerJson], "in the order of the bill"]
    prices: Annotated[list[BilledPriceJson], "those of a name in the order of time"]
    billed_nano: Annotated[int, "the cost of all lines [billionths]"]
    off_nano: Annotated[int, "what these prices make of the bill's hours, less that [billionths]"]
    most_off_nano: Annotated[int, "at most of a server and day [billionths]"]
