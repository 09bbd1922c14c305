"""What the metrics are called, what they are counted by, and what one exchange adds to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from extproc.domain.classification import ClassificationJob, Origin
from extproc.domain.hop_results import MarkResult
from extproc.domain.record import Action, Asked, Coverage, ExchangeRecord, Fencing, Outcome, VersionFacts
from extproc.domain.refusal_kinds import RefusalKind
from extproc.domain.text import Direction
from extproc.domain.usage import Prices, Usage
from extproc.sinks.bounded_labels import LABEL_IDLE_NS, OTHER
from extproc.sinks.metrics import Metrics
from tests.tools.prometheus import promtool

MS = 1_000_000
VERSION = VersionFacts("tiny-chat", "v1", "f00", Prices(1, 1, 1))
BY_VERSION = {"model", "version", "fingerprint"}
BY_TEAM = {"team", "project", *BY_VERSION}
LABELS = {
    "llm_requests_total": {"endpoint", *BY_TEAM, "outcome", "streamed"},
    "llm_prompt_tokens_total": BY_TEAM,
    "llm_completion_tokens_total": BY_TEAM,
    "llm_cached_tokens_total": BY_TEAM,
    "llm_cost_micro_usd_total": BY_TEAM,
    "llm_usage_estimated_total": BY_VERSION,
    "llm_usage_capped_total": BY_VERSION,
    "llm_response_tokens": BY_VERSION,
    "llm_time_to_first_token_seconds": BY_VERSION,
    "llm_time_per_output_token_seconds": BY_VERSION,
    "llm_request_duration_seconds": BY_VERSION,
    "llm_refusal_total": BY_VERSION | {"kind"},
    "llm_answers_total": BY_VERSION,
    "llm_guard_verdicts_total": {"policy", "guard", "direction", "action"},
    "llm_guard_findings_total": {"guard", "direction", "kind"},
    "llm_guard_coverage_total": {"policy", "guard", "direction", "outcome"},
    "llm_guard_fences_total": {"policy", "guard", "outcome"},
    "llm_guard_asked_total": {"policy", "guard", "outcome"},
    "llm_policy_texts_total": {"policy", "direction"},
    "llm_guard_hold_limit_total": {"guard"},
    "llm_extproc_identity_refused_total": {"source", "reason"},
    "llm_extproc_identity_claims_total": {"claim", "effect"},
    "llm_extproc_hop_marks_total": {"result"},
    "llm_extproc_step_seconds": {"phase"},
    "llm_extproc_long_messages": set(),
    "llm_extproc_long_message_wait_seconds": set(),
    "llm_extproc_long_messages_refused_total": set(),
    "llm_extproc_failures_total": {"reason"},
    "llm_extproc_dropped_texts_total": {"endpoint"},
    "llm_inflight_exchanges": set(),
    "llm_config_reloads_total": {"result"},
    "llm_config_revision": {"revision"},
    "llm_config_last_reload_successful": set(),
    "llm_version_weight": {"model", "version"},
    "llm_extproc_certificate_not_before_timestamp_seconds": {"certificate"},
    "llm_extproc_certificate_not_after_timestamp_seconds": {"certificate"},
    "llm_prompt_store_requests_total": {"result"},
    "llm_version_info": {*BY_VERSION, "prompt", "prompt_fingerprint"},
    "llm_worker_restarts_total": {"reason"},
    "llm_log_lines_dropped_total": {"level"},
    "llm_classifier_seconds": {"classifier"},
    "llm_classifier_queue": {"classifier"},
    "llm_classifier_queue_max": {"classifier"},
    "llm_classifier_dropped_total": {"classifier", "reason"},
    "llm_classifier_restarts_total": {"classifier", "reason"},
    "llm_review_entries_total": {"guard"},
    "llm_review_dropped_total": {"reason"},
    "llm_review_waiting": {"guard"},
    "llm_review_findings_max": set(),
    "llm_guard_precision": {"guard"},
}


def ended(outcome: Outcome = Outcome.COMPLETED, **facts: Any) -> ExchangeRecord:
    """A streamed exchange of 100 ms: first text after 20, last after 80, four tokens."""
    known: dict[str, Any] = {
        "endpoint": "chat",
        "streamed": True,
        "team": "search",
        "project": "index",
        "version": VERSION,
        "usage": Usage(prompt=10, completion=4, cached=6),
        "cost_micro_usd": 17,
        "answers": 1,
        "first_text_ns": 1_020 * MS,
        "last_text_ns": 1_080 * MS,
        "ended_ns": 1_100 * MS,
    }
    return ExchangeRecord("id", "rev", 1_000 * MS, outcome=outcome, **(known | facts))


def page(metrics: Metrics) -> str:
    """What Prometheus reads."""
    return generate_latest(metrics.registry).decode()


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """Sum of the samples of that name whose labels include ``labels``."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(page(metrics))
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def populated() -> Metrics:
    """Metrics in which every series has a value."""
    record = ended(usage=Usage(10, 4, 6, estimated=True), refusals=1)
    record.usage_capped = True
    record.policy = "default"
    record.verdicts = {("pii", "request", "mask"): 2}
    record.findings = {("pii", "request", "EMAIL"): 2, ("pii", "response", "HOLD_LIMIT"): 1}
    record.note_coverage("pii", "request", Coverage.CHECKED, 3)
    record.note_coverage("pii", "request", Coverage.SKIPPED_SOURCE, 1)
    record.note_fence("injection", Fencing.FENCED)
    record.note_asked("injection", Asked.CONFIRMED)
    record.text_counts["request"] = 4
    record.dropped_texts = 2
    record.identity_source, record.identity_refused = "api_key", "unknown"
    record.exceeded_claims, record.claim_effect = ("team",), "refused"
    record.mark = MarkResult.ABSENT
    metrics = Metrics(label_values_max=10)
    metrics.exchange_ended(record)
    metrics.exchange_ended(ended(Outcome.FAILED, reason="guard_failed"))
    metrics.step("request_headers", 20_000)
    metrics.long_messages(1)
    metrics.long_message_waited(0.02)
    metrics.reloaded("ok")
    metrics.prompt_store_asked("failed", 2)
    metrics.worker_restarted("SIGKILL")
    metrics.log_lines_dropped("info", 3)
    metrics.classifier_took("guard", 0.02)
    metrics.classifier_waiting("guard", 3)
    metrics.classifier_dropped("guard", "queue_full")
    metrics.classifier_restarted("guard", "died")
    metrics.in_force("0123456789ab", {VERSION: 80})
    metrics.review_stored({"pii": 2})
    metrics.review_dropped("queue_full", 1)
    metrics.guard_precision({"pii": 0.9})
    metrics.review_waiting({"pii": 4}, 100)
    metrics.classifier_has_room("guard", 8)
    metrics.certificates_in_use({"server": (1_700_000_000, 1_800_000_000)})
    return metrics


