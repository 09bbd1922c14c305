"""A real Prometheus reads a real processor under the demo's kinds of traffic: each query of each panel and rule has
data, or it is listed here with the reason why not.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extproc.demo.model_server import ModelServer
from extproc.demo.rules import DEMO_RULES
from tests.deploy.monitoring import RULES, expressions, rules, with_everything_chosen
from tests.deploy.promql import Selected, names_in
from tests.e2e.harness import Stack, require_envoy, wait_until
from tests.hangs import HANG_S
from tests.tools.dashboards.traffic import ask, complete, judge, odd, usual, with_fallbacks
from tests.tools.prometheus import Prometheus, program, prometheus

ROUNDS = 2
WINDOWS = {"__rate_interval": "5m", "__range": "5m"}
EMPTY = {
    "llm_extproc_failures_total": "nothing fails",
    "llm_extproc_dropped_texts_total": "no model server sends what its API does not know",
    "llm_extproc_identity_refused_total": "there are no identity.sources",
    "llm_extproc_identity_claims_total": "there are no identity.sources",
    "llm_extproc_certificate_not_after_timestamp_seconds": "a Unix socket has no TLS",
    "llm_extproc_certificate_not_before_timestamp_seconds": "a Unix socket has no TLS",
    "llm_extproc_rate_limit_store_errors_total": "limits are counted in the process",
    "llm_extproc_rate_limit_decided_alone_total": "limits are counted in the process",
    "llm_tokenizer_exchanges_total": "no version has a tokenizer",
    "llm_prompt_store_requests_total": "there is no prompt store",
    "llm_endpoint_scrapes_total": "no version has pick: load",
    "llm_endpoint_load_age_seconds": "no version has pick: load",
    "llm_extproc_otel_exports_total": "there is no collector",
    "llm_extproc_otel_dropped_total": "there is no collector",
    "llm_worker_restarts_total": "no worker dies",
    "llm_log_lines_dropped_total": "the log is read",
    "llm_classifier_dropped_total": "the classifier keeps up",
    "llm_classifier_restarts_total": "it is asked over HTTP, and has no process",
    "llm_version_unrouted_total": "Envoy has the same configuration",
    "llm_usage_capped_total": "model servers count what they generate",
    "llm_guard_hold_limit_total": "no word is that long",
    "llm_quality_drift": "a reference has a thousand answers at least; `tests/unit/test_drift_served.py` has drift",
    "llm_quality_drift_evidence": "likewise",
    "llm_quality_drift_alarm": "likewise",
    "llm_gpu_seconds_total": "no GPUs are configured; `tests/unit/ledger/allocation/test_time_reports.py` has some",
    "llm_gpu_idle_seconds_total": "likewise",
    "llm_gpu_other_seconds_total": "likewise",
    "llm_gpu_unexplained_share": "likewise",
    "llm_rollout_share": "nothing is rolled out; the demo has rollouts",
    "llm_rollout_gate_evidence": "likewise",
    "llm_rollout_changes_total": "likewise",
    "llm_extproc_hop_marks_total": "no hop in front signs marks",
    "llm_guard_precision": "no finding is labeled",
    'llm_guard_coverage_total{outcome="failed_closed"}': "no guard fails",
    'llm_requests_total{outcome="upstream_error"}': "the other version answers instead",
    "policy_guard_direction:llm_guard_failed_closed_texts:increase10m": "no guard fails",
    "model_version:llm_refusals_per_answer:day_before": "there is no day before",
    "model_version:llm_response_tokens_mean:day_before": "there is no day before",
    "model_version:llm_time_per_output_token_seconds_mean:day_before": "there is no day before",
    "model_version:llm_time_to_first_token_seconds_p95:day_before": "there is no day before",
    "model:llm_negative_thumbs_per_thumb:week_before": "there is no week before",
}
"""Selectors without data, with the reason. What depends on one of them may be empty too."""
MAY_BE_EMPTY = {
    "llm_extproc_rate_limit_store_seconds_bucket": "limits are counted in the process, so there is no time to divide",
    "llm_review_waiting": "counted once a minute",
}
"""Likewise, but not always."""
FIRING = {
    "LlmExtprocBudgetExhausted": "a budget is spent",
    "LlmExtprocGuardCoverage": "one prompt is longer than the classifier reads",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has read the processor before, between and after rounds of traffic.

    Fallbacks come last: Envoy leaves out a version that has failed for some seconds, and what the usual traffic counts
    of it would not grow.
    """
    program("prometheus")
    require_envoy()
    folder: Path = tmp_path_factory.mktemp("dashboards")
    models = {name: ModelServer(name, rules=DEMO_RULES, speed=50) for name in ("v1", "v2")}
    with judge() as url, Stack(folder, models=models, change=complete(url), as_shown=True) as stack:
        target = f"127.0.0.1:{stack.metrics_url.split(':')[2].split('/')[0]}"
        with prometheus(folder, target, [RULES]) as reader:
            for fails in (False, True):
                for _ in range(ROUNDS):
                    if fails:
                        with_fallbacks(stack, usual()[:6])
                    else:
                        ask(stack.base_url, usual() + odd())
                    wait_until(lambda: stack.metric("llm_inflight_exchanges") == 0, "all have ended", HANG_S)
                    wait_until_read(stack, reader)
            wait_until_recorded(reader)
            yield reader


