"""What the spans of an exchange say, by how it ended."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import StatusCode

from extproc.domain.record import Attempt, Coverage, ExchangeRecord, Outcome, VersionFacts
from extproc.domain.signals import EMPTY, REFUSED, AnswerSignals
from extproc.domain.trace_context import WorkTimes
from extproc.domain.usage import Prices, Usage
from extproc.tracing.spans import SpanMaker
from tests.unit.tracing.records import TRACE, VERSION, ended

MAKER = SpanMaker(Resource({}), InstrumentationScope("extproc"), None)


def spans_of(record: ExchangeRecord) -> dict[str, ReadableSpan]:
    """By name, at the times of the record."""
    return {span.name: span for span in MAKER.of(record, 0)}


def whole_of(record: ExchangeRecord) -> dict[str, Any]:
    """Attributes of the span of the exchange."""
    return dict(next(iter(spans_of(record).values())).attributes or {})


@pytest.mark.parametrize(
    ("changes", "error", "status"),
    [
        ({}, None, StatusCode.UNSET),
        ({"outcome": Outcome.CUT}, None, StatusCode.UNSET),
        ({"outcome": Outcome.REJECTED, "reason": "rate_limit_exceeded"}, "rate_limit_exceeded", StatusCode.ERROR),
        ({"outcome": Outcome.FAILED, "reason": "filter_failed"}, "filter_failed", StatusCode.ERROR),
        ({"outcome": Outcome.ABORTED}, "aborted", StatusCode.ERROR),
        ({"outcome": Outcome.ABORTED, "reason": "drained"}, "drained", StatusCode.ERROR),
        ({"outcome": Outcome.UPSTREAM_ERROR, "status": 503}, "503", StatusCode.ERROR),
        ({"outcome": Outcome.LOCAL_REPLY, "local_reply": "reset{delayed_close: Hi}"}, "reset", StatusCode.ERROR),
    ],
)
def test_how_it_ended(changes: dict[str, Any], error: str | None, status: StatusCode) -> None:
    """A response that a guard has cut is one: its finish reason says so."""
    span = spans_of(ended(**changes))["chat tiny"]
    assert (span.attributes or {}).get("error.type") == error
    assert span.status.status_code is status


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        ("responses", "chat tiny"),
        ("messages", "chat tiny"),
        ("completions", "text_completion tiny"),
        ("embeddings", "embeddings tiny"),
        ("rerank", "rerank tiny"),
    ],
)
def test_the_operation_is_of_the_endpoint(endpoint: str, name: str) -> None:
    """As the conventions call it."""
    assert next(iter(spans_of(ended(endpoint=endpoint)))) == name


@pytest.mark.parametrize("endpoint", ["other", "models", "passed", ""])
def test_what_is_no_call_of_a_model_has_no_span(endpoint: str) -> None:
    """The list of models, a path that passes unread, and one that is refused."""
    assert MAKER.of(ended(endpoint=endpoint), 0) == []


def test_a_name_that_no_model_has_is_not_in_a_span() -> None:
    """It is any text."""
    record = ended(version=None, asked_model="Jane Doe, 42", outcome=Outcome.REJECTED, response_began=False)
    assert next(iter(spans_of(record))) == "chat"
    assert "Jane" not in repr([whole_of(record), *spans_of(record)])


def test_the_provider_is_whose_api_is_spoken() -> None:
    """A version without one has servers of vLLM."""
    assert whole_of(ended())["gen_ai.provider.name"] == "vllm"
    facts = VersionFacts("gpt", "v1", "f00", Prices(1, 1, 1), provider="openai")
    assert whole_of(ended(version=facts))["gen_ai.provider.name"] == "openai"


def test_attempts_are_events_of_the_exchange() -> None:
    """In their order, at the time when Envoy lists them: with the headers of the response."""
    attempts = (Attempt("tiny/v1", "gateway_error"), Attempt("tiny/v2", "answered"))
    record = ended(attempts=attempts, chosen=VERSION)
    span = spans_of(record)["chat tiny"]
    assert [dict(event.attributes or {}) for event in span.events] == [
        {
            "llm_extproc.attempt.number": number,
            "llm_extproc.version": one.version,
            "llm_extproc.attempt.reason": one.reason,
        }
        for number, one in enumerate(attempts, 1)
    ]
    assert record.work is not None
    assert {event.timestamp for event in span.events} == {record.work.response_began_ns}


def test_what_guards_found_is_in_the_span_of_its_direction() -> None:
    """With how many texts they checked."""
    record = ended(text_counts={"request": 2, "response": 1})
    record.note_finding("pii", "request", "EMAIL", "mask")
    record.note_finding("pii", "response", "PHONE", "flag")
    record.note_coverage("pii", "request", Coverage.FAILED_OPEN, 2)
    spans = spans_of(record)
    request, response = spans["guard request"], spans["guard response"]
    assert [event.name for event in request.events] == ["llm_extproc.guard.verdict", "llm_extproc.guard.finding"]
    assert [(event.attributes or {}).get("llm_extproc.guard.kind") for event in response.events] == [None, "PHONE"]
    found = request.attributes or {}
    assert found["llm_extproc.guard.coverage"] == ("pii failed_open 2",)
    assert found["llm_extproc.guard.texts"] == 2
    assert found["llm_extproc.work_time"] == pytest.approx(0.001)
    assert request.kind is response.kind is SpanKind.INTERNAL


@pytest.mark.parametrize("span_id", [1, 2, 3, 4, 2**64 - 1])
def test_ids_of_children_are_others(span_id: int) -> None:
    """No id is 0, which is none."""
    record = ended(trace=TRACE._replace(span_id=span_id))
    ids = [span.context.span_id for span in MAKER.of(record, 0)]
    assert len(set(ids)) == 3
    assert 0 not in ids


def test_a_request_without_a_body_has_no_work() -> None:
    """Nor one that no policy judged."""
    assert len(MAKER.of(ended(work=WorkTimes()), 0)) == 1
    assert len(MAKER.of(ended(policy=""), 0)) == 1


def test_signals_are_attributes() -> None:
    """Numbers, of what was judged; the hashes are in no span."""
    signals = AnswerSignals(values={"length": 20.0}, question=4711, words=frozenset({4712}))
    signals.judge(REFUSED, True)
    signals.judge(EMPTY, False)
    found = {name: value for name, value in whole_of(ended(signals=signals)).items() if ".signal." in name}
    assert found == {
        "llm_extproc.signal.length": 20.0,
        "llm_extproc.signal.refused": 1,
        "llm_extproc.signal.empty": 0,
    }


def test_usage_that_is_estimated_says_so() -> None:
    """And parts of it that are 0 are left out."""
    found = whole_of(ended(usage=Usage(100, 20, 60, 5, estimated=True)))
    assert found["llm_extproc.usage.estimated"] is True
    assert (found["gen_ai.usage.cache_read.input_tokens"], found["gen_ai.usage.reasoning.output_tokens"]) == (60, 5)
    assert "gen_ai.usage.cache_read.input_tokens" not in whole_of(ended())
    assert "gen_ai.usage.input_tokens" not in whole_of(ended(usage=None))
