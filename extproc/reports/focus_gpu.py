"""Allocated GPU time as split charges of FOCUS 1.3.

The origin charge is that of a server in a day of UTC, at one price. Its rows divide it: the team stands in the columns
of allocation, and all other dimensions are those of the origin. What no team pays has no allocated resource.
Source: Data Generator-Calculated Split Cost Allocation Handling of the specification, read on 2026-11-30.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from sqlalchemy import Connection

from extproc.allocation.largest_remainder import exact_parts
from extproc.allocation.slices import UNKNOWN_PRICE
from extproc.ledger.allocation.slice_rows import UNEXPLAINED
from extproc.reports.csv_text import Cell, digits_of
from extproc.reports.focus_cells import ENERGY_COLUMN, costs_of_row, unit_prices
from extproc.reports.gpu_sums import GpuGroup, ServerDay
from extproc.reports.gpu_time import IDLE, GpuQuestion, GpuReport, server_days, server_tokens

DIMENSIONS: Final = ("team", "project")
"""By which GPU time is asked for."""
_NANO: Final = Decimal(10**9)
_US_PER_S: Final = Decimal(10**6)
_MWH_PER_KWH: Final = Decimal(10**6)  # of milliwatt-hours
_US_PER_H: Final = 3_600_000_000
_PARTS_PER_H: Final = 10**12
"""An hour has no whole number of decimals of a microsecond. A millionth of a millionth is less than any price sees."""
_SECONDS: Final = "GPU-Seconds"
_HOURS: Final = "GPU-Hours"


class SplitPart(NamedTuple):
    """A row.

    Attributes:
        group: team and project; None: no team pays it.
        times_us: GPU time by state; ``used`` is that of exchanges.
        tokens: input and output of entries.
        is_shown: it meets the conditions. Ratios are of the whole charge all the same.
        energy_mwh: of the time in which GPUs worked; None: it is not known.
    """

    group: tuple[str, ...] | None
    times_us: Mapping[str, int]
    tokens: int
    is_shown: bool
    energy_mwh: int | None = None

    @property
    def time_us(self) -> int:
        """All of it."""
        return sum(self.times_us.values())


class OriginCharge(NamedTuple):
    """What is divided. ``cost``: of all parts, as it was allocated [billionths]."""

    of: ServerDay
    method: str
    idle_policy: str
    parts: Sequence[SplitPart]
    cost: int


GpuCharges = Mapping[int, Sequence[OriginCharge]]
"""By the midnight of their day."""


def gpu_charges(connection: Connection, asked: GpuQuestion) -> GpuCharges:
    """Those that have a price, by ``DIMENSIONS``. Raises: StoreFailed."""
    names = tuple(dict.fromkeys((*DIMENSIONS, *(name for name, _ in asked.only))))
    whole = asked._replace(by=names, only=())
    only = [(names.index(name), value) for name, value in asked.only]
    priced = {key: one for key, one in sorted(server_days(connection, whole).items()) if key.price != UNKNOWN_PRICE}
    tokens = _by_charge(priced, server_tokens(connection, whole))
    found: dict[int, list[OriginCharge]] = {}
    for key, report in priced.items():
        has_energy = key.kind in asked.watts
        parts = _parts(report, tokens[key], only, has_energy)
        shows_rest = all((name, value) == ("server", key.server) for name, value in asked.only)
        for one in report.unpaid:
            energy_mwh = one.energy if has_energy and one.state == UNEXPLAINED else None
            parts.append(SplitPart(None, {one.state: one.time}, 0, shows_rest, energy_mwh))
        charge = OriginCharge(key, asked.method, asked.idle.value, parts, report.cost)
        found.setdefault(key.day_us, []).append(charge)
    return found


def _by_charge(
    priced: Mapping[ServerDay, GpuReport], tokens: Mapping[tuple[int, str], Mapping[GpuGroup, int]]
) -> dict[ServerDay, dict[GpuGroup, int]]:
    """Tokens of a day go where their group has GPU time, at the first price; where it has none, to the first charge."""
    charges: dict[tuple[int, str], list[ServerDay]] = {}
    for key in priced:
        charges.setdefault((key.day_us, key.server), []).append(key)
    found: dict[ServerDay, dict[GpuGroup, int]] = {key: {} for key in priced}
    for day_and_server, groups in tokens.items():
        of_day = charges.get(day_and_server, [])
        used = {key: {row.group for row in priced[key].rows} for key in of_day}
        for group, count in groups.items():
            for key in [*(one for one in of_day if group in used[one]), *of_day][:1]:
                found[key][group] = count
    return found


def _parts(
    report: GpuReport, tokens: Mapping[GpuGroup, int], only: Sequence[tuple[int, str]], has_energy: bool
) -> list[SplitPart]:
    times = {row.group: {"used": row.used} | ({IDLE: row.idle} if row.idle else {}) for row in report.rows}
    times |= {group: {"used": 0} for group in tokens if group not in times}
    energies = {row.group: row.energy for row in report.rows}
    return [
        SplitPart(
            group[: len(DIMENSIONS)],
            of_group,
            tokens.get(group, 0),
            all(group[place] == value for place, value in only),
            energies.get(group, 0) if has_energy else None,
        )
        for group, of_group in sorted(times.items())
    ]


def gpu_rows(charge: OriginCharge) -> Iterator[dict[str, Cell]]:
    """The cells that are not those of all rows. Their cost is exactly the price times the quantity; what that leaves of
    the allocated cost is an adjustment.
    """
    origin = _of_origin(charge)
    price = charge.of.price / _NANO
    times = [one.time_us for one in charge.parts]
    hours = exact_parts((sum(times) * _PARTS_PER_H + _US_PER_H // 2) // _US_PER_H, times)
    elements = [time for one in charge.parts for time in one.times_us.values()]
    ratios = iter(exact_parts(_PARTS_PER_H, elements))
    exact = Decimal()
    for part, in_parts in zip(charge.parts, hours, strict=True):
        quantity = Decimal(in_parts) / _PARTS_PER_H
        exact += quantity * price
        of_part = [next(ratios) for _ in part.times_us]
        if not part.is_shown:
            continue
        yield (
            origin
            | costs_of_row(quantity * price)
            | unit_prices(price)
            | {
                "AllocatedMethodDetails": _details(part, of_part, charge.idle_policy),
                "AllocatedMethodId": charge.method,
                "ConsumedQuantity": Decimal(part.time_us) / _US_PER_S,
                "PricingQuantity": quantity,
                ENERGY_COLUMN: None if part.energy_mwh is None else part.energy_mwh / _MWH_PER_KWH,
                "x_Tokens": part.tokens if part.group is not None else None,
            }
            | _allocated_to(part)
        )
    rounding = charge.cost / _NANO - exact
    if rounding and all(part.is_shown for part in charge.parts):
        yield _of_adjustment(charge, origin) | costs_of_row(rounding)


def _of_origin(charge: OriginCharge) -> dict[str, Cell]:
    """What all rows of a charge have."""
    of = charge.of
    sku = f"gpu/{of.kind}"
    return {
        "BillingCurrency": of.currency,
        "ChargeCategory": "Usage",
        "ChargeDescription": f"GPU time of {of.server} ({of.kind})",
        "ConsumedUnit": _SECONDS,
        "PricingCategory": "Standard",
        "PricingCurrency": of.currency,
        "PricingUnit": _HOURS,
        "ResourceId": of.server,
        "ResourceName": of.server,
        "ResourceType": "Model Server",
        "SkuId": sku,
        "SkuMeter": "GPU Time",
        "SkuPriceDetails": json.dumps({"x_GpuKind": of.kind}),
        "SkuPriceId": f"{sku}/{of.price}",
        "Tags": "{}",
    }


def _of_adjustment(charge: OriginCharge, origin: Mapping[str, Cell]) -> dict[str, Cell]:
    kept = ("BillingCurrency", "PricingCurrency", "ResourceId", "ResourceName", "ResourceType", "Tags")
    return {name: origin[name] for name in kept} | {
        "ChargeCategory": "Adjustment",
        "ChargeDescription": f"Rounding of GPU time of {charge.of.server} to whole billionths",
    }


def _allocated_to(part: SplitPart) -> dict[str, Cell]:
    if part.group is None:
        return {}
    tags = {name: value for name, value in zip(DIMENSIONS, part.group, strict=True) if value}
    return {
        "AllocatedResourceId": "/".join(map(_escaped, part.group)),
        "AllocatedResourceName": ", ".join(value or "-" for value in part.group),
        "AllocatedTags": json.dumps(tags),
    }


def _escaped(value: str) -> str:
    """So that two groups never have one name."""
    escaped = value.replace("%", "%25").replace("/", "%2F")
    return "%2D" if value == "-" else escaped or "-"


def _details(part: SplitPart, ratios: Sequence[int], idle_policy: str) -> str:
    """JSON, whose numbers are decimals and no floats: the ratios of an origin charge sum to exactly 1."""
    elements = []
    for (state, time_us), ratio in zip(part.times_us.items(), ratios, strict=True):
        numbers = digits_of(Decimal(ratio) / _PARTS_PER_H), digits_of(Decimal(time_us) / _US_PER_S)
        elements.append(
            f'{{"AllocatedRatio": {numbers[0]}, "UsageUnit": "{_SECONDS}", "UsageQuantity": {numbers[1]},'
            f' "x_GpuState": "{state}"}}'
        )
    return f'{{"Elements": [{", ".join(elements)}], "x_IdlePolicy": "{idle_policy}"}}'
