"""What ``extproc gpus`` prints: YAML of the section, with comments, or JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final

from extproc.reports.bill_prices import NO_KIND, PricedBill

_NANO: Final = 1_000_000_000
_US_PER_S: Final = 1_000_000
_DAY_H: Final = 24


def priced_data(found: PricedBill) -> dict[str, Any]:
    """As JSON; ``GpusOfBillJson`` documents it."""
    return {
        "currency": found.currency,
        "servers": [
            {"endpoint": one.endpoint, "gpus": one.gpus, "kind": one.kind, "price": one.price} for one in found.servers
        ],
        "prices": [
            {
                "name": name,
                "per_gpu_hour": _amount(one.nano),
                "since": None if one.since_us is None else f"{_day(one.since_us)}T00:00:00Z",
            }
            for name, history in found.prices.items()
            for one in history
        ],
        "billed_nano": found.cost_nano,
        "off_nano": round(found.off_nano),
        "most_off_nano": round(found.most_nano),
    }


def section_text(file: str, found: PricedBill) -> str:
    """The section, which may stand in a configuration as it is. Args: file: of the bill."""
    lines = [f"# From {file}: {_amount(found.cost_nano)} {found.currency}. {_off(found)}", "gpus:"]
    lines += [f"  currency: {found.currency}", "  servers:"]
    for one in found.servers:
        comments = []
        if one.counted_us is not None:
            comments.append(f"{one.gpus * _DAY_H} hours on {_day(one.counted_us)}")
        if one.kind == NO_KIND:
            comments.append("the bill has no `kind`")
        entry = f"endpoint: {json.dumps(one.endpoint)}, gpus: {one.gpus}, kind: {one.kind}, price: {one.price}"
        lines.append(f"    - {{ {entry} }}{'  # ' if comments else ''}{'; '.join(comments)}")
    lines.append("  prices:")
    for price in priced_data(found)["prices"]:
        since = "" if price["since"] is None else f", since: {price['since']}"
        lines.append(f'    - {{ name: {price["name"]}, per_gpu_hour: "{price["per_gpu_hour"]}"{since} }}')
    return "\n".join([*lines, ""])


def _off(found: PricedBill) -> str:
    if not found.most_nano:
        return "These prices make it exactly."
    what = "is the same in all" if not found.off_nano else f"is {_amount(abs(found.off_nano))} "
    more = "" if not found.off_nano else "more" if found.off_nano > 0 else "less"
    return (
        f"By these prices it {what}{more}, as it was rounded; at most {_amount(found.most_nano)} of a server and day."
    )


def _amount(nano: int | Fraction) -> str:
    """Two decimals at least, nine at most; a little is not nothing."""
    whole = round(nano) or int(nano > 0)
    digits = f"{whole % _NANO:09d}"
    return f"{whole // _NANO}.{digits[:2]}{digits[2:].rstrip('0')}"


def _day(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // _US_PER_S, UTC).date().isoformat()
