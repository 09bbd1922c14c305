"""The shapes of what ``--json`` prints of programs that run: ``status`` and ``demo``."""

from __future__ import annotations

from typing import Annotated, TypedDict


class CountJson(TypedDict):
    """How often something was counted."""

    name: Annotated[str, "of what is counted"]
    times: Annotated[int, "since the start"]


class VersionStatusJson(TypedDict):
    """The exchanges of a version."""

    model: Annotated[str, "the name that clients use; empty: none was chosen"]
    version: Annotated[str, "the chosen version"]
    outcomes: Annotated[list[CountJson], "such as `completed`, `rejected`, `cut`, `failed`"]
    prompt_tokens: Annotated[int, "since the start"]
    completion_tokens: Annotated[int, "since the start"]
    cost_micro_usd: Annotated[int, "since the start"]


class GuardStatusJson(TypedDict):
    """The findings of a guard."""

    guard: Annotated[str, "its name"]
    direction: Annotated[str, "`request` or `response`"]
    actions: Annotated[list[CountJson], "such as `block`"]
    kinds: Annotated[list[CountJson], "such as `EMAIL`"]


class HealthJson(TypedDict):
    """``health``."""

    page: Annotated[str, "that was asked: `/readyz`, or `/livez` with `--live`"]
    ok: Annotated[bool, "whether it is ready, or alive"]
    problem: Annotated[str | None, "why not; null: it is"]


class StatusJson(TypedDict):
    """``status``."""

    url: Annotated[str, "of the pages"]
    ready: Annotated[bool, "as `/readyz` says"]
    draining: Annotated[bool, "the process ends"]
    revision: Annotated[str, "of the configuration in force"]
    identity: Annotated[str, "how sure it is who asks; empty: not known"]
    config_error: Annotated[str, "why the file is not in force; empty: it is"]
    prompt_store_error: Annotated[str, "why prompts of the store may not be the newest; empty: they are"]
    ledger_error: Annotated[str, "why entries of the ledger are not spooled, or not stored; empty: they are"]
    restart_needed: Annotated[list[str], "changed keys"]
    envoy_stale: Annotated[list[str], "keys that a calling Envoy does not know"]
    in_flight: Annotated[int, "exchanges"]
    versions: Annotated[list[VersionStatusJson], "with an exchange, by name"]
    guards: Annotated[list[GuardStatusJson], "with a finding, by name"]
    failures: Annotated[list[CountJson], "by reason"]


class CountedFindingJson(TypedDict):
    """Findings of a guard, as the metrics count them."""

    guard: Annotated[str, "its name"]
    direction: Annotated[str, "`request` or `response`"]
    kind: Annotated[str, "such as `EMAIL`"]
    times: Annotated[int, "how many"]


class StopJson(TypedDict):
    """One stop of the tour."""

    title: Annotated[str, "what it shows"]
    ok: Annotated[bool, "as expected"]
    why: Annotated[str, "why it matters"]
    sent: Annotated[str, "what was sent"]
    outcome: Annotated[str, "what came of it, in short"]
    found: Annotated[list[CountedFindingJson], "what the shown guard found"]
    client_saw: Annotated[str, "may be empty"]
    model_saw: Annotated[str, "may be empty"]
    measured: Annotated[str, "may be empty"]
    wrong: Annotated[list[str], "the differences"]


class RunningJson(TypedDict):
    """Where a demo that keeps running can be reached."""

    base_url: Annotated[str, "for clients"]
    models: Annotated[list[str], "to ask for"]
    metrics: Annotated[str, "the metrics page"]
    logs: Annotated[str, "the folder"]
    config: Annotated[str, "the configuration file, for other commands"]


class DemoJson(TypedDict):
    """``demo``."""

    ok: Annotated[bool, "every stop is as expected"]
    stops: Annotated[list[StopJson], "in order"]
    page: Annotated[str, "the HTML file about its traffic"]
    running: Annotated[RunningJson | None, "with `--serve`; else null"]
