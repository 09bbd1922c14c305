"""Streams most of whose events are alike: read by their mould, they come out as if each were parsed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.domain.record import Outcome
from extproc.exchange.events import ResponseBody, SendChunk
from extproc.payload.plain_chunk import PlainChunks
from tests.playbooks.driver import (
    DONE,
    METER,
    PII,
    PII_BLOCK,
    REFUSAL,
    SSE,
    asked,
    chat_chunk,
    request_body,
    response_headers,
    snapshot_of,
    usage_chunk,
    with_guards,
)
from tests.unit.filters.fakes import FakeFilter

WORDS = ["I ", "cannot ", "mail ", "to ", "jane.doe", "@example.com ", "4111 1111", " 1111 1111", "\n", "ä", "", " now"]
STEPS = st.one_of(
    st.sampled_from(WORDS).map(chat_chunk),
    st.sampled_from(WORDS).map(lambda text: chat_chunk(text, index=1)),
    st.sampled_from(WORDS).map(lambda text: chat_chunk(text, created=2)),
    st.just(chat_chunk(finish="stop")),
    st.just(b": ping\n\n"),
)


def heard(snapshot: Any, chunks: list[bytes]) -> tuple[list[Any], Any]:
    """What the client gets of each chunk, and what is recorded."""
    talk = asked(snapshot, body=request_body(stream=True, n=2))
    talk.hears(response_headers(SSE))
    return [talk.hears(ResponseBody(chunk, False)) for chunk in chunks], replace(talk.exchange.record, id="")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=12), st.sampled_from([(PII, REFUSAL), (PII_BLOCK,), (METER,)]))
def test_a_mould_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, steps: list[bytes], filters: tuple[dict[str, Any], ...]
) -> None:
    """The same bytes to the client at each step, and the same record, as when every event is parsed."""
    chunks, snapshot = [*steps, usage_chunk(), DONE], snapshot_of(*filters)
    with_moulds = heard(snapshot, chunks)
    with monkeypatch.context() as patched:
        patched.setattr(PlainChunks, "text_of", lambda *_: None)
        assert heard(snapshot, chunks) == with_moulds


def test_a_filter_that_rejects_without_having_said_so_still_ends_the_choice() -> None:
    """Nothing of what it rejected goes out, though the stream was taken for one that nobody cuts."""
    rejects = FakeFilter("rejects", rejects_at="secret")
    rejects.cuts_responses = False
    snapshot = with_guards(snapshot_of(METER), rejects, on_requests=False)
    talk = asked(snapshot, body=request_body(stream=True))
    talk.hears(response_headers(SSE))
    for text in ("Good ", "morning ", "here "):
        talk.hears(ResponseBody(chat_chunk(text), False))
    (cut,) = talk.hears(ResponseBody(chat_chunk("a secret place"), False))
    assert isinstance(cut, SendChunk)
    assert b"secret" not in cut.body
    assert b"content_filter" in cut.body
    assert cut.end
    assert talk.record.outcome is Outcome.CUT
