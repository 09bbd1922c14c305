"""The header that says whose child the next span is, and how steps add up."""

from __future__ import annotations

from extproc.domain.trace_context import TraceContext, WorkTimes


def test_the_header_is_as_long_as_the_recommendation_says() -> None:
    """With leading zeros, and the flag of who decided."""
    trace = TraceContext(0xA, 0xB, 0, sampled=True, state="")
    assert trace.traceparent == f"00-{'0' * 31}a-{'0' * 15}b-01"
    assert trace._replace(sampled=False).traceparent.endswith("b-00")


def test_work_is_from_the_first_step_to_the_last() -> None:
    """With what it waited for between; the work alone adds up."""
    work = WorkTimes()
    work.add_request(100, 130, 20)
    work.add_request(500, 510, 5)
    work.add_response(900, 950, 50)
    assert (work.request_began_ns, work.request_ended_ns, work.request_took_ns) == (100, 510, 25)
    assert (work.response_began_ns, work.response_ended_ns, work.response_took_ns) == (900, 950, 50)
