"""Tells which rollouts are in force, and why others are not, when that changes."""

from __future__ import annotations

from typing import Any

from extproc.config.compiled_rollouts import rollout_problems
from extproc.exchange.snapshot import Snapshot

_Line = tuple[str, dict[str, Any]]
_GONE = "the ledger has it no more; the weights of the configuration apply"


def tell_rollouts(before: Snapshot | None, now: Snapshot, logger: Any) -> None:
    """Log what is another state than before, a line for each rollout. Args: before: None at the start."""
    told = {} if before is None else _lines(before)
    lines = _lines(now)
    for rollout, (event, fields) in lines.items():
        if told.get(rollout) != (event, fields):
            log = logger.warning if "reason" in fields else logger.info
            log(event, rollout=rollout, **fields)
    for rollout in told.keys() - lines.keys():
        logger.info("rollout not in force", rollout=rollout, reason=_GONE)


def _lines(snapshot: Snapshot) -> dict[str, _Line]:
    """Event and fields, by rollout."""
    reasons = dict(rollout_problems(snapshot.models, snapshot.rollouts))
    lines: dict[str, _Line] = {}
    for one in snapshot.rollouts:
        versions = {"model": one.model, "stable": one.stable, "canary": one.canary}
        if one.id in reasons:
            lines[one.id] = "rollout not in force", {**versions, "reason": reasons[one.id]}
        else:
            fields = {**versions, "step": one.step, "share": one.share, "compares": one.measures}
            lines[one.id] = "rollout in force", fields
    return lines
