"""What ``--help`` adds to the commands: examples, and the types of values in words."""

from __future__ import annotations

from typing import Any, Final

EXAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "init": ("extproc init --model llama --endpoint 127.0.0.1:8000", "extproc init -"),
    "up": (
        "extproc up http://127.0.0.1:8000",
        "extproc up stable=http://127.0.0.1:8000@9 canary=http://127.0.0.1:8001@1",
    ),
    "run": ("extproc run llm-extproc.yaml",),
    "serve": ("extproc serve llm-extproc.yaml",),
    "check": ("extproc check llm-extproc.yaml", "extproc check --against envoy.yaml"),
    "try": ("extproc try 'Write to jane.doe@example.com'", "extproc try --file answer.txt --as response --stream"),
    "test": ("extproc test cases.yaml", "extproc test cases.yaml --watch"),
    "explain": ("extproc explain -c llm-extproc.yaml body.json", "extproc explain body.json -H 'x-team: search'"),
    "versions list": ("extproc versions list",),
    "versions show": ("extproc versions show llama/v2",),
    "versions diff": ("extproc versions diff llama/v1 llama/v2", "extproc versions diff --config old.yaml new.yaml"),
    "versions lock": ("extproc versions lock",),
    "prompts list": ("extproc prompts list",),
    "prompts show": ("extproc prompts show system-v2",),
    "prompts render": ("extproc prompts render system-v2 --var city=Oslo --team search",),
    "prompts diff": ("extproc prompts diff system-v1 system-v2", "extproc prompts diff --config old.yaml new.yaml"),
    "prompts test": (
        "extproc prompts test --url http://127.0.0.1:8000",
        "extproc prompts test system-v2 --against v1 --url http://127.0.0.1:8000",
    ),
    "replay": (
        "extproc replay --from review --against llama/v2",
        "extproc replay --from requests.jsonl --against llama/v2 --base v1 --json",
    ),
    "keys add": ("extproc keys add --team search", "extproc keys add --team search --project index --expires 90d"),
    "keys list": ("extproc keys list",),
    "keys revoke": ("extproc keys revoke search-1",),
    "keys rotate": ("extproc keys rotate search-1 --grace 2d",),
    "envoy-config": (
        "extproc envoy-config llm-extproc.yaml --output envoy.yaml --validate",
        "extproc envoy-config --lint envoy.yaml",
        "extproc envoy-config --for istio-gateway --gateway istio-ingress/public",
        "extproc envoy-config --for envoy-gateway --gateway infra/gw --host a.io",
    ),
    "doctor": (
        "extproc doctor --admin 127.0.0.1:15000 --probe http://127.0.0.1:8000",
        "extproc doctor llm-extproc.yaml --file dump.json",
    ),
    "size": (
        "extproc size --requests-per-s 2000 --streamed 0.8 --answer-tokens 400",
        "extproc size --requests-per-s 500 --config llm-extproc.yaml --growth",
    ),
    "review list": ("extproc review list --guard injection --since 7d --unlabelled",),
    "review show": ("extproc review show 7",),
    "review label": ("extproc review label 7 reject --note 'a quotation'", "extproc review label 3 4 7 confirm"),
    "review next": ("extproc review next --guard injection",),
    "review import": ("extproc review import labels.csv",),
    "review export": ("extproc review export --guard injection", "extproc review export --as-tests"),
    "review what-if": ("extproc review what-if injection=0.7",),
    "review stats": ("extproc review stats",),
    "report": (
        "extproc report --by team,version --period day --from 7d",
        "extproc report --by team --period month --from 2026-01-01 --format csv",
        "extproc report --resource-quotas quotas.json",
        "extproc report --reconcile usage.json",
    ),
    "ledger query": ("extproc ledger query --team search --since 7d",),
    "ledger tail": ("extproc ledger tail --follow", "extproc ledger tail --findings --guard pii"),
    "ledger verify": ("extproc ledger verify",),
    "ledger export": (
        "extproc ledger export --since 2026-11-01 --format csv -o november.csv",
        "extproc ledger export --format parquet -o ledger.parquet",
    ),
    "ledger replay": ("extproc ledger replay ledger-spool/damaged",),
    "budget status": ("extproc budget status",),
    "budget grant": ("extproc budget grant monthly search --amount 50000000 --note launch",),
    "budget history": ("extproc budget history monthly",),
    "allocate": ("extproc allocate --from 2026-11-01 --to 2026-11-30", "extproc allocate --by team,server --json"),
    "savings": ("extproc savings --from 30d",),
    "calibrate": ("extproc calibrate --from yesterday", "extproc calibrate --from 3d --keep"),
    "gpus": ("extproc gpus --bill bill.csv",),
    "drift": ("extproc drift",),
    "rollout start": ("extproc rollout start llama --to v2", "extproc rollout start llama --to v2 --steps 10,50,100"),
    "rollout status": ("extproc rollout status",),
    "rollout watch": ("extproc rollout watch", "extproc rollout watch llama --interval 5"),
    "rollout report": ("extproc rollout report llama --output rollout.html",),
    "rollout simulate": (
        "extproc rollout simulate llama --to v2 --per-day 50000 --users 3000",
        "extproc rollout simulate llama --to v2 --steps 10,50,100 --runs 200",
    ),
    "rollout pause": ("extproc rollout pause llama --note 'the servers are being moved'",),
    "rollout resume": ("extproc rollout resume llama",),
    "rollout promote": ("extproc rollout promote llama --note 'a fix that cannot wait'",),
    "rollout rollback": ("extproc rollout rollback llama --note 'users complain'",),
    "rollout history": ("extproc rollout history llama",),
    "rollout explain": ("extproc rollout explain llama",),
    "health": ("extproc health --url http://llm-extproc:9464",),
    "status": ("extproc status", "extproc status --watch"),
    "top": ("extproc top", "extproc top --team search --sort cost", "extproc top --json --interval 10"),
    "tail": ("extproc tail", "extproc tail --team search --guard pii", "extproc tail --all --once -n 100"),
    "demo": ("extproc demo", "extproc demo --serve"),
}
"""By the full name of the command; without ``[``, which begins a style."""
_UNBOUNDED: Final = 1 << 31
"""A largest value above this is only that of its type."""
_WORDS: Final = {"str": "TEXT", "int": "NUMBER", "float": "NUMBER"}


