"""Figures for people: 2.4M, $12.34, 1.2 s. Data formats have them whole."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from extproc.reports.periods import Period, PeriodSize

MICRO_PER_USD: Final = 1_000_000
_CENTS_MICRO_USD: Final = 10_000
_STEPS: Final = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K"))
_PLAIN_BELOW: Final = 10_000  # 2,416 says more than 2.4K, and takes as much room
_US_PER_H: Final = 3_600_000_000
_US_PER_MICROHOUR: Final = 3_600
_NANO_PER_MICRO: Final = 1_000
_MWH_PER_KWH: Final = 1_000_000  # of milliwatt-hours
_MS_PER_S, _S_PER_MIN, _MIN_PER_H = 1_000, 60, 60


def count_in_words(count: int) -> str:
    """Such as 2.4M: two digits before the unit, or all up to three; the nearest, halves up."""
    if abs(count) < _PLAIN_BELOW:
        return f"{count:,}"
    for step, unit in _STEPS:
        if abs(count) * 2_000 >= step * 1_999:  # what is rounded up to the unit has it
            tenths = (abs(count) * 20 + step) // (2 * step)
            rounded = f"{(abs(count) * 2 + step) // (2 * step):,}" if tenths >= 1_000 else f"{tenths / 10:g}"
            return f"{'-' if count < 0 else ''}{rounded}{unit}"
    raise AssertionError(count)


def money_in_words(micro_usd: int) -> str:
    """Such as $12.34; less than a cent with all its digits, so that it is not nothing."""
    sign, amount = "-" if micro_usd < 0 else "", abs(micro_usd)
    if 0 < amount < _CENTS_MICRO_USD:
        return f"{sign}${amount / MICRO_PER_USD:.6f}".rstrip("0")
    cents = (2 * amount + _CENTS_MICRO_USD) // (2 * _CENTS_MICRO_USD)
    return f"{sign}${cents // 100:,}.{cents % 100:02d}"


def exact_money(micro_usd: int) -> str:
    """All six digits behind the point: what adds up."""
    sign, amount = "-" if micro_usd < 0 else "", abs(micro_usd)
    return f"{sign}{amount // MICRO_PER_USD}.{amount % MICRO_PER_USD:06d}"


def duration_in_words(duration_ms: int | None) -> str:
    """Such as 850 ms or 1.2 s; empty: there is none."""
    if duration_ms is None:
        return ""
    if duration_ms < _MS_PER_S:
        return f"{duration_ms} ms"
    seconds = duration_ms / _MS_PER_S
    if seconds < 2 * _S_PER_MIN:
        return f"{seconds:.1f} s"
    minutes = seconds / _S_PER_MIN
    return f"{minutes:.0f} min" if minutes < 2 * _MIN_PER_H else f"{minutes / _MIN_PER_H:.1f} h"


def gpu_hours_in_words(time_us: int) -> str:
    """GPU time as hours, such as 1,248 or 2.5; little of it with three digits behind the point."""
    hours = time_us / _US_PER_H
    if hours >= 100:
        return f"{hours:,.0f}"
    if time_us and hours < 0.0005:
        return "<0.001"
    return f"{hours:.{1 if hours >= 10 else 3}f}".rstrip("0").rstrip(".")


def kwh_in_words(energy_mwh: int | None) -> str:
    """Energy in kilowatt-hours, such as 1.250; some is never nothing. Empty: not known. Args: energy_mwh: [mWh]."""
    if energy_mwh is None:
        return ""
    kwh = energy_mwh / _MWH_PER_KWH
    return "<0.001" if energy_mwh and kwh < 0.0005 else f"{kwh:,.3f}"


def gpus_in_words(milli_gpus: int) -> str:
    """A number of GPUs, such as 4 or 0.5. Args: milli_gpus: thousandths."""
    return f"{milli_gpus / 1_000:,.3f}".rstrip("0").rstrip(".")


def quota_use_in_words(use: Fraction | None) -> str:
    """Such as 38 %; nothing used is 0 %. Empty: there is no quota."""
    return "" if use is None else share_in_words(use) or "0 %"


def costs_in_words(costs: Mapping[str, int]) -> str:
    """Such as $12.34, or 12.34 EUR + $1.00; empty: there is none. Args: costs: by currency [billionths]."""
    found = []
    for currency, nano in costs.items():
        dollars = money_in_words((nano * 2 + _NANO_PER_MICRO) // (2 * _NANO_PER_MICRO))
        if nano:
            found.append(dollars if currency == "USD" else f"{dollars.replace('$', '', 1)} {currency}")
    return " + ".join(found)


def signed_gpu_hours(time_us: int) -> str:
    """A difference: with its sign, and six digits behind the point."""
    micro_hours = (2 * abs(time_us) + _US_PER_MICROHOUR) // (2 * _US_PER_MICROHOUR)
    return f"{'-' if time_us < 0 else '+'}{micro_hours // 10**6}.{micro_hours % 10**6:06d}"


def signed_nano(nano: int) -> str:
    """A difference in money: with its sign, cents, and all that is less than a cent."""
    whole, rest = divmod(abs(nano), 10**9)
    digits = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nano < 0 else '+'}{whole}.{digits}"


def share_in_words(share: Fraction | None) -> str:
    """Such as 38 %; empty: there is none, or nothing to have a share of."""
    return f"{float(share) * 100:.{0 if share >= Fraction(1, 10) else 1}f} %" if share else ""


def rate_in_words(rate: Fraction | None) -> str:
    """Such as 1,240 or 3.2; empty: there is none."""
    if rate is None:
        return ""
    return f"{float(rate):,.{0 if rate >= 100 else 1}f}"


def change_in_words(before: int | None, after: int) -> str:
    """Such as +12 %; empty: there is nothing to compare with."""
    if before is None:
        return ""
    if before == after:
        return "="
    if before == 0:
        return "new"
    percent = (after - before) / before * 100
    return f"{percent:+.0f} %" if abs(percent) >= 1 else f"{percent:+.1f} %"


def period_in_words(period: Period, size: PeriodSize) -> str:
    """Such as 2026-11-28, 2026-W48 or 2026-11."""
    if size is PeriodSize.DAY:
        return period.first.isoformat()
    if size is PeriodSize.MONTH:
        return f"{period.first:%Y-%m}"
    if size is PeriodSize.WEEK:
        year, week, _ = period.first.isocalendar()
        return f"{year}-W{week:02d}"
    return f"{period.first} to {period.last}"


def group_in_words(group: tuple[str, ...]) -> str:
    """The values of a group as one name; an entry without a value has a dash."""
    return ", ".join(value or "-" for value in group) if group else "all"
