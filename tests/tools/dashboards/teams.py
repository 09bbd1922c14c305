"""Who uses how much: tokens and money by team and project, GPU time, budgets, rate limits."""

from __future__ import annotations

from typing import Final

from tests.tools.dashboards.grafana import Dashboard, Panel, Query, Row, Variable
from tests.tools.dashboards.queries import TEAMS, hourly_rate, rate, risen, selector, share, total

_COST: Final = "llm_cost_micro_usd_total"
_MICRO: Final = "/ 1e6"
_ANSWERED: Final = f'{TEAMS}, outcome=~"completed|cut|aborted"'
_AN_HOUR: Final = "* 3600 / 1e6"
_MODEL: Final = 'model=~"$model"'
_GPU: Final = "llm_gpu_seconds_total"
_GPU_IDLE: Final = "llm_gpu_idle_seconds_total"

_MONEY = Row(
    "Money",
    [
        Panel(
            "Cost in the time shown",
            "Of all teams that are chosen. The ledger has the exact sums: extproc report.",
            [Query(f"{risen(_COST, where=TEAMS)} {_MICRO}")],
            unit="currencyUSD",
            kind="stat",
            width=6,
        ),
        Panel(
            "Cost by team, an hour",
            "What each team spends at its present rate. A team that jumps: see its projects below, and give it a"
            " budget.",
            [Query(f"{rate(_COST, 'team', TEAMS)} {_AN_HOUR}", "{{team}}")],
            unit="currencyUSD",
            stacked=True,
            width=9,
        ),
        Panel(
            "Cost by version, an hour",
            "Which model versions the money goes to.",
            [Query(f"{rate(_COST, 'model, version', TEAMS)} {_AN_HOUR}", "{{model}}/{{version}}")],
            unit="currencyUSD",
            stacked=True,
            width=9,
        ),
        Panel(
            "Cost by team and project",
            "In the time that is shown, the most expensive 20. The team unknown: a client without an identity, see"
            " docs/identity.md.",
            [Query(f"topk(20, {risen(_COST, 'team, project', TEAMS)} {_MICRO})")],
            unit="currencyUSD",
            kind="table",
            width=12,
        ),
        Panel(
            "Cost of an answer",
            "Mean by team. Higher than others': longer prompts or answers, or a more expensive version.",
            [Query(f"{share(_COST, 'llm_requests_total', 'team', TEAMS, _ANSWERED)} {_MICRO}", "{{team}}")],
            unit="currencyUSD",
            width=12,
        ),
    ],
)

_TOKENS = Row(
    "Requests and tokens",
    [
        Panel(
            "Requests by team",
            "Exchanges that ended, a second.",
            [Query(rate("llm_requests_total", "team", TEAMS), "{{team}}")],
            unit="reqps",
            stacked=True,
        ),
        Panel(
            "Requests that were refused",
            "By team: guards, limits, budgets, unknown models. A client that repeats refused requests at once is"
            " broken.",
            [Query(rate("llm_requests_total", "team", f'{TEAMS}, outcome="rejected"'), "{{team}}")],
            unit="reqps",
        ),
        Panel(
            "Tokens by team",
            "Of prompts and answers, a second.",
            [
                Query(rate("llm_prompt_tokens_total", "team", TEAMS), "{{team}}: prompts"),
                Query(rate("llm_completion_tokens_total", "team", TEAMS), "{{team}}: answers"),
            ],
            unit="cps",
        ),
        Panel(
            "Prompt tokens from the prefix cache",
            "Share by team. Low for chats: their beginning changes each time, or requests of one chat reach different"
            " servers; see pick: load.",
            [Query(share("llm_cached_tokens_total", "llm_prompt_tokens_total", "team", TEAMS), "{{team}}")],
            unit="percentunit",
            max=1,
            width=12,
        ),
        Panel(
            "Claims that went too far",
            "Headers that claim more than the identity of their request may. Above 0 for long: a client is set up"
            " wrongly, or tries.",
            [Query(rate("llm_extproc_identity_claims_total", "claim, effect"), "{{claim}}: {{effect}}")],
            unit="reqps",
            width=12,
        ),
    ],
)