def explained(name: str, made: Any) -> Any:
    """A command whose help has examples and readable types; a group's commands too."""
    for inner, one in getattr(made, "commands", {}).items():
        explained(f"{name} {inner}", one)
    if name in EXAMPLES:
        title = "Example" if len(EXAMPLES[name]) == 1 else "Examples"
        made.epilog = "\n".join([f"{title}:", *(f"  {example}" for example in EXAMPLES[name])])
    get_params = made.get_params
    made.get_params = lambda ctx: with_readable_types(get_params(ctx))
    return made


def with_readable_types(params: list[Any]) -> list[Any]:
    """The parameters of a command, `--help` among them, with the types of their values in words."""
    for param in params:
        _word_type(param)
    return params


def _word_type(param: Any) -> None:
    words = type_in_words(param)
    param.display_type_rich = lambda **_: words
    param._get_number_range_help_str = lambda: None  # it is in the words


def type_in_words(param: Any) -> str | None:
    """What a value is; None for an option without one."""
    described = param.type_descriptor
    if getattr(param, "is_bool_flag", False):
        return None
    if described.is_choice:
        return "|".join(map(str, described.choices))
    if described.is_ranged:
        least, most = param.min, param.max
        return f"{least} or more" if most is None or most >= _UNBOUNDED else f"{least} to {most}"
    if described.is_path:
        return "PATH"
    name = str(param.bare_type())
    if described.is_list:
        return f"{_WORDS.get(name.removeprefix('list[').removesuffix(']'), 'VALUE')} ..."
    return _WORDS.get(name, name.upper())