def test_names_and_labels_are_those_that_dashboards_use() -> None:
    """Nothing is renamed or dropped without this table; what is new stands in the reference (``tests/docs``)."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(page(populated())):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = set().union(*(sample.labels.keys() - {"le"} for sample in family.samples))
    assert {name: found.get(name) for name in LABELS} == LABELS


def test_long_messages_are_told() -> None:
    """How many there are, how long they waited, and for how many there was no room."""
    metrics = Metrics(label_values_max=10)
    assert value(metrics, "llm_extproc_long_messages_refused_total") == 0
    metrics.long_messages(3)
    metrics.long_message_waited(0.02)
    metrics.long_message_refused()
    assert value(metrics, "llm_extproc_long_messages") == 3
    assert value(metrics, "llm_extproc_long_message_wait_seconds_count") == 1
    assert value(metrics, "llm_extproc_long_messages_refused_total") == 1


def test_a_late_verdict_counts_like_any_other() -> None:
    """In the same series, under the policy of its exchange, though that has ended."""
    metrics = Metrics(label_values_max=10)
    origin = Origin("id", "chat", "search", "index", "default", VERSION)
    late = ClassificationJob(origin, "harm", "guard", Direction.RESPONSE, Action.FLAG, (), fields=3)
    metrics.classification_ended(late, {"ABUSE": 2}, Coverage.CHECKED)
    metrics.classification_ended(late, {}, Coverage.SKIPPED_DROPPED)
    by_guard = {"guard": "harm", "direction": "response"}
    assert value(metrics, "llm_guard_findings_total", kind="ABUSE", **by_guard) == 2
    assert value(metrics, "llm_guard_verdicts_total", policy="default", action="flag", **by_guard) == 2
    assert value(metrics, "llm_guard_coverage_total", policy="default", outcome="checked", **by_guard) == 3
    assert value(metrics, "llm_guard_coverage_total", policy="default", outcome="skipped_dropped", **by_guard) == 3


def test_no_series_tells_when_another_was_made() -> None:
    """They would double the page, and nobody reads them."""
    assert "_created" not in page(populated())


def test_promtool_has_no_complaint() -> None:
    """Names, units and help texts are as Prometheus wants them."""
    assert promtool("check", "metrics", page=page(populated())) == (0, "")


def test_the_buckets_of_answers_are_the_agreed_ones() -> None:
    """Dashboards and alerts of other parts use these edges."""
    families = {family.name: family for family in text_string_to_metric_families(page(populated()))}
    edges = [sample.labels["le"] for sample in families["llm_response_tokens"].samples if "le" in sample.labels]
    tokens = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000]
    assert [float(edge) for edge in edges] == [*tokens, float("inf")]


def test_tokens_and_money_are_added_up_as_integers() -> None:
    """A thousand exchanges of 17 micro-USD are 17,000, to the unit."""
    metrics = Metrics(10)
    for _ in range(1_000):
        metrics.exchange_ended(ended())
    labels = {"team": "search", "project": "index", "model": "tiny-chat", "version": "v1"}
    assert value(metrics, "llm_cost_micro_usd_total", **labels) == 17_000
    assert value(metrics, "llm_prompt_tokens_total", **labels) == 10_000
    assert value(metrics, "llm_completion_tokens_total", **labels) == 4_000
    assert value(metrics, "llm_cached_tokens_total", **labels) == 6_000


def test_times_of_a_stream() -> None:
    """First token after 20 ms; three more in 60 ms are 20 ms each; 100 ms in all."""
    metrics = Metrics(10)
    metrics.exchange_ended(ended())
    assert value(metrics, "llm_time_to_first_token_seconds_sum") == pytest.approx(0.020)
    assert value(metrics, "llm_time_per_output_token_seconds_sum") == pytest.approx(0.020)
    assert value(metrics, "llm_request_duration_seconds_sum") == pytest.approx(0.100)
    assert value(metrics, "llm_response_tokens_sum") == 4


@pytest.mark.parametrize(
    ("facts", "first", "each"),
    [
        ({"first_text_ns": 0, "last_text_ns": 0}, 0, 0),  # unstreamed
        ({"usage": Usage(10, 1)}, 1, 0),  # one token: nothing lies between tokens
        ({"usage": None}, 1, 0),  # not metered
    ],
)
def test_times_that_an_exchange_does_not_have_are_not_observed(facts: dict[str, Any], first: int, each: int) -> None:
    """A zero would make the model look faster than it is."""
    metrics = Metrics(10)
    metrics.exchange_ended(ended(**facts))
    assert value(metrics, "llm_time_to_first_token_seconds_count") == first
    assert value(metrics, "llm_time_per_output_token_seconds_count") == each


@pytest.mark.parametrize("outcome", [Outcome.ABORTED, Outcome.UPSTREAM_ERROR, Outcome.FAILED, Outcome.LOCAL_REPLY])
def test_an_answer_that_did_not_end_costs_and_is_no_answer(outcome: Outcome) -> None:
    """What was generated is paid for; its length and times say nothing about answers."""
    metrics = Metrics(10)
    metrics.exchange_ended(ended(outcome))
    assert value(metrics, "llm_completion_tokens_total", team="search") == 4
    assert value(metrics, "llm_cost_micro_usd_total", team="search") == 17
    assert value(metrics, "llm_requests_total", outcome=outcome.value, streamed="true", endpoint="chat") == 1
    for name in ("llm_response_tokens", "llm_request_duration_seconds", "llm_time_to_first_token_seconds"):
        assert value(metrics, f"{name}_count") == 0
    assert value(metrics, "llm_answers_total") == 0


def test_an_answer_that_was_cut_is_an_answer() -> None:
    """The client got it, up to the finding."""
    metrics = Metrics(10)
    metrics.exchange_ended(ended(Outcome.CUT, refusals=1))
    assert value(metrics, "llm_response_tokens_count") == 1
    assert (value(metrics, "llm_answers_total"), value(metrics, "llm_refusal_total")) == (1, 1)


def test_refusals_are_counted_by_kind() -> None:
    """What declines has a zero too: an increase needs a first value."""
    metrics = Metrics(10)
    record = ended(refusals=1)
    record.note_refusal(RefusalKind.PARTIAL)
    record.note_refusal(RefusalKind.DECLINES)
    metrics.exchange_ended(record)
    counted = {kind: value(metrics, "llm_refusal_total", kind=kind.value) for kind in RefusalKind}
    assert counted == {**dict.fromkeys(RefusalKind, 0), RefusalKind.DECLINES: 2, RefusalKind.PARTIAL: 1}
    quiet = Metrics(10)
    quiet.exchange_ended(ended())
    assert 'kind="declines"' in page(quiet)


def test_failures_of_ours_are_counted_by_reason() -> None:
    """Only failures: a refused request has a reason too."""
    metrics = Metrics(10)
    metrics.exchange_ended(ended(Outcome.FAILED, reason="guard_failed"))
    metrics.exchange_ended(ended(Outcome.REJECTED, reason="injection"))
    assert value(metrics, "llm_extproc_failures_total", reason="guard_failed") == 1
    assert value(metrics, "llm_extproc_failures_total") == 1


def test_an_exchange_without_a_version_or_endpoint_has_names_for_it() -> None:
    """An empty label reads like a label that is not there."""
    metrics = Metrics(10)
    metrics.exchange_ended(ended(Outcome.REJECTED, endpoint="", version=None, usage=None))
    assert value(metrics, "llm_requests_total", endpoint="none", model="none", version="none") == 1


def test_routes_and_ignored_pins_are_counted() -> None:
    """A route by the model that it led to; nothing without routes, or without a pin."""
    metrics = Metrics(10)
    for facts in ({"route": "gold"}, {"route": "gold", "version": None}, {}, {"ignored_pin": "tiny"}):
        metrics.exchange_ended(ended(**facts))
    model = ended().version
    assert model is not None
    assert value(metrics, "llm_route_total", route="gold", model=model.model) == 1
    assert value(metrics, "llm_route_total", route="gold", model="none") == 1
    assert value(metrics, "llm_route_total") == 2
    assert value(metrics, "llm_pin_ignored_total") == value(metrics, "llm_pin_ignored_total", model="tiny") == 1


def test_refused_credentials_and_claims_are_counted() -> None:
    """By source and reason, and by what was claimed; nothing of what was sent."""
    metrics = Metrics(10)
    for facts in (
        {"identity_source": "jwt", "identity_refused": "expired"},
        {"identity_source": "api_key", "exceeded_claims": ("team", "tier"), "claim_effect": "replaced"},
        {"identity_source": "api_key"},
    ):
        metrics.exchange_ended(ended(**facts))
    refused, claims = "llm_extproc_identity_refused_total", "llm_extproc_identity_claims_total"
    assert value(metrics, refused) == value(metrics, refused, source="jwt", reason="expired") == 1
    assert value(metrics, claims) == 2
    assert value(metrics, claims, claim="team", effect="replaced") == 1


def test_estimates_are_told_from_counts() -> None:
    """An estimate is metered, and known as one."""
    metrics = Metrics(10)
    metrics.exchange_ended(ended(usage=Usage(10, 4, estimated=True)))
    metrics.exchange_ended(ended())
    assert value(metrics, "llm_usage_estimated_total", model="tiny-chat", version="v1") == 1


def test_what_guards_found_and_saw() -> None:
    """Verdicts and findings by how often; coverage by texts, which add up to those that came."""
    metrics = populated()
    assert value(metrics, "llm_guard_verdicts_total", policy="default", guard="pii", action="mask") == 2
    assert value(metrics, "llm_guard_findings_total", guard="pii", direction="request", kind="EMAIL") == 2
    coverage = {"policy": "default", "guard": "pii", "direction": "request"}
    assert value(metrics, "llm_guard_coverage_total", outcome="checked", **coverage) == 3
    assert value(metrics, "llm_guard_coverage_total", outcome="skipped_source", **coverage) == 1
    assert value(metrics, "llm_policy_texts_total", policy="default", direction="request") == 4


def test_labels_from_requests_are_bounded() -> None:
    """A client that makes names up fills one bucket; names that were known stay themselves."""
    metrics = Metrics(label_values_max=2)
    for team in ("a", "b", "c", "d", "a"):
        metrics.exchange_ended(ended(team=team, project=team))
    assert value(metrics, "llm_requests_total", team="a", project="a") == 2
    assert value(metrics, "llm_requests_total", team=OTHER, project=OTHER) == 2
    assert value(metrics, "llm_cost_micro_usd_total", team=OTHER) == 34
    assert value(metrics, "llm_requests_total", team="c") == 0


def test_made_up_teams_do_not_keep_a_real_one_out_for_ever() -> None:
    """attack 10: the first hundred names won until the restart, and "accounting" was ``other`` for ever."""
    metrics = Metrics(label_values_max=100)

    def comes(team: str, minute: int) -> None:
        metrics.exchange_ended(ended(team=team, project=team, ended_ns=minute * 60_000 * MS))

    for number in range(100):
        comes(f"made-up-{number}", minute=number % 10)
    comes("search", minute=11)
    assert value(metrics, "llm_requests_total", team=OTHER) == 1
    comes("accounting", minute=65)
    comes("made-up-9", minute=66)
    comes("accounting", minute=67)
    assert value(metrics, "llm_requests_total", team="accounting", project="accounting") == 2
    assert value(metrics, "llm_requests_total", team="made-up-9") == 2, "one that is not idle keeps its series"
    assert value(metrics, "llm_requests_total", team=OTHER) == 1, "nothing is moved there: it would look like traffic"
    for name in ("llm_requests_total", "llm_prompt_tokens_total", "llm_cost_micro_usd_total"):
        assert value(metrics, name, team="made-up-0") == 0
    comes("made-up-0", minute=70)
    assert value(metrics, "llm_requests_total", team="made-up-0") == 1, "it begins anew"


def test_revisions_of_a_version_are_never_added_up() -> None:
    """A prompt that changed under the version's name begins series of its own, of each kind; the old ones end."""
    metrics = Metrics(label_values_max=1)
    names = ("llm_requests_total", "llm_response_tokens_count", "llm_answers_total", "llm_cost_micro_usd_total")
    metrics.exchange_ended(ended())
    metrics.exchange_ended(ended(version=replace(VERSION, fingerprint="f01"), ended_ns=1_200 * MS))
    for name in names:
        assert (value(metrics, name, fingerprint="f00"), value(metrics, name, fingerprint=OTHER)) == (
            value(metrics, name) / 2,
            value(metrics, name) / 2,
        )
    metrics.exchange_ended(ended(version=replace(VERSION, fingerprint="f02"), ended_ns=1_100 * MS + LABEL_IDLE_NS))
    for name in names:
        assert value(metrics, name, fingerprint="f00") == 0
        assert value(metrics, name, fingerprint="f02") > 0


