"""Which version gets how much, whether that is what the weights say, and how the versions compare."""

from __future__ import annotations

from typing import Final

from tests.tools.dashboards.grafana import Dashboard, Panel, Query, Row, Variable
from tests.tools.dashboards.queries import DECLINES, mean, quantile, rate, selector, share

_MODEL: Final = 'model=~"$model"'
_NAME: Final = "{{model}}/{{version}}"
_REQUESTS: Final = "llm_requests_total"
_SERVED: Final = f'{_MODEL}, version!="none"'
"""Requests that were refused before a version was chosen have none."""
_ANSWERED: Final = f'{_SERVED}, outcome=~"completed|cut|aborted"'
_OF_MODEL: Final = f"/ on (model) group_left () {rate(_REQUESTS, 'model', _SERVED)}"
_WEIGHT: Final = f"max by (model, version) ({selector('llm_version_weight', _MODEL)})"


def _evidence(shows: str) -> str:
    labels = f'{_MODEL}, shows="{shows}"'
    return f"max by (rollout, gate) ({selector('llm_rollout_gate_evidence', labels)})"


_SHARES = Row(
    "Traffic",
    [
        Panel(
            "Share of traffic and configured weight",
            "A share apart from its weight: routes, pins, fallbacks, or an Envoy that does not know the version yet.",
            [
                Query(f"{rate(_REQUESTS, 'model, version', _SERVED)} {_OF_MODEL}", _NAME),
                Query(
                    f"{_WEIGHT} / on (model) group_left () sum by (model) ({_WEIGHT})",
                    f"{_NAME}, by weight",
                ),
            ],
            unit="percentunit",
            max=1,
            width=12,
        ),
        Panel(
            "Requests by version",
            "Exchanges that ended. A canary needs some hundred answers before its shares mean anything.",
            [Query(rate(_REQUESTS, "model, version", _SERVED), _NAME)],
            unit="reqps",
            stacked=True,
            width=12,
        ),
        Panel(
            "Versions in force",
            "Weights as configured; a route may have other ones.",
            [
                Query(
                    f"{_WEIGHT} * on (model, version) group_right () max by (model, version, fingerprint, prompt)"
                    f" ({selector('llm_version_info', _MODEL)})"
                )
            ],
            unit="none",
            kind="table",
            width=12,
        ),
        Panel(
            "Requests by route",
            "Which route chose. A route without requests: an earlier one matches first; extproc explain says which.",
            [Query(rate("llm_route_total", "route, model", _MODEL), "{{route}} to {{model}}")],
            unit="reqps",
            width=12,
        ),
    ],
)

_DECIDED = Row(
    "Rollouts",
    [
        Panel(
            "Share of the canary",
            "As decided, of the traffic of both versions; 0: it was rolled back, or has not begun.",
            [Query(f"max by (rollout, model) ({selector('llm_rollout_share', _MODEL)})", "{{rollout}}")],
            unit="percentunit",
            max=1,
            width=8,
        ),
        Panel(
            "Evidence that the canary is worse",
            "Its logarithm as a part of what it takes to roll back, by gate: at 1 it is rolled back.",
            [Query(_evidence("worse"), "{{rollout}}: {{gate}}")],
            unit="percentunit",
            width=8,
        ),
        Panel(
            "Evidence that the canary is not worse",
            "Likewise to go on: the next share comes when each required gate is at 1. The lowest one is waited for.",
            [Query(_evidence("not_worse"), "{{rollout}}: {{gate}}")],
            unit="percentunit",
            width=8,
        ),
    ],
)

_AWAY = Row(
    "Away from the chosen version",
    [
        Panel(
            "Fallbacks",
            "Steps from a version that could not answer to the next. ejected: Envoy did not try it. Look at the servers"
            " of the version on the left.",
            [Query(rate("llm_fallback_total", "from, to, reason"), "{{reason}}: {{from}} to {{to}}")],
            unit="reqps",
        ),
        Panel(
            "Versions that Envoy does not route",
            "Exchanges whose version the calling Envoy does not know; another one got them. Above 0 for minutes: write"
            " and load Envoy's configuration again.",
            [Query(rate("llm_version_unrouted_total", "model, version", _MODEL), _NAME)],
            unit="reqps",
        ),
        Panel(
            "Ignored pins",
            "Exchanges whose pin header was ignored, as their team may not pin; see pin_teams.",
            [Query(rate("llm_pin_ignored_total", "model", _MODEL), "{{model}}")],
            unit="reqps",
        ),
    ],
)

_COMPARED = Row(
    "Versions compared",
    [
        Panel(
            "Errors",
            "Share of exchanges that the model server failed. Higher for the new version: take its weight back.",
            [
                Query(
                    share(
                        _REQUESTS,
                        _REQUESTS,
                        "model, version",
                        f'{_MODEL}, outcome="upstream_error"',
                        _SERVED,
                    ),
                    _NAME,
                )
            ],
            unit="percentunit",
            width=6,
        ),
        Panel(
            "Refusals",
            "Share of answers in which the model declines.",
            [
                Query(
                    share("llm_refusal_total", "llm_answers_total", "model, version", f"{_MODEL}, {DECLINES}", _MODEL),
                    _NAME,
                )
            ],
            unit="percentunit",
            width=6,
        ),
        Panel(
            "Time to first token (p95)",
            "95th percentile of streams. A new version has an empty prefix cache at first.",
            [Query(quantile(0.95, "llm_time_to_first_token_seconds", "model, version", _MODEL), _NAME)],
            unit="s",
            width=6,
        ),
        Panel(
            "Cost of an answer",
            "Mean of the answers of the version.",
            [
                Query(
                    f"{share('llm_cost_micro_usd_total', _REQUESTS, 'model, version', _MODEL, _ANSWERED)} / 1e6", _NAME
                )
            ],
            unit="currencyUSD",
            width=6,
        ),
        Panel(
            "Length of answers",
            "Mean tokens of a response.",
            [Query(mean("llm_response_tokens", "model, version", _MODEL), _NAME)],
            width=6,
        ),
        Panel(
            "Configurations in force",
            "Processes by revision. Two for longer than a rollout takes: a replica did not get the new files.",
            [Query("count by (revision) (llm_config_revision)", "{{revision}}")],
            stacked=True,
            width=18,
        ),
    ],
)

ROLLOUTS = Dashboard(
    name="rollouts",
    title="llm-extproc: rollouts",
    about="Which version gets how much, whether that is what the weights say, and how the versions compare.",
    variables=[Variable("model", "Model", "llm_requests_total")],
    rows=[_SHARES, _DECIDED, _AWAY, _COMPARED],
)
