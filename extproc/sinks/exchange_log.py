"""One log line per exchange; texts only if configured."""

from __future__ import annotations

from typing import Any, Final

from extproc.domain.record import ExchangeRecord

_MS_NS: Final = 1_000_000


class ExchangeLog:
    """Writes the lines. ``logger`` writes one JSON line per call."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Log one exchange."""
        version, usage = record.version, record.usage
        self._logger.info(
            "exchange",
            exchange=record.id,
            revision=record.revision,
            endpoint=record.endpoint,
            outcome=record.outcome,
            status=record.status,
            reason=record.reason,
            streamed=record.streamed,
            team=record.team,
            project=record.project,
            budget_code=record.budget_code,
            tier=record.tier,
            tag=record.tag,
            user=record.user,
            key_id=record.key_id,
            identity_source=record.identity_source,
            route=record.route,
            policy=record.policy,
            model=version.model if version else "",
            version=version.version if version else "",
            fingerprint=version.fingerprint if version else "",
            prompt_tokens=usage.prompt if usage else 0,
            cached_tokens=usage.cached if usage else 0,
            completion_tokens=usage.completion if usage else 0,
            estimated=bool(usage and usage.estimated),
            cost_micro_usd=record.cost_micro_usd,
            refusals=record.refusals,
            findings={"/".join(key): times for key, times in record.findings.items()},
            coverage={"/".join(key): texts for key, texts in record.coverage.items()},
            details=record.details,
            duration_ms=(record.ended_ns - record.started_ns) // _MS_NS,
            **({"fences": {"/".join(key): texts for key, texts in record.fences.items()}} if record.fences else {}),
            **({"asked": {"/".join(key): texts for key, texts in record.asked.items()}} if record.asked else {}),
            **({"identity_refused": record.identity_refused} if record.identity_refused else {}),
            **({"exceeded_claims": record.exceeded_claims} if record.exceeded_claims else {}),
            **({} if record.mark is None else {"hop_mark": record.mark, "front_exchange": record.front_exchange}),
            **({} if record.unrouted is None else {"unrouted_version": record.unrouted.version}),
            **_fallback(record),
            **_limits(record),
            **({"budgets": [f"{budget} {act}" for budget, act in record.budget_acts]} if record.budget_acts else {}),
            **({} if record.texts is None or record.texts_for_trace else {"texts": record.texts}),
        )


def _limits(record: ExchangeRecord) -> dict[str, Any]:
    """The rate limits that refused, or would have."""
    refused = [f"{limit} {said}" for limit, said in record.limits if said != "admitted"]
    return {"limits": refused} if refused else {}


def _fallback(record: ExchangeRecord) -> dict[str, Any]:
    """The version that was chosen and all attempts, if the first one gave no answer."""
    steps = record.fallbacks if record.attempts else ()
    if not steps:
        return {}
    return {"chosen_version": steps[0][0], "attempts": [f"{one.version} {one.reason}" for one in record.attempts]}