def wait_until_read(stack: Stack, reader: Prometheus) -> None:
    """Until Prometheus has what the page has."""

    def is_read() -> bool:
        names = ("llm_requests_total", "llm_classifier_seconds_count", "llm_extproc_budget_spent_percent")
        return all(stack.metric(one) and value_of(reader, f"sum({one})") == stack.metric(one) for one in names)

    wait_until(is_read, "Prometheus has read the page", HANG_S)


def wait_until_recorded(reader: Prometheus) -> None:
    """Until each recording rule has been evaluated since."""
    since_s = time.time()

    def is_recorded() -> bool:
        return value_of(reader, "min(timestamp(model_version:llm_answers:rate15m))") > since_s + 1

    wait_until(is_recorded, "rules are evaluated", HANG_S)


def value_of(reader: Prometheus, expr: str) -> float:
    """The only value; 0 without one."""
    found = reader.query(expr)
    return float(found[0]["value"][1]) if found else 0.0


def has_data(found: list[dict[str, Any]]) -> bool:
    """Whether any series has a number."""
    return any(not math.isnan(float(one["value"][1])) for one in found)


def selectors(one: Selected) -> Iterator[str]:
    """The names under which a selector may be listed as empty."""
    yield one.metric
    for label, how, value in one.conditions:
        yield f'{one.metric}{{{label}{how}"{value}"}}'


QUERIES = [(where, expr) for where, expr in expressions() if not expr.startswith("label_values")]
ALERTS = {rule["alert"] for rule in rules() if "alert" in rule}


@pytest.mark.once
@pytest.mark.parametrize(("where", "expr"), QUERIES, ids=[where for where, _ in QUERIES])
def test_a_query_has_data(served: Prometheus, where: str, expr: str) -> None:
    """Of an alert, which rightly finds nothing, each of its selectors."""
    names = names_in(expr)
    listed = EMPTY.keys() | MAY_BE_EMPTY.keys()
    empty = {where, *(name for one in names.selected for name in selectors(one))} & listed
    sent = with_everything_chosen(expr, WINDOWS)
    found = served.query(sent)
    if where in ALERTS:
        for name in {one.metric for one in names.selected} - listed:
            assert has_data(served.query(name)), name
    elif not empty:
        assert has_data(found), sent


@pytest.mark.once
@pytest.mark.parametrize("selector", EMPTY)
def test_what_is_listed_as_empty_is_used_and_empty(served: Prometheus, selector: str) -> None:
    """A reason that holds no longer goes."""
    assert not has_data(served.query(selector)), "it has data, so it needs no reason"
    assert any(selector in selectors(one) for _, expr in QUERIES for one in names_in(expr).selected)


@pytest.mark.once
def test_prometheus_evaluates_every_rule(served: Prometheus) -> None:
    """Without an error, and none fires but where it should."""
    told = served.rules()
    assert len(told) == len(rules())
    assert {rule["name"]: rule["lastError"] for rule in told if rule["health"] != "ok"} == {}
    firing = {rule["name"] for rule in told if rule.get("state") == "firing"}
    assert firing == FIRING.keys()


@pytest.mark.once
@pytest.mark.parametrize("variable", [(w, e) for w, e in expressions() if e.startswith("label_values")], ids=str)
def test_a_variable_has_values(served: Prometheus, variable: tuple[str, str]) -> None:
    """So that a reader can choose."""
    (metric, label) = re.findall(r"\((\w+), (\w+)\)", variable[1])[0]
    assert served.query(f"count by ({label}) ({metric})")
