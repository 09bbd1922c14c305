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


def costs_of_row(cost: Decimal) -> dict[str, Cell]:
    """There are no discounts: all costs are one."""
    names = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost", "PricingCurrencyEffectiveCost")
    return dict.fromkeys(names, cost)


def unit_prices(price: Decimal) -> dict[str, Cell]:
    """Likewise."""
    names = ("ContractedUnitPrice", "ListUnitPrice")
    return dict.fromkeys((*names, *(f"PricingCurrency{name}" for name in names)), price)
