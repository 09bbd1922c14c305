"""The law for what is judged beside: the texts that are handed on do not depend on how an answer was sent."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, note

from extproc.domain.classification import ClassificationJob
from extproc.exchange.events import RequestBody, ResponseBody
from tests.playbooks.answers import DIALECTS
from tests.playbooks.driver import JSON, METER, PII, SSE, VERSION, Conversation, asked, response_headers, snapshot_of
from tests.playbooks.test_law import CASES, Case, cut, interleaved, splitter
from tests.playbooks.test_open_waits import BESIDE, CLASSIFIERS, submitted


def begun(dialect: Any, case: Case, stream: bool) -> Conversation:
    """The exchange up to the answer; personal data is masked before it is judged."""
    mode = "full_duplex" if case.full_duplex else "streamed"
    guard = {**BESIDE, "on": "response"}
    snapshot = snapshot_of(VERSION, guard, PII, METER, **CLASSIFIERS, envoy={"response_stream_mode": mode})
    body = {"model": "tiny", "stream": stream, **dialect.request}
    if len(case.choices) > 1:
        body["n"] = len(case.choices)
    return asked(snapshot, dialect.path, RequestBody(json.dumps(body).encode()))


def whole(dialect: Any, case: Case) -> list[ClassificationJob]:
    """What is handed on of the unstreamed answer."""
    talk = begun(dialect, case, stream=False)
    talk.hears(response_headers(JSON))
    talk.hears(ResponseBody(dialect.whole(case.choices), True))
    assert not talk.errors
    return submitted(talk)


def streamed(dialect: Any, case: Case) -> list[ClassificationJob]:
    """What is handed on of the stream."""
    random = Random(case.seed)
    events = dialect.events(case.choices, splitter(random))
    stream = dialect.first() + interleaved(events, random) + dialect.last(case.choices)
    note(stream)
    talk = begun(dialect, case, stream=True)
    talk.hears(response_headers(SSE))
    talk.hears_all(cut(stream, random))
    assert not talk.errors
    return submitted(talk)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.path)
@given(case=CASES)
def test_what_is_judged_of_a_stream_is_what_is_judged_of_the_whole_answer(dialect: Any, case: Case) -> None:
    """Each choice is one text, of all its channels in an order that does not depend on how they were sent."""
    if dialect.path in ("/v1/messages", "/v1/responses"):
        case = Case(case.choices[:1], case.filters, case.full_duplex, case.seed)
    assert [one.texts for one in streamed(dialect, case)] == [one.texts for one in whole(dialect, case)]
