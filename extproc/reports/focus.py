"""The ledger as cost and usage of FOCUS 1.3, the FinOps specification: CSV with its columns, then our own (``x_``).

A row for each day of UTC, team, project, model version and kind of token. Its cost is the number of tokens times the
unit price, as the specification demands. The ledger rounds each exchange to whole micro-USD, so a row of the category
Adjustment has the difference: all rows of a group add up to the ledger's cost.

Entries that ran on GPUs whose time is allocated have rows of that time instead (``focus_gpu``), so nothing is charged
twice.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import Final

from extproc.config.document import Document
from extproc.config.models import compile_version
from extproc.domain.usage import Prices
from extproc.reports.csv_text import Cell, csv_of
from extproc.reports.dimensions import Dimension
from extproc.reports.focus_cells import columns_of, costs_of_row, unit_prices
from extproc.reports.focus_gpu import GpuCharges, gpu_rows
from extproc.reports.periods import Period
from extproc.reports.query import Group, LedgerQuery
from extproc.reports.usage import GroupUsage

DIMENSIONS: Final = tuple(
    Dimension(name, (name,)) for name in ("team", "project", "model", "version", "price_revision", "server")
)
NO_CHARGES: Final[GpuCharges] = MappingProxyType({})
_MICRO_USD: Final = Decimal(1_000_000)
_MTOK: Final = Decimal(1_000_000)
_DIGITS: Final = 60  # so that no product of 64-bit numbers is rounded
_SERVICE: Final = "LLM inference"


@dataclass(frozen=True, slots=True)
class _Part:
    """Tokens of one kind in a group, and their price. [micro-USD per 1e6 tokens]"""

    kind: str
    meter: str
    tokens: int
    price: int


def prices_of(document: Document) -> dict[str, Prices]:
    """The prices that a configuration has, by the revision under which the ledger knows them."""
    found = {}
    for name, model in document.models.items():
        for version, section in model.versions.items():
            facts = compile_version(name, version, section, None).facts
            found[facts.price_revision] = facts.prices
    return found


def focus_csv(
    query: LedgerQuery,
    days: Sequence[Period],
    prices: Mapping[str, Prices],
    issuer: str,
    gpu: GpuCharges = NO_CHARGES,
    *,
    has_energy: bool = False,
) -> str:
    """The rows of some days of UTC.

    Args:
        query: by ``DIMENSIONS``.
        prices: by revision. Tokens of another one are a single row, with the cost that the ledger has.
        issuer: who bills: the name of the service's provider, and of the account.
        gpu: charges of these days.
        has_energy: there is a column for that of GPU time.
    """
    columns = columns_of(has_energy)
    with localcontext(prec=_DIGITS):
        rows = _rows(query, days, prices, issuer, gpu)
        return csv_of(columns, ([row.get(name) for name in columns] for row in rows))


def _rows(
    query: LedgerQuery, days: Sequence[Period], prices: Mapping[str, Prices], issuer: str, gpu: GpuCharges
) -> Iterator[dict[str, Cell]]:
    for day in days:
        of_day, charges = _of_all_rows(day.first, issuer), gpu.get(day.start_us, ())
        charged = {one.of.server for one in charges}
        for group, usage in sorted(_usages(query, day, charged).items(), key=lambda one: one[0]):
            for row in _rows_of_group(group, usage, prices.get(group[-1])):
                yield of_day | _of_group(group) | row
        for charge in charges:
            yield from (of_day | row for row in gpu_rows(charge))


def _usages(query: LedgerQuery, day: Period, without: Collection[str]) -> dict[Group, GroupUsage]:
    """Of all servers but some, by the other dimensions."""
    usages = query.usages(day).sums
    found: dict[Group, GroupUsage] = {}
    for (*names, server), number in query.groups.items():
        if number in usages and server not in without:
            found.setdefault(tuple(names), GroupUsage()).add(usages[number])
    return found


def _of_all_rows(day: date, issuer: str) -> dict[str, Cell]:
    month = day.replace(day=1)
    following = (month + timedelta(31)).replace(day=1)
    return {
        "BillingAccountId": issuer,
        "BillingAccountName": issuer,
        "BillingCurrency": "USD",
        "BillingPeriodStart": _midnight(month),
        "BillingPeriodEnd": _midnight(following),
        "ChargePeriodStart": _midnight(day),
        "ChargePeriodEnd": _midnight(day + timedelta(1)),
        "ChargeFrequency": "Usage-Based",
        "HostProviderName": issuer,
        "InvoiceIssuerName": issuer,
        "PricingCurrency": "USD",
        "ProviderName": issuer,
        "PublisherName": issuer,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": _SERVICE,
        "ServiceProviderName": issuer,
        "ServiceSubcategory": "Generative AI",
    }


def _midnight(day: date) -> str:
    return f"{day}T00:00:00Z"


def _of_group(group: Group) -> dict[str, Cell]:
    team, project, model, version, _ = group
    tags = {name: value for name, value in (("team", team), ("project", project)) if value}
    return {
        "Tags": json.dumps(tags),
        "x_Model": model,
        "x_ModelVersion": version,
        "x_Project": project or None,
        "x_Team": team or None,
    }


def _rows_of_group(group: Group, usage: GroupUsage, prices: Prices | None) -> Iterator[dict[str, Cell]]:
    if prices is None:
        if usage.tokens or usage.cost_micro_usd:
            yield _unpriced(group, usage)
        return
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    exact = Decimal()
    for part in (
        _Part("input", "Input Tokens", usage.prompt_tokens - cached, prices.prompt),
        _Part("cached_input", "Cached Input Tokens", cached, prices.cached),
        _Part("output", "Output Tokens", usage.completion_tokens, prices.completion),
    ):
        if part.tokens:
            yield _priced(group, part)
            exact += _cost_usd(part)
    if rounding := usage.cost_micro_usd / _MICRO_USD - exact:
        yield costs_of_row(rounding) | {
            "ChargeCategory": "Adjustment",
            "ChargeDescription": f"Rounding of each exchange to whole micro-USD, {_version(group)}",
        }


def _cost_usd(part: _Part) -> Decimal:
    return part.tokens * part.price / (_MTOK * _MICRO_USD)


def _priced(group: Group, part: _Part) -> dict[str, Cell]:
    details = {"x_Model": group[2], "x_ModelVersion": group[3], "x_TokenType": part.kind}
    return (
        costs_of_row(_cost_usd(part))
        | unit_prices(part.price / _MICRO_USD)
        | _sku(group, part.kind, part.meter, part.tokens)
        | {
            "PricingQuantity": part.tokens / _MTOK,
            "PricingUnit": "1000000 Tokens",
            "SkuPriceDetails": json.dumps(details),
        }
    )


def _unpriced(group: Group, usage: GroupUsage) -> dict[str, Cell]:
    """Tokens whose prices the configuration has no more: the cost itself is the quantity that is priced."""
    cost = usage.cost_micro_usd / _MICRO_USD
    return (
        costs_of_row(cost)
        | unit_prices(Decimal(1))
        | _sku(group, "all", "Input and Output Tokens", usage.tokens)
        | {
            "PricingQuantity": cost,
            "PricingUnit": "USD",
            "SkuPriceDetails": json.dumps({"x_Model": group[2], "x_ModelVersion": group[3], "x_TokenType": "all"}),
        }
    )


def _sku(group: Group, kind: str, meter: str, tokens: int) -> dict[str, Cell]:
    sku = f"{_version(group)}/{kind}"
    return {
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{meter} of {_version(group)}",
        "ConsumedQuantity": Decimal(tokens),
        "ConsumedUnit": "Tokens",
        "PricingCategory": "Standard",
        "SkuId": sku,
        "SkuMeter": meter,
        "SkuPriceId": f"{sku}/{group[-1]}",
        "x_TokenType": kind,
        "x_Tokens": tokens,
    }


def _version(group: Group) -> str:
    return f"{group[2]}/{group[3]}" if group[2] or group[3] else "no version"
