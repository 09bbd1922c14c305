"""How a change of a rollout is told: in the log, and to a webhook as a CloudEvent. Neither has a text of a user."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

EVENT_TYPE: Final = "io.llm-extproc.rollout"
_HARMS: Final = frozenset({"rolled_back", "held", "broken_off", "inconclusive"})


def tell_rollout(logger: Any, change: Mapping[str, Any]) -> None:
    """Log a change. Args: change: of ``RolloutChange``, as the shipper reports it."""
    log = logger.warning if change["kind"] in _HARMS else logger.info
    log(
        f"rollout {change['kind'].replace('_', ' ')}",
        rollout=change["name"],
        model=change["model"],
        stable=change["stable"],
        canary=change["canary"],
        step=change["step"],
        share=change["share"],
        by=change["made_by"],
        reason=" ".join(change["reasons"]),
    )


def rollout_text(change: Mapping[str, Any]) -> str:
    """Some sentences for chats and dashboards."""
    where = f"{change['model']}: {change['stable']} to {change['canary']}"
    what = f"{change['kind'].replace('_', ' ')}: {change['share']:.0%} canary"
    return " ".join([f"Rollout {change['name']} ({where}) {what}.", *change["reasons"]])


def rollout_event(change: Mapping[str, Any]) -> dict[str, Any]:
    """The same as a CloudEvent 1.0; `text` is what chats show. Its id is unique: sent again, it is the same event."""
    return {
        "specversion": "1.0",
        "id": f"{change['rollout']}/{change['kind']}/{change['at_us']}",
        "source": f"/llm-extproc/rollouts/{change['name']}",
        "type": f"{EVENT_TYPE}.{change['kind']}",
        "subject": change["name"],
        "time": datetime.fromtimestamp(change["at_us"] / 1_000_000, UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {
            "text": rollout_text(change),
            **{name: change[name] for name in ("rollout", "model", "stable", "canary", "kind", "step", "share")},
            "by": change["made_by"],
            "reasons": list(change["reasons"]),
        },
    }
