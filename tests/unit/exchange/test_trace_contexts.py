"""A client's trace goes on if its header is valid, by W3C Trace Context; the SDK's own code is the oracle."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry import trace as official
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from extproc.domain.record import ExchangeRecord
from extproc.exchange.events import HeaderChanges
from extproc.exchange.trace_contexts import (
    SEED_BITS,
    STATE_CHARS_MAX,
    begin_trace,
    forwarded_span,
    span_context,
    tracing_terms,
)
from tests.thorough import examples

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{PARENT}-01"
ALL = tracing_terms(1.0, forwards=True, keeps_texts=False)
SEED = 0x1111_2222_3333_4444_5555_6666_7777_8888_9999_AAAA_BBBB_CCCC
SEEDS = st.integers(0, (1 << SEED_BITS) - 1)
PARENTS = st.one_of(
    st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[ -~]{0,8})?", fullmatch=True),
    st.from_regex(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", fullmatch=True),
    st.text(st.sampled_from("0aAfFg- "), max_size=60),
    st.tuples(st.just(VALID), st.integers(0, 54), st.sampled_from("gG-0 \u0661")).map(
        lambda one: one[0][: one[1]] + one[2] + one[0][one[1] + 1 :]
    ),
).map(str.strip)  # as a header is


@given(PARENTS, SEEDS)
@settings(max_examples=examples(300))
@example(VALID, SEED)
@example(f"01-{TRACE}-{PARENT}-00-", SEED)
@example(f"ff-{TRACE}-{PARENT}-01", SEED)
@example(f"cc-{TRACE}-{PARENT}-01-what-the-future-has", SEED)
@example(f"cc-{TRACE}-{PARENT}-01.what-the-future-has-not", SEED)
@example(f"00-{'0' * 32}-{PARENT}-01", SEED)
@example(f"00-{TRACE}-{'0' * 16}-01", SEED)
@example(VALID.upper(), SEED)
@example(f"{VALID},{VALID}", SEED)
def test_a_header_is_valid_where_the_sdk_says_so(parent: str, seed: int) -> None:
    """Else a new trace begins."""
    found = span_context({"traceparent": parent}, seed, ALL)
    context = TraceContextTextMapPropagator().extract({"traceparent": parent})
    expected = official.get_current_span(context).get_span_context()
    if expected.is_valid:
        assert (found.trace_id, found.parent_span_id) == (expected.trace_id, expected.span_id)
        assert found.sampled == expected.trace_flags.sampled
    else:
        assert found.parent_span_id == 0
        assert found.trace_id == (seed >> 64 or 1)
    assert found.span_id != 0 < found.trace_id


@given(SEEDS, st.floats(0, 1))
@settings(max_examples=examples(200))
def test_a_new_trace_is_sampled_where_the_sdk_would(seed: int, ratio: float) -> None:
    """By its id alone: every process decides alike."""
    found = span_context({}, seed, tracing_terms(ratio, forwards=True, keeps_texts=False))
    decision = TraceIdRatioBased(ratio).should_sample(None, found.trace_id, "chat").decision
    assert found.sampled == (decision is Decision.RECORD_AND_SAMPLE)


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True)])
def test_the_client_decides_for_its_trace(flags: str, sampled: bool) -> None:
    """Whatever our share is."""
    for ratio in (0.0, 1.0):
        terms = tracing_terms(ratio, forwards=True, keeps_texts=False)
        assert span_context({"traceparent": VALID[:-2] + flags}, SEED, terms).sampled is sampled


def test_the_state_of_vendors_goes_on_with_a_valid_parent_alone() -> None:
    """Up to the length that everybody has to take."""
    state = "vendor=" + "x" * (STATE_CHARS_MAX - 7)
    assert span_context({"traceparent": VALID, "tracestate": state}, SEED, ALL).state == state
    assert span_context({"traceparent": VALID, "tracestate": state + "x"}, SEED, ALL).state == ""
    assert span_context({"traceparent": VALID[:-1], "tracestate": "vendor=1"}, SEED, ALL).state == ""


def test_the_model_server_gets_our_span_as_its_parent() -> None:
    """And no state of a trace that is not the one."""
    changes = HeaderChanges((("a", "b"),), ("c",))
    ours = span_context({"traceparent": VALID}, SEED, ALL)
    forwarded = forwarded_span(changes, ours, ALL)
    assert forwarded == HeaderChanges((("a", "b"), ("traceparent", ours.traceparent)), ("c",))
    assert ours.traceparent == f"00-{TRACE}-9999aaaabbbbcccc-01"
    new = span_context({"traceparent": "00-no"}, SEED, ALL)
    assert forwarded_span(changes, new, ALL).remove == ("c", "tracestate")


def test_nothing_is_changed_where_it_is_not_asked_for() -> None:
    """By `otel.forward`, or without `otel`."""
    changes = HeaderChanges()
    ours = span_context({"traceparent": VALID}, SEED, ALL)
    assert forwarded_span(changes, ours, tracing_terms(1.0, forwards=False, keeps_texts=False)) is changes
    assert forwarded_span(changes, None, None) is changes


@pytest.mark.parametrize(("ratio", "kept"), [(1.0, {}), (0.0, None)])
def test_texts_are_kept_of_sampled_exchanges(ratio: float, kept: dict[str, str] | None) -> None:
    """For the span alone."""
    record = ExchangeRecord("id-1", "rev", 0)
    begin_trace(record, {}, SEED, tracing_terms(ratio, forwards=True, keeps_texts=True))
    assert record.texts == kept
    assert record.texts_for_trace is (kept is not None)


def test_texts_of_the_log_stay_the_logs() -> None:
    """They are the same ones."""
    record = ExchangeRecord("id-1", "rev", 0, texts={})
    begin_trace(record, {}, SEED, tracing_terms(1.0, forwards=True, keeps_texts=True))
    assert record.texts_for_trace is False
