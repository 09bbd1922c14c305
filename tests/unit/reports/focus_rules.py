"""Rules of FOCUS 1.3 for the columns that we write, for a file of cost and usage.

Source: the requirements of these columns in the specification, version 1.3 of 2025-12-04 (FinOps Foundation,
`FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec` on GitHub, Community Specification License 1.0), read on 2026-11-29. The
validator of the foundation (`focus-validator` 2.2.1) has rules for 1.2 only; docs/reports.md says how it is run.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Final

from tests.unit.reports.focus_split_rules import split_violations

_DATE_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)\.\d+(E[+-]?\d+)?")
"""With a point: the validator guesses types, and a column of which all values are whole would be no decimal."""
_CURRENCY_CODE: Final = re.compile(r"[A-Z]{3}")
_COSTS: Final = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")


@dataclass(frozen=True, slots=True)
class Rule:
    """Of a column. ``mandatory``: it must be there; ``allowed``: its only values."""

    kind: str = "text"  # text, number, time, currency, json or details
    mandatory: bool = False
    nullable: bool = True
    allowed: frozenset[str] = frozenset()


_TEXT: Final = Rule(mandatory=True, nullable=False)
_TIME: Final = Rule("time", mandatory=True, nullable=False)
_TOGETHER: Final = (
    ("ConsumedQuantity", "ConsumedUnit"),
    ("PricingQuantity", "PricingUnit"),
    ("SkuId", "SkuMeter"),
    ("ResourceId", "ResourceName"),
    ("ResourceId", "ResourceType"),
)
_COST: Final = Rule("number", mandatory=True, nullable=False)
_CURRENCY: Final = Rule("currency", mandatory=True, nullable=False)
RULES: Final = {
    "AllocatedMethodDetails": Rule("details"),
    "AllocatedMethodId": Rule(),
    "AllocatedResourceId": Rule(),
    "AllocatedResourceName": Rule(),
    "AllocatedTags": Rule("json"),
    "BilledCost": _COST,
    "BillingAccountId": _TEXT,
    "BillingAccountName": Rule(mandatory=True),
    "BillingCurrency": _CURRENCY,
    "BillingPeriodEnd": _TIME,
    "BillingPeriodStart": _TIME,
    "ChargeCategory": Rule(
        mandatory=True, nullable=False, allowed=frozenset({"Usage", "Purchase", "Tax", "Credit", "Adjustment"})
    ),
    "ChargeClass": Rule(mandatory=True, allowed=frozenset({"Correction"})),
    "ChargeDescription": Rule(mandatory=True),
    "ChargeFrequency": Rule(nullable=False, allowed=frozenset({"One-Time", "Recurring", "Usage-Based"})),
    "ChargePeriodEnd": _TIME,
    "ChargePeriodStart": _TIME,
    "CommitmentDiscountStatus": Rule(allowed=frozenset({"Used", "Unused"})),
    "ConsumedQuantity": Rule("number"),
    "ConsumedUnit": Rule(),
    "ContractedCost": _COST,
    "ContractedUnitPrice": Rule("number"),
    "EffectiveCost": _COST,
    "HostProviderName": Rule(mandatory=True),
    "InvoiceId": Rule(),
    "InvoiceIssuerName": _TEXT,
    "ListCost": _COST,
    "ListUnitPrice": Rule("number"),
    "PricingCategory": Rule(allowed=frozenset({"Standard", "Dynamic", "Committed", "Other"})),
    "PricingCurrency": _CURRENCY,
    "PricingCurrencyContractedUnitPrice": Rule("number"),
    "PricingCurrencyEffectiveCost": Rule("number", nullable=False),
    "PricingCurrencyListUnitPrice": Rule("number"),
    "PricingQuantity": Rule("number", mandatory=True),
    "PricingUnit": Rule(mandatory=True),
    "ProviderName": _TEXT,  # deprecated in 1.3, and still there
    "PublisherName": Rule(mandatory=True),  # likewise
    "ResourceId": Rule(),
    "ResourceName": Rule(),
    "ResourceType": Rule(),
    "ServiceCategory": Rule(mandatory=True, nullable=False, allowed=frozenset({"AI and Machine Learning"})),
    "ServiceName": _TEXT,
    "ServiceProviderName": _TEXT,
    "ServiceSubcategory": Rule(nullable=False, allowed=frozenset({"Generative AI"})),
    "SkuId": Rule(),
    "SkuMeter": Rule(),
    "SkuPriceDetails": Rule("json"),
    "SkuPriceId": Rule(),
    "Tags": Rule("json"),
}


def violations(text: str) -> list[str]:
    """What a file does against the rules, with the line; empty: nothing."""
    head, *rows = csv.reader(io.StringIO(text))
    found = [f"1: {name} is missing" for name, rule in RULES.items() if rule.mandatory and name not in head]
    found += [f"1: {name} is no column of FOCUS" for name in head if name not in RULES and not name.startswith("x_")]
    if any(name.startswith("x_") for name in head) and head != sorted(head, key=lambda name: name.startswith("x_")):
        found.append("1: a column of FOCUS follows one of our own")
    for line, cells in enumerate(rows, start=2):
        if len(cells) != len(head):
            found.append(f"{line}: {len(cells)} cells")
            continue
        row = dict(zip(head, cells, strict=True))
        wrong = list(_of_columns(row)) or list(_of_row(row))
        found += [f"{line}: {one}" for one in wrong]
    return found or split_violations([dict(zip(head, cells, strict=True)) for cells in rows])


def _of_columns(row: dict[str, str]) -> Iterator[str]:
    for name, rule in RULES.items():
        value = row.get(name, "")
        if not value:
            if name in row and not rule.nullable:
                yield f"{name} is null"
        elif rule.allowed and value not in rule.allowed:
            yield f"{name} is {value}"
        elif rule.kind == "number" and not _NUMBER.fullmatch(value):
            yield f"{name} is no number: {value}"
        elif rule.kind == "time" and not _DATE_TIME.fullmatch(value):
            yield f"{name} is no time: {value}"
        elif rule.kind == "currency" and not _CURRENCY_CODE.fullmatch(value):
            yield f"{name} is no currency: {value}"
        elif rule.kind == "json" and not _is_flat_object(value):
            yield f"{name} is no object of plain values: {value}"


def _is_flat_object(value: str) -> bool:
    found = json.loads(value)
    return isinstance(found, dict) and not any(isinstance(one, dict | list) for one in found.values())


def _of_row(row: dict[str, str]) -> Iterator[str]:
    """What columns must have to do with each other."""
    times = {name: datetime.fromisoformat(row[name]) for name, rule in RULES.items() if rule.kind == "time"}
    if not times["BillingPeriodStart"] <= times["ChargePeriodStart"] < times["ChargePeriodEnd"]:
        yield "the charge is not within its billing period"
    if times["ChargePeriodEnd"] > times["BillingPeriodEnd"]:
        yield "the charge ends after its billing period"
    is_usage = row["ChargeCategory"] == "Usage" and not row["ChargeClass"]
    for name in ("ListUnitPrice", "ContractedUnitPrice", "PricingQuantity", "SkuId", "SkuPriceId", "PricingCategory"):
        if is_usage and not row[name]:
            yield f"{name} of a usage is null"
    for one, other in _TOGETHER:
        if bool(row[one]) != bool(row[other]):
            yield f"only one of {one} and {other} is null"
    if row["SkuPriceDetails"] and not row["SkuPriceId"]:
        yield "SkuPriceDetails without SkuPriceId"
    for key in json.loads(row["SkuPriceDetails"] or "{}"):
        if not key.startswith("x_"):
            yield f"SkuPriceDetails has {key}"
    with localcontext(prec=60):
        for cost, price in (("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")):
            if row[price] and Decimal(row[price]) * Decimal(row["PricingQuantity"]) != Decimal(row[cost]):
                yield f"{price} times PricingQuantity is not {cost}"
            if row[price].startswith("-"):
                yield f"{price} is negative"
    if len({row[name] for name in _COSTS}) != 1:
        yield "costs differ, and there are no discounts"
