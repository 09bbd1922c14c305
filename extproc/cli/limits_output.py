"""What ``explain`` prints of rate limits: which apply to a request, under which key, and what it takes of each."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.cli.version_shapes import RateLimitJson
from extproc.dryrun.outcome import DryRun
from extproc.exchange.limit_headers import limit_in_words


def limits_data(run: DryRun) -> list[RateLimitJson]:
    """The limits that apply, where nothing else is reserved."""
    claim = run.claim
    if claim is None:
        return []
    refused = {name for name, said in run.record.limits if said != "admitted"}
    return [
        {
            "limit": one.limit.name,
            "of": one.limit.of.value,
            "admits": limit_in_words(one.limit),
            "burst": one.limit.burst,
            "key": [
                {"name": name, "value": value}
                for name, value in zip(one.limit.per, one.key.split("\0")[1:], strict=True)
            ],
            "takes": one.amount,
            "enforced": one.limit.is_enforced,
            "refuses": one.limit.name in refused,
        }
        for one in claim.limits
    ]


def limits_rows(data: list[RateLimitJson]) -> Iterator[tuple[str, str]]:
    """One for each limit."""
    for one in data:
        key = ", ".join(f"{part['name']} {part['value'] or 'unknown'}" for part in one["key"])
        words = f"{one['limit']}: {one['admits']}{f', by {key}' if key else ''}; the request takes {one['takes']}"
        fits = "does not fit" if one["refuses"] else "fits"
        yield "rate limit", f"{words} and {fits}{'' if one['enforced'] else ' (shadow)'}"
