"""Columns of the FOCUS file, and the cells that have one value in several of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from extproc.reports.csv_text import Cell

COLUMNS: Final = (
    "AllocatedMethodDetails",
    "AllocatedMethodId",
    "AllocatedResourceId",
    "AllocatedResourceName",
    "AllocatedTags",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountStatus",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "HostProviderName",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceProviderName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "Tags",
    "x_Model",
    "x_ModelVersion",
    "x_Project",
    "x_Team",
    "x_TokenType",
    "x_Tokens",
)
ENERGY_COLUMN: Final = "x_EnergyKilowattHours"
"""Only of who says what GPUs draw. A name of the specification has no abbreviations, and a metric is a decimal."""


def columns_of(has_energy: bool) -> tuple[str, ...]:
    """All of a file: those of the specification, then our own, each in alphabetical order."""
    own = COLUMNS.index("x_Model")
    return (*COLUMNS[:own], ENERGY_COLUMN, *COLUMNS[own:]) if has_energy else COLUMNS


def costs_of_row(cost: Decimal) -> dict[str, Cell]:
    """There are no discounts: all costs are one."""
    names = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost", "PricingCurrencyEffectiveCost")
    return dict.fromkeys(names, cost)


def unit_prices(price: Decimal) -> dict[str, Cell]:
    """Likewise."""
    names = ("ContractedUnitPrice", "ListUnitPrice")
    return dict.fromkeys((*names, *(f"PricingCurrency{name}" for name in names)), price)
