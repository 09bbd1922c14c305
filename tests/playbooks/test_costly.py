"""Texts that take too long to judge: refused, or let by as the guard's ``on_error`` says, and never without a word."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from extproc.domain import pace as pace_module
from extproc.domain.pace import Abandoned, TextTooCostly
from extproc.domain.record import Coverage, Outcome
from extproc.exchange.events import ImmediateResponse, ResponseBody, StreamClosed
from extproc.filters import chain as chain_module
from tests.playbooks.driver import (
    DONE,
    INJECTION,
    METER,
    PII,
    SSE,
    Conversation,
    asked,
    chat_answer,
    chat_chunk,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
    usage_chunk,
)

LONG = "Call me under 030 901820 or write to jane.doe@example.com, said she. " * 1_000
CORPUS = Path(__file__).parents[1] / "corpus" / "shared"


class Spent:
    """A pace by which the time is over from the n-th question on, until it is given again."""

    def __init__(self, checks: int, error: type[Exception] = TextTooCostly) -> None:
        self.checks = checks
        self.error = error
        self.given_again = 0

    def check(self) -> None:
        """Count down."""
        self.checks -= 1
        if self.checks < 0:
            raise self.error

    def start_again(self) -> None:
        """As much again."""
        self.given_again += 1
        self.checks = 1_000


def costly(pace: Spent, *guards: dict[str, Any]) -> Conversation:
    """A conversation about a long text."""
    talk = Conversation(snapshot_of(*guards, METER), pace=pace)
    talk.hears(request_headers())
    return talk


def refusal_of(talk: Conversation, text: str = LONG) -> ImmediateResponse:
    """What the client gets."""
    [action] = talk.hears(request_body(messages=[{"role": "user", "content": text}]))
    assert isinstance(action, ImmediateResponse)
    return action


@pytest.mark.parametrize("guard", [PII, INJECTION, {"guard": "banned", "phrases": ["said she"]}])
@pytest.mark.parametrize("checks", [0, 1, 2])
def test_a_request_that_takes_too_long_is_refused(guard: dict[str, Any], checks: int) -> None:
    """Before the guard, and between two slices of its text; in the words of the API, and counted."""
    talk = costly(Spent(checks), guard)
    answer = refusal_of(talk)
    assert (answer.status, answer.code) == (413, "text_too_costly")
    assert json.loads(answer.body)["error"]["type"] == "invalid_request_error"
    assert talk.server is None
    assert talk.record.outcome is Outcome.REJECTED
    assert talk.record.coverage == {(guard["guard"], "request", Coverage.FAILED_CLOSED): 1}
    assert not talk.errors


def test_a_guard_that_fails_open_is_left_out_and_the_others_judge() -> None:
    """What is left of the time would else refuse the request for a guard that may fail."""
    pace = Spent(2)
    talk = costly(pace, {**PII, "on_error": "open"}, {"guard": "banned", "phrases": ["said she"], "action": "mask"})
    talk.hears(request_body(messages=[{"role": "user", "content": LONG}]))
    sent = talk.server_json["messages"][0]["content"]
    assert "jane.doe@example.com" in sent[-200:]
    assert "said she" not in sent
    assert pace.given_again == 1
    talk.hears(StreamClosed())
    coverage = talk.record.coverage
    assert coverage["pii", "request", Coverage.FAILED_OPEN] == coverage["banned", "request", Coverage.CHECKED] == 1


def test_many_short_texts_are_asked_about_too() -> None:
    """A hundred thousand numbers are no text of any length, and dear all the same."""
    talk = costly(Spent(20), PII)
    [action] = talk.hears(request_body(documents=[str(10_000_000 + number) for number in range(10_000)]))
    assert isinstance(action, ImmediateResponse)
    assert action.code == "text_too_costly"


def test_an_answer_that_takes_too_long_is_withheld() -> None:
    """The server made it, so it is metered."""
    pace = Spent(1_000)
    talk = asked(snapshot_of(PII, METER), pace=pace)
    pace.checks = 2
    talk.hears(response_headers())
    [action] = talk.hears(ResponseBody(chat_answer(LONG), True))
    assert isinstance(action, ImmediateResponse)
    assert (action.status, action.code) == (502, "text_too_costly")
    assert talk.record.usage is not None
    assert talk.record.coverage["pii", "response", Coverage.FAILED_CLOSED] == 1


def test_an_event_that_takes_too_long_ends_its_stream() -> None:
    """With an error event; what was judged before has gone out."""
    pace = Spent(1_000)
    talk = asked(snapshot_of(PII, METER), body=request_body(stream=True), pace=pace)
    pace.checks = 2
    talk.hears(response_headers(SSE))
    talk.hears(ResponseBody(chat_chunk("Good morning, ") + chat_chunk(LONG) + usage_chunk() + DONE, True))
    assert [event["error"]["code"] for event in talk.client_events if "error" in event] == ["text_too_costly"]
    assert b"Good morning" in talk.client
    assert b"jane.doe" not in talk.client


@pytest.mark.parametrize("guard", [PII, {**PII, "on_error": "open"}, INJECTION])
def test_what_nobody_waits_for_ends_without_a_word(guard: dict[str, Any]) -> None:
    """Neither an answer nor a failure; when the stream has ended it is an aborted exchange."""
    talk = costly(Spent(1, Abandoned), guard)
    assert talk.hears(request_body(messages=[{"role": "user", "content": LONG}])) == []
    talk.hears(StreamClosed())
    assert (talk.record.outcome, talk.server, talk.errors) == (Outcome.ABORTED, None, [])
    assert talk.record.coverage == {(guard["guard"], "request", Coverage.SKIPPED_ENDED): 1}


# --- slices change nothing -----------------------------------------------------------------------------------------


def texts() -> Sequence[str]:
    """Some of each corpus, and one with much to find."""
    found = [LONG[:3_000]]
    for path in sorted(CORPUS.glob("*/*.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            found += [json.loads(line)["text"] for line, _ in zip(lines, range(6), strict=False)]
    return found


GUARDS = (
    PII,
    {**PII, "name": "blocks", "action": "block"},
    {"guard": "banned", "phrases": ["said she", "the", "password"], "action": "mask"},
    {"guard": "urls", "allow": ["good.example"], "action": "mask"},
    {"guard": "harm", "action": "block"},
    {"guard": "topics", "deny": [{"name": "money", "words": {"stock": 1, "market": 1}}], "action": "flag"},
)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.get("name", guard["guard"]))
def test_what_is_judged_in_slices_is_judged_the_same(guard: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """In whole texts, and in slices of a few characters: what goes on, what is found, and where."""
    snapshot = snapshot_of(guard, METER, review={"url": "sqlite:///x.db"})

    def judged(text: str) -> tuple[object, ...]:
        talk = Conversation(snapshot)
        talk.hears(request_headers())
        talk.hears(request_body(messages=[{"role": "user", "content": [{"type": "text", "text": text}] * 2}]))
        record = talk.exchange.record
        assert record.notes is not None
        notes = [(note.kind, note.text[note.start : note.end]) for note in record.notes.noted]
        return talk.server, record.findings, record.coverage, notes

    whole = [judged(text) for text in texts()]
    for module in (pace_module, chain_module):
        monkeypatch.setattr(module, "SLICE_CHARS", 13)
    assert [judged(text) for text in texts()] == whole
