"""Metrics of the conventions: what is counted, with which attributes, and how many series there may be."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from extproc.domain.record import ExchangeRecord, Outcome, VersionFacts
from extproc.domain.usage import Prices, Usage
from extproc.tracing import names
from extproc.tracing.measures import ERRORS_MAX, Measures
from tests.unit.tracing.records import ended


def measured(*records: ExchangeRecord, label_values_max: int = 10) -> dict[str, list[Any]]:
    """The points of each metric."""
    reader = InMemoryMetricReader()
    measures = Measures(MeterProvider((reader,), shutdown_on_exit=False).get_meter("extproc"), label_values_max)
    for record in records:
        measures.count(record)
    data: Any = reader.get_metrics_data()
    if data is None:
        return {}
    scopes = [scope for one in data.resource_metrics for scope in one.scope_metrics]
    return {metric.name: list(metric.data.data_points) for scope in scopes for metric in scope.metrics}


def test_a_stream_is_counted_in_every_metric() -> None:
    """In the buckets of the conventions."""
    found = measured(ended())
    assert found.keys() == {
        names.TOKEN_USAGE,
        names.OPERATION_DURATION,
        names.SERVER_DURATION,
        names.SERVER_FIRST_TOKEN,
        names.SERVER_PER_TOKEN,
    }
    common = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "vllm",
        "gen_ai.request.model": "tiny",
        "gen_ai.response.model": "tiny",
    }
    for name in found.keys() - {names.TOKEN_USAGE}:
        assert [dict(point.attributes) for point in found[name]] == [common]
    assert {point.attributes["gen_ai.token.type"]: point.sum for point in found[names.TOKEN_USAGE]} == {
        "input": 100,
        "output": 200,
    }
    buckets = {name: tuple(points[0].explicit_bounds) for name, points in found.items()}
    assert buckets == {
        names.TOKEN_USAGE: names.TOKEN_BUCKETS,
        names.OPERATION_DURATION: names.DURATION_BUCKETS,
        names.SERVER_DURATION: names.DURATION_BUCKETS,
        names.SERVER_FIRST_TOKEN: names.FIRST_TOKEN_BUCKETS,
        names.SERVER_PER_TOKEN: names.PER_TOKEN_BUCKETS,
    }
    assert found[names.OPERATION_DURATION][0].sum == pytest.approx(0.9)
    assert found[names.SERVER_DURATION][0].sum == pytest.approx(0.899)
    assert found[names.SERVER_FIRST_TOKEN][0].sum == pytest.approx(0.099)
    assert found[names.SERVER_PER_TOKEN][0].sum == pytest.approx(0.8 / 199)


def test_a_request_that_was_refused_reached_no_server() -> None:
    """It has a duration, with the error."""
    refused = ended(outcome=Outcome.REJECTED, reason="prompt_injection", sent_ns=0, usage=None, first_text_ns=0)
    found = measured(refused)
    assert found.keys() == {names.OPERATION_DURATION}
    assert found[names.OPERATION_DURATION][0].attributes["error.type"] == "prompt_injection"


def test_what_failed_has_no_times_of_tokens() -> None:
    """The conventions count those of successful responses alone."""
    found = measured(ended(outcome=Outcome.ABORTED))
    assert found.keys() == {names.TOKEN_USAGE, names.OPERATION_DURATION, names.SERVER_DURATION}


def test_one_token_has_no_time_between_tokens() -> None:
    """Nor is there a division by 0."""
    assert names.SERVER_PER_TOKEN not in measured(ended(usage=Usage(10, 1)))


def test_models_and_errors_have_a_bounded_number_of_values() -> None:
    """Aliases are of the configuration; even so."""
    facts = [VersionFacts("tiny", "v1", "f00", Prices(1, 1, 1))] * 5
    found = measured(*(ended(asked_model=f"m{at}", version=one) for at, one in enumerate(facts)), label_values_max=3)
    models = {point.attributes["gen_ai.request.model"] for point in found[names.OPERATION_DURATION]}
    assert models == {"m0", "m1", "m2", "other"}
    failed = [ended(outcome=Outcome.FAILED, reason=f"r{at}") for at in range(ERRORS_MAX + 5)]
    errors = {point.attributes["error.type"] for point in measured(*failed)[names.OPERATION_DURATION]}
    assert len(errors) == ERRORS_MAX + 1


def test_what_is_no_call_of_a_model_is_not_counted() -> None:
    """The list of models, for one."""
    assert measured(ended(endpoint="models")) == {}


def test_what_a_hop_in_front_counts_is_not_counted_again() -> None:
    """Its span stays: it is a part of the path."""
    assert measured(ended(counted_in_front=True)) == {}
