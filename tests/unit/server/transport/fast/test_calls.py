"""The calls of one connection: messages wait in order, and a call that says nothing is given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.server.transport.fast.calls import PROCESS, ExchangeCall, SilentCalls
from tests.playbooks.driver import METER, snapshot_of
from tests.unit.server.fakes import Wired

PROCESSOR = Wired(snapshot_of(METER)).processor
MESSAGES = st.lists(st.binary(max_size=40), max_size=6)


@given(MESSAGES, st.integers(0, 6))
def test_messages_leave_in_their_order_with_the_size_that_they_came_with(messages: list[bytes], taken: int) -> None:
    """Whatever is left is dropped as a whole: nothing stays counted."""
    call = ExchangeCall(PROCESSOR.open())
    counted = sum(call.put_behind(message) for message in messages)
    for message in messages[:taken]:
        left, size_bytes = call.take_waiting()
        assert left == message
        assert size_bytes > len(message)
        counted -= size_bytes
    assert call.drop_waiting() == counted
    assert call.drop_waiting() == 0


def silent(*since_ns: int, path: bytes = PROCESS) -> SilentCalls:
    """Calls on odd streams, in order."""
    calls = SilentCalls()
    for place, now_ns in enumerate(since_ns):
        calls.add(2 * place + 1, {b":path": path}, now_ns)
    return calls


def test_a_call_is_taken_once() -> None:
    """With the headers that it came with."""
    calls = silent(5)
    assert (calls.take(1), calls.take(1), list(calls)) == ({b":path": PROCESS}, {b":path": b""}, [])


def test_only_calls_that_came_before_a_time_are_overdue() -> None:
    """They are gone then; the others are still awaited."""
    calls = silent(10, 20, 30)
    assert calls.take_overdue(20) == [1]
    assert calls.take_overdue(20) == []
    assert list(calls) == [3, 5]


def test_after_a_standstill_of_ours_all_wait_anew() -> None:
    """Their messages may lie here unread."""
    calls = silent(10, 20)
    calls.restart_timers(100)
    assert calls.take_overdue(100) == []
    assert calls.take_overdue(101) == [1, 3]


def test_a_question_for_health_is_no_exchange() -> None:
    """A connection that has only these may be closed when the process drains."""
    assert silent(1).has_exchange
    assert not silent(1, path=b"/grpc.health.v1.Health/Check").has_exchange
    assert not silent().has_exchange
