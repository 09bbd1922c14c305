"""Pages of a processor, as ``extproc top`` reads them."""

from __future__ import annotations

from typing import Any

READY: dict[str, Any] = {
    "ready": True,
    "draining": False,
    "revision": "abc123",
    "config_error": "",
    "restart_needed": [],
}
OTHERS = """\
# TYPE llm_guard_verdicts_total counter
llm_guard_verdicts_total{action="mask",direction="response",guard="pii",policy="p"} 5
# TYPE llm_fallback_total counter
llm_fallback_total{from="m/v1",reason="connect",to="m/v2"} 3
# TYPE llm_extproc_rate_limit_refused_total counter
llm_extproc_rate_limit_refused_total{limit="minute"} 2
# TYPE llm_extproc_rate_limit_shadow_refused_total counter
llm_extproc_rate_limit_shadow_refused_total{limit="day"} 1
# TYPE llm_inflight_exchanges gauge
llm_inflight_exchanges 7
# TYPE llm_extproc_budget_spent_percent gauge
llm_extproc_budget_spent_percent{budget="monthly"} 83.4
# TYPE llm_quality_drift gauge
llm_quality_drift{model="m",signal="length",version="v1"} 0.1
llm_quality_drift{model="m",signal="asks_back",version="v2"} -0.3
llm_quality_drift{model="m",signal="empty",version="v2"} 5
# TYPE llm_quality_drift_compared gauge
llm_quality_drift_compared{model="m",signal="length",version="v1"} 1
llm_quality_drift_compared{model="m",signal="asks_back",version="v2"} 1
llm_quality_drift_compared{model="m",signal="empty",version="v2"} 0
# TYPE llm_quality_drift_alarm gauge
llm_quality_drift_alarm{model="m",signal="length",version="v1"} 1
"""


def metrics_page(*served: tuple[str, str, str, int]) -> str:
    """A page of exchanges: team, version, outcome, how many. Each takes 10 tokens, 2 of the answer, 500 micro-USD."""
    lines = ["# TYPE llm_requests_total counter"]
    for team, version, outcome, times in served:
        labels = f'team="{team}",model="m",version="{version}"'
        lines += [
            f'llm_requests_total{{{labels},outcome="{outcome}"}} {times}',
            f"llm_prompt_tokens_total{{{labels}}} {10 * times}",
            f"llm_completion_tokens_total{{{labels}}} {2 * times}",
            f"llm_cost_micro_usd_total{{{labels}}} {500 * times}",
        ]
        for name in ("llm_request_duration_seconds", "llm_time_to_first_token_seconds"):
            of_version = f'model="m",version="{version}"'
            lines += [f'{name}_bucket{{{of_version},le="{bound}"}} {times}' for bound in ("1.0", "+Inf")]
    return "\n".join(lines) + f"\n{OTHERS}"