def test_reloads_are_there_from_the_start_and_one_revision_is_in_force() -> None:
    """An alert on refused reloads needs the zero; an old revision does not stay on the page."""
    metrics = Metrics(10)
    assert 'llm_config_reloads_total{result="invalid"} 0.0' in page(metrics)
    metrics.in_force("old", {VERSION: 80})
    metrics.in_force("new", {replace(VERSION, fingerprint="f01", prompt="system-v2", prompt_fingerprint="p"): 20})
    metrics.reloaded("invalid")
    assert value(metrics, "llm_config_reloads_total", result="invalid") == 1
    assert (value(metrics, "llm_config_revision", revision="new"), value(metrics, "llm_config_revision")) == (1, 1)
    new = {"fingerprint": "f01", "prompt": "system-v2", "prompt_fingerprint": "p"}
    assert (value(metrics, "llm_version_info", **new), value(metrics, "llm_version_info")) == (1, 1)
    assert value(metrics, "llm_version_weight", model="tiny-chat", version="v1") == 20


def test_steps_are_observed_in_seconds() -> None:
    """20 microseconds of work on a message."""
    metrics = Metrics(10)
    metrics.step("response_body", 20_000)
    assert value(metrics, "llm_extproc_step_seconds_sum", phase="response_body") == pytest.approx(0.00002)


