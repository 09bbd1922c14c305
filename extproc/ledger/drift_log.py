"""How an alarm of drift is told: in the log, and to a webhook. Neither has a text of a user."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def tell_drift(logger: Any, change: Mapping[str, Any]) -> None:
    """Log an alarm that was raised or cleared. Args: change: of ``DriftChange``, as the shipper reports it."""
    raised = change["kind"] == "raised"
    log, shown = logger.warning if raised else logger.info, change["shown"]
    log(
        "answers drift" if raised else "answers drift no more",
        model=shown["model"],
        version=shown["version"],
        signal=shown["signal"],
        effect=_rounded(_effect(shown)),
        low=_rounded(shown["low"]),
        high=_rounded(shown["high"]),
        evidence=_rounded(shown["evidence"]),
        stratum=shown["stratum"] or "all",
        **({"reason": change["reason"]} if change["reason"] else {}),
    )


def drift_message(change: Mapping[str, Any]) -> dict[str, Any]:
    """The same as it is posted; `text` is what chats show."""
    shown = change["shown"]
    where = f"{shown['model']}/{shown['version']}"
    percent = f"{100 * _effect(shown):+.0f} %"
    words = f"drifts: {percent}" if change["kind"] == "raised" else f"drifts no more: {percent}"
    if change["reason"]:
        words = "drifts no more: another revision answers"
    return {
        "text": f"{where}: {shown['signal']} {words}.",
        "kind": change["kind"],
        "reason": change["reason"],
        **{name: shown[name] for name in ("model", "version", "fingerprint", "signal")},
        "effect": _effect(shown),
        **{name: shown[name] for name in ("low", "high", "evidence")},
        "stratum": shown["stratum"],
        "at": datetime.fromtimestamp(shown["at_us"] // 1_000_000, UTC).isoformat(),
    }


def _effect(shown: Mapping[str, Any]) -> float:
    """Since the drift seems to have begun, or of recent answers if there is none any more."""
    since: float | None = shown["since"]
    return float(shown["effect"]) if since is None else since


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