_GPUS = Row(
    "GPU time",
    [
        Panel(
            "GPU-hours by team in the time shown",
            "What was allocated to each, an hour or two late; the 20 largest. extproc allocate has the exact sums, with"
            " idle time and cost.",
            [Query(f"topk(20, {risen(_GPU, 'team', TEAMS)} / 3600)", "{{team}}")],
            kind="bargauge",
            width=6,
        ),
        Panel(
            "GPUs used by team",
            "How many GPUs each kept busy, as a mean of two hours. A team that jumps: long prompts, much recomputed, or"
            " alone on a server, which it then pays whole.",
            [Query(hourly_rate(_GPU, "team", TEAMS), "{{team}}")],
            stacked=True,
            width=9,
        ),
        Panel(
            "GPUs by what they do",
            "All GPUs of the models that are chosen. Mostly idle: fewer servers, or idle time to its team with"
            " gpus.idle. unexplained: see the last panel of this row.",
            [
                Query(hourly_rate(_GPU, where=_MODEL), "used"),
                Query(hourly_rate(_GPU_IDLE, where=_MODEL), "idle"),
                Query(hourly_rate("llm_gpu_other_seconds_total", "state", _MODEL), "{{state}}"),
            ],
            stacked=True,
            width=9,
        ),
        Panel(
            "Idle part of GPU time",
            "By model, of the time in which its servers could have answered. High at night: batch work then, or servers"
            " that sleep.",
            [
                Query(
                    f"{hourly_rate(_GPU_IDLE, 'model', _MODEL)} / ({hourly_rate(_GPU_IDLE, 'model', _MODEL)}"
                    f" + {hourly_rate(_GPU, 'model', _MODEL)})",
                    "{{model}}",
                )
            ],
            unit="percentunit",
            max=1,
            width=12,
        ),
        Panel(
            "GPU time that is not explained",
            "By server, the part of the last six hours for work that no entry of the ledger has. Above 0.05: somebody"
            " asks the server past Envoy, or entries are missing.",
            [
                Query(
                    f"max by (model, server) ({selector('llm_gpu_unexplained_share', _MODEL)})",
                    "{{model}}: {{server}}",
                )
            ],
            unit="percentunit",
            width=12,
        ),
    ],
)

_LIMITS = Row(
    "Budgets and rate limits",
    [
        Panel(
            "Spent of budgets",
            "The largest part that any team, project or budget code of each has spent in its period. extproc budget"
            " status says which; extproc budget grant gives more.",
            [Query("max by (budget) (llm_extproc_budget_spent_percent)", "{{budget}}")],
            unit="percent",
            kind="bargauge",
            max=100,
            steps=[("green", None), ("orange", 80), ("red", 100)],
        ),
        Panel(
            "What budgets did",
            "Exchanges that were refused or sent to a cheaper version, and those decided without sums (unknown).",
            [Query(rate("llm_extproc_budget_exchanges_total", "budget, act"), "{{budget}}: {{act}}")],
            unit="reqps",
        ),
        Panel(
            "Age of the sums of budgets",
            "How old what is known of spending is. Growing: the ledger's store does not answer; when_unknown decides"
            " after unknown_after_s.",
            [Query("time() - max(llm_extproc_budget_sums_timestamp_seconds > 0)", "age")],
            unit="s",
        ),
        Panel(
            "Crossings of budgets",
            "Since the processes started: warned at a share, exhausted, recovered by a grant. extproc budget history"
            " has all.",
            [Query(total("llm_extproc_budget_crossed_total", "budget, kind"), "{{budget}}: {{kind}}")],
            kind="bargauge",
        ),
        Panel(
            "Refused by rate limits",
            "By limit; shadow: what a limit with mode: shadow would have refused. Always above 0: the limit is too low,"
            " or a client does not wait for retry-after.",
            [
                Query(rate("llm_extproc_rate_limit_refused_total", "limit"), "{{limit}}"),
                Query(rate("llm_extproc_rate_limit_shadow_refused_total", "limit"), "{{limit}}, shadow"),
            ],
            unit="reqps",
        ),
        Panel(
            "Admitted by rate limits",
            "Exchanges that each limit admitted.",
            [Query(total("rate(llm_extproc_rate_limit_admitted_total[$__rate_interval])", "limit"), "{{limit}}")],
            unit="reqps",
        ),
    ],
)

TEAMS_AND_COST = Dashboard(
    name="teams",
    title="llm-extproc: teams and cost",
    about="Who uses how much: tokens and money by team and project, GPU time, budgets, rate limits.",
    variables=[Variable("team", "Team", "llm_requests_total"), Variable("model", "Model", "llm_requests_total")],
    rows=[_MONEY, _TOKENS, _GPUS, _LIMITS],
)
