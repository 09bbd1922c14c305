"""Rules of FOCUS 1.3 for charges that are split (Data Generator-Calculated Split Cost Allocation Handling).

Source: that attribute, and the columns Allocated Method ID, Allocated Method Details, Allocated Resource ID, Allocated
Resource Name and Allocated Tags, in the specification's repository (`FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec`,
Community Specification License 1.0), read on 2026-11-30; the texts there are partly later than 1.3.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any, Final

Row = Mapping[str, str]
SUMMED: Final = (
    *("BilledCost", "ContractedCost", "EffectiveCost", "ListCost", "PricingCurrencyEffectiveCost"),
    *("ConsumedQuantity", "PricingQuantity"),
)
"""Metrics of an origin charge, which its rows add up to."""
_OF_A_ROW: Final = (
    *SUMMED,
    *("AllocatedMethodDetails", "AllocatedResourceId", "AllocatedResourceName", "AllocatedTags"),
    *("x_EnergyKilowattHours", "x_Tokens"),
)
_ELEMENT_KEYS: Final = {"AllocatedRatio", "UsageUnit", "UsageQuantity"}


def origins(rows: Sequence[Row]) -> dict[tuple[str, ...], list[Row]]:
    """The rows of each origin charge: of one resource, period and price."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if row["AllocatedMethodId"]:
            key = (row["ResourceId"], row["ChargePeriodStart"], row["SkuPriceId"])
            found.setdefault(key, []).append(row)
    return found


def split_violations(rows: Sequence[Row]) -> list[str]:
    """What rows do against the rules."""
    found = [f"{row['ChargeDescription']}: {one}" for row in rows for one in _of_row(row)]
    for (resource, begin, _), parts in origins(rows).items() if not found else ():
        found += [f"{resource} at {begin}: {one}" for one in _of_origin(parts)]
    return found


def _of_row(row: Row) -> Iterator[str]:
    is_split = bool(row["AllocatedMethodId"])
    others = ("AllocatedMethodDetails", "AllocatedResourceId", "AllocatedResourceName", "AllocatedTags")
    for name in others:
        if row[name] and not is_split:
            yield f"{name} of a charge that is not split"
    if not is_split:
        return
    if not row["AllocatedMethodDetails"]:
        yield "AllocatedMethodDetails is null"
        return
    if bool(row["AllocatedResourceId"]) != bool(row["AllocatedResourceName"]):
        yield "only one of AllocatedResourceId and AllocatedResourceName is null"
    if row["AllocatedTags"] and not row["AllocatedResourceId"]:
        yield "AllocatedTags without AllocatedResourceId"
    tags, allocated = (json.loads(row[name] or "{}") for name in ("Tags", "AllocatedTags"))
    if tags.keys() & allocated.keys():
        yield "AllocatedTags has what Tags has"
    yield from _of_details(details_of(row))


def details_of(row: Row) -> dict[str, Any]:
    """With exact numbers."""
    found: dict[str, Any] = json.loads(row["AllocatedMethodDetails"], parse_float=Decimal, parse_int=Decimal)
    return found


def _of_details(details: Mapping[str, Any]) -> Iterator[str]:
    if not details.get("Elements"):
        yield "AllocatedMethodDetails has no Elements"
    for own in (details.keys() - {"Elements"}, *(one.keys() - _ELEMENT_KEYS for one in details.get("Elements", ()))):
        if any(not name.startswith("x_") for name in own):
            yield f"AllocatedMethodDetails has {sorted(own)}"
    for one in details.get("Elements", ()):
        if not isinstance(one.get("AllocatedRatio"), Decimal) or not 0 <= one["AllocatedRatio"] <= 1:
            yield f"AllocatedRatio is {one.get('AllocatedRatio')}"
        if "UsageQuantity" in one and not one.get("UsageUnit"):
            yield "UsageQuantity without UsageUnit"


def _of_origin(rows: Sequence[Row]) -> Iterator[str]:
    for name in rows[0]:
        if name not in _OF_A_ROW and len({row[name] for row in rows}) > 1:
            yield f"{name} differs"
    with localcontext(prec=60):
        if (whole := sum(ratio_of(row) for row in rows)) != 1:
            yield f"ratios sum to {whole}"
    allocated = [row["AllocatedResourceId"] for row in rows if row["AllocatedResourceId"]]
    if len(allocated) != len(set(allocated)):
        yield "two rows have one AllocatedResourceId"


def ratio_of(row: Row) -> Decimal:
    """Of all elements."""
    return sum((one["AllocatedRatio"] for one in details_of(row)["Elements"]), Decimal())