def test_a_guard_whose_labels_are_gone_is_shown_no_more() -> None:
    """What people said of it has been deleted with its findings; the others stay."""
    metrics = populated()
    metrics.guard_precision({"pii": 0.8, "injection": 0.5})
    metrics.guard_precision({"injection": 0.25})
    samples = [line for line in page(metrics).splitlines() if line.startswith("llm_guard_precision{")]
    assert samples == ['llm_guard_precision{guard="injection"} 0.25']


def test_what_a_hop_in_front_counts_is_not_counted_again() -> None:
    """Only the mark, and what guards did here."""
    metrics = Metrics(10)
    record = ended(mark=MarkResult.GOOD, counted_in_front=True, policy="default")
    record.note_coverage("pii", "request", Coverage.SKIPPED_IN_FRONT, 2)
    record.note_finding("refusal", "response", "REFUSAL", Action.FLAG.value)
    metrics.exchange_ended(record)
    metrics.exchange_ended(ended(mark=MarkResult.EXPIRED))
    assert value(metrics, "llm_extproc_hop_marks_total", result="good") == 1
    assert value(metrics, "llm_extproc_hop_marks_total", result="expired") == 1
    assert value(metrics, "llm_guard_coverage_total", outcome="skipped_in_front") == 2
    assert value(metrics, "llm_guard_findings_total", guard="refusal") == 1
    for name in ("llm_requests_total", "llm_completion_tokens_total", "llm_answers_total"):
        assert value(metrics, name) == value(counted_once(), name)


def counted_once() -> Metrics:
    """One exchange, as it is without hops."""
    metrics = Metrics(10)
    metrics.exchange_ended(ended())
    return metrics
