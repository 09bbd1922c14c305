"""A request may wait for a verdict, and texts may be handed on to be judged beside the exchange."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.classification import BlockingCheck, ClassificationJob, SpokenText
from extproc.domain.finding import Finding
from extproc.domain.record import Action, Coverage, Outcome
from extproc.domain.text import Direction, Speaker
from extproc.exchange.events import (
    Abort,
    ContinueBody,
    ImmediateResponse,
    RequestTrailers,
    ResponseHeaders,
    StreamClosed,
    VerdictMissing,
    VerdictReceived,
)
from extproc.filters.classifier import MASKED_VALUES_MAX
from tests.playbooks.driver import (
    DONE,
    METER,
    PII,
    PII_BLOCK,
    SSE,
    VERSION,
    Conversation,
    answered,
    asked,
    chat_answer,
    chat_chunk,
    chunks,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
)

CLASSIFIERS = {"classifiers": {"harm": {"adapter": "packaged", "head": "injection"}}}
BESIDE: dict[str, Any] = {"guard": "classifier", "classifier": "harm"}
AWAITED: dict[str, Any] = {**BESIDE, "on": "request", "action": "block", "await_ms": 500}
HARM = Finding("HARM", 0, 5, 0.9, "classifier.harm")
SPOKEN = SpokenText(Speaker.USER, "Hello")


def waiting(*guards: dict[str, Any], text: str = "Hello") -> tuple[Conversation, list[BlockingCheck]]:
    """A conversation whose request waits, and what it has asked."""
    talk = Conversation(snapshot_of(VERSION, *guards, METER, **CLASSIFIERS))
    talk.hears(request_headers())
    assert talk.hears(request_body(messages=[{"role": "user", "content": text}])) == []
    return talk, checks_of(talk)


def checks_of(talk: Conversation) -> list[BlockingCheck]:
    """The checks that the last step waits for."""
    return [wait for wait in talk.steps[-1].waits if isinstance(wait, BlockingCheck)]


def submitted(talk: Conversation) -> list[ClassificationJob]:
    """All that was handed on to be judged."""
    return [job for step in talk.steps for job in step.jobs]


# --- asks ----------------------------------------------------------------------------------------------------------


def test_a_request_waits_for_its_verdict_and_goes_on() -> None:
    """Nothing is sent to the model server before; then the request goes on as it would have."""
    talk, (check,) = waiting(AWAITED)
    assert (check.guard, check.classifier, check.wait_ms) == ("classifier", "harm", 500)
    assert check.texts == (SpokenText(Speaker.USER, "Hello"),)
    (action,) = talk.hears(VerdictReceived(check, ()))
    assert isinstance(action, ContinueBody)
    talk.hears(response_headers())
    talk.hears_all(chunks(chat_answer("Hi")))
    assert talk.record.outcome is Outcome.COMPLETED
    assert talk.record.coverage == {("classifier", "request", Coverage.CHECKED): 1}


def test_a_request_is_refused_by_its_verdict() -> None:
    """The model server never gets it."""
    talk, (check,) = waiting(AWAITED)
    (action,) = talk.hears(VerdictReceived(check, [(SPOKEN, HARM)]))
    assert isinstance(action, ImmediateResponse)
    assert (action.status, action.code, talk.server) == (400, "unsafe_content", None)
    assert (talk.record.outcome, talk.record.usage) == (Outcome.REJECTED, None)
    assert talk.record.verdicts == {("classifier", "request", "block"): 1}
    assert talk.record.findings == {("classifier", "request", "HARM"): 1}


@pytest.mark.parametrize(("on_error", "goes_on"), [("open", True), ("closed", False)])
def test_a_verdict_that_does_not_come_is_a_failure_of_the_guard(on_error: str, goes_on: bool) -> None:
    """on_error decides, and coverage tells."""
    talk, (check,) = waiting({**AWAITED, "on_error": on_error})
    (action,) = talk.hears(VerdictMissing(check, "deadline"))
    assert isinstance(action, ContinueBody) is goes_on
    talk.hears(StreamClosed())
    covered = Coverage.FAILED_OPEN if goes_on else Coverage.FAILED_CLOSED
    assert talk.record.coverage == {("classifier", "request", covered): 1}
    if not goes_on:
        assert isinstance(action, ImmediateResponse)
        assert (action.status, talk.record.outcome, talk.record.reason) == (500, Outcome.FAILED, "guard_failed")
        assert [str(error) for error in talk.errors] == ["deadline"]


def test_a_verdict_may_only_be_counted() -> None:
    """action: flag that waits reports and lets the request go on."""
    talk, (check,) = waiting({**AWAITED, "action": "flag"})
    (action,) = talk.hears(VerdictReceived(check, [(SPOKEN, HARM)]))
    assert isinstance(action, ContinueBody)
    talk.hears(StreamClosed())
    assert talk.record.verdicts == {("classifier", "request", "flag"): 1}


@given(st.permutations([0, 1, 2]), st.lists(st.sampled_from(["good", "bad", "late"]), min_size=3, max_size=3))
def test_several_verdicts_are_waited_for_together(order: list[int], verdicts: list[str]) -> None:
    """The request goes on when all are good or failed open, and is refused at the first that objects, in any order."""
    guards = [{**AWAITED, "name": f"guard-{number}", "on_error": "open"} for number in range(3)]
    talk, checks = waiting(*guards)
    assert [check.guard for check in checks] == ["guard-0", "guard-1", "guard-2"]
    for number in order:
        check, verdict = checks[number], verdicts[number]
        actions = talk.hears(
            VerdictMissing(check, "deadline")
            if verdict == "late"
            else VerdictReceived(check, [(SPOKEN, HARM)] if verdict == "bad" else [])
        )
        if actions:
            break
    assert isinstance(actions[0], ImmediateResponse if "bad" in verdicts else ContinueBody)
    assert (talk.server is None) is ("bad" in verdicts)


def test_a_guard_that_refuses_at_once_leaves_nothing_to_ask() -> None:
    """Whichever comes first in the policy."""
    talk = Conversation(snapshot_of(VERSION, AWAITED, PII_BLOCK, METER, **CLASSIFIERS))
    talk.hears(request_headers())
    (action,) = talk.hears(request_body(messages=[{"role": "user", "content": "Write to me@example.com"}]))
    assert isinstance(action, ImmediateResponse)
    assert talk.steps[-1].waits == ()


def test_a_guard_judges_the_text_as_those_before_it_left_it() -> None:
    """Behind a guard that masks it sees the mask, before it the text."""
    text = "Write to me@example.com"
    _, (behind,) = waiting(PII, AWAITED, text=text)
    _, (before,) = waiting(AWAITED, PII, text=text)
    assert (behind.texts[0].text, before.texts[0].text) == ("Write to <EMAIL>", text)


def test_the_request_is_sent_on_as_masked_after_the_wait() -> None:
    """What was worked out before the wait is not lost."""
    talk, (check,) = waiting(PII, AWAITED, text="Write to me@example.com")
    talk.hears(VerdictReceived(check, ()))
    assert talk.server_json["messages"][0]["content"] == "Write to <EMAIL>"


def masking(text: str, *guards: dict[str, Any], **masked: Any) -> tuple[Conversation, BlockingCheck]:
    """A conversation whose request waits for the names in it."""
    names = {"guard": "classifier", "name": "names", "classifier": "names", "on": "request", "action": "mask"}
    known = {"classifiers": {"names": {"adapter": "presidio", "entities": ["PERSON"]}}}
    talk = Conversation(snapshot_of(VERSION, {**names, "await_ms": 500, **masked}, *guards, METER, **known))
    talk.hears(request_headers())
    said = [{"role": "system", "content": "You are Ann."}, {"role": "user", "content": text}]
    assert talk.hears(request_body(messages=said)) == []
    return talk, checks_of(talk)[0]


def names_in(check: BlockingCheck, *names: str) -> VerdictReceived:
    """A verdict that has found these names in the last text."""
    spoken = check.texts[-1]
    places = [(spoken.text.index(name), name) for name in names]
    return VerdictReceived(
        check, [(spoken, Finding("PERSON", at, at + len(name), 0.9, "classifier.names")) for at, name in places]
    )


def test_what_a_verdict_locates_is_masked_before_the_request_goes_on() -> None:
    """Wherever the guard's speakers say it, and nowhere else; each finding is counted."""
    talk, check = masking("Ann Smith wrote to Jo and ann. Ann Smith left.")
    assert check.locates
    talk.hears(names_in(check, "Ann Smith", "Jo"))
    system, user = talk.server_json["messages"]
    assert user["content"] == "<PERSON> wrote to <PERSON> and ann. <PERSON> left."
    assert system["content"] == "You are Ann."
    talk.hears(StreamClosed())
    assert talk.record.verdicts == {("names", "request", "mask"): 2}
    assert talk.record.coverage[("names", "request", Coverage.CHECKED)] == 1


def test_masks_of_a_verdict_and_of_a_guard_behind_it_both_hold() -> None:
    """The guard has changed the text in which the names were found."""
    talk, check = masking("Ann, ann@example.com", PII)
    talk.hears(names_in(check, "Ann"))
    assert talk.server_json["messages"][1]["content"] == "<PERSON>, <EMAIL>"


def test_a_request_without_names_goes_on_as_it_was() -> None:
    """Byte for byte."""
    talk, check = masking("Hello")
    (action,) = talk.hears(VerdictReceived(check, ()))
    assert isinstance(action, ContinueBody)
    assert action.body is None


@pytest.mark.parametrize(("on_error", "goes_on"), [("open", True), ("closed", False)])
def test_names_are_not_sent_on_where_their_verdict_is_missing(on_error: str, goes_on: bool) -> None:
    """Unless the configuration says so."""
    talk, check = masking("Ann", on_error=on_error)
    (action,) = talk.hears(VerdictMissing(check, "deadline"))
    assert isinstance(action, ContinueBody) is goes_on


@pytest.mark.parametrize("text", ["x" * (MASKED_VALUES_MAX + 2), "half \ud800 a character"])
def test_what_cannot_be_masked_is_refused(text: str) -> None:
    """More values than are searched for, and what no search can find."""
    talk, check = masking("names")
    spoken = SpokenText(Speaker.USER, text)
    places = range(1, len(text))
    found = [(spoken, Finding("PERSON", 0, end, 0.9, "classifier.names")) for end in places]
    (action,) = talk.hears(VerdictReceived(check, found))
    assert isinstance(action, ImmediateResponse)
    assert (action.status, talk.server) == (400, None)


def test_a_client_that_leaves_while_its_request_waits_is_measured_once() -> None:
    """Nothing was computed, so nothing is paid; a verdict that comes later has nobody to go to."""
    talk, _ = waiting(AWAITED)
    talk.hears(StreamClosed())
    assert (talk.record.outcome, talk.record.usage) == (Outcome.ABORTED, None)


@pytest.mark.parametrize("event", [RequestTrailers(), request_body(), ResponseHeaders({":status": "200"})])
def test_nothing_else_may_come_while_a_request_waits(event: Any) -> None:
    """The shell keeps messages back until the verdict is there: another event is a fault, and nothing may pass."""
    talk, _ = waiting(AWAITED)
    (action,) = talk.hears(event)
    assert isinstance(action, Abort)
    assert talk.record.outcome is Outcome.FAILED


def test_a_verdict_that_nobody_asked_for_aborts() -> None:
    """A fault of the shell's must not open a way around the guards."""
    talk, (check,) = waiting(AWAITED)
    other = Conversation(snapshot_of(VERSION, METER))
    other.hears(request_headers())
    (action,) = other.hears(VerdictReceived(check, ()))
    assert isinstance(action, Abort)
    talk.hears(StreamClosed())


# --- beside --------------------------------------------------------------------------------------------------------


def test_a_request_is_handed_on_with_its_first_step_and_does_not_wait() -> None:
    """With whom it is of, and nothing of the system prompt's."""
    talk = asked(
        snapshot_of(VERSION, BESIDE, METER, **CLASSIFIERS),
        body=request_body(messages=[{"role": "system", "content": "Be kind"}, {"role": "user", "content": "Hello"}]),
        x_team="red",
    )
    (job,) = talk.steps[-1].jobs
    assert (job.classifier, job.guard, job.direction) == ("harm", "classifier", Direction.REQUEST)
    assert job.texts == (SpokenText(Speaker.USER, "Hello"),)
    origin = job.origin
    assert (origin.exchange_id, origin.team, origin.policy, origin.endpoint) == ("exchange-1", "red", "default", "chat")
    assert origin.version is not None
    assert job.action is Action.FLAG


def streamed(answer: str, cuts: list[int], **guard: Any) -> Conversation:
    """A streamed answer, cut into chunks."""
    body = b"".join(chat_chunk(letter) for letter in answer) + chat_chunk(finish="stop") + DONE
    return answered(snapshot_of(VERSION, {**BESIDE, **guard}, METER, **CLASSIFIERS), body, cuts, stream=True)


@given(st.text("abc d\n", min_size=1, max_size=30), st.lists(st.integers(1, 2_000), max_size=10))
def test_an_answer_is_handed_on_at_its_end_however_it_was_cut(answer: str, cuts: list[int]) -> None:
    """The same as of an unstreamed answer."""
    talk = streamed(answer, cuts, on="response", chars_max=100)
    whole = answered(snapshot_of(VERSION, {**BESIDE, "on": "response"}, METER, **CLASSIFIERS), chat_answer(answer))
    assert [job.texts for job in submitted(talk)] == [(SpokenText(Speaker.ASSISTANT, answer),)]
    assert [job.texts for job in submitted(whole)] == [(SpokenText(Speaker.ASSISTANT, answer),)]
    assert [job.covers for job in submitted(talk)] == [Coverage.CHECKED]


@pytest.mark.parametrize("stream", [True, False])
def test_a_long_answer_is_judged_as_far_as_the_limit(stream: bool) -> None:
    """Memory is bounded, and nothing is left out in silence."""
    text = "word " * 100
    guard = {**BESIDE, "on": "response", "chars_max": 100}
    body = chat_chunk(text) + chat_chunk(finish="stop") + DONE if stream else chat_answer(text)
    fields: dict[str, Any] = {"stream": True} if stream else {}
    talk = answered(snapshot_of(VERSION, guard, METER, **CLASSIFIERS), body, **fields)
    (job,) = submitted(talk)
    assert job.texts == (SpokenText(Speaker.ASSISTANT, text[:100]),)
    assert (job.covers, job.fields) == (Coverage.SKIPPED_TOO_LONG, 1)


def test_each_choice_is_a_text_of_its_own() -> None:
    """A finding is of one answer."""
    talk = answered(snapshot_of(VERSION, {**BESIDE, "on": "response"}, METER, **CLASSIFIERS), chat_answer("a", "b"))
    assert [text.text for text in submitted(talk)[0].texts] == ["a", "b"]


def test_what_was_masked_is_judged_masked() -> None:
    """As it went on: a guard that only looks comes behind those that change, wherever it stands."""
    snapshot = snapshot_of(VERSION, {**BESIDE, "on": "response"}, PII, METER, **CLASSIFIERS)
    talk = answered(snapshot, chat_answer("Write to me@example.com"))
    assert submitted(talk)[0].texts[0].text == "Write to <EMAIL>"


def test_an_answer_that_breaks_off_is_judged_as_far_as_it_came() -> None:
    """An abort is no way around the classifier."""
    talk = asked(
        snapshot_of(VERSION, {**BESIDE, "on": "response"}, METER, **CLASSIFIERS), body=request_body(stream=True)
    )
    talk.hears(response_headers(SSE))
    talk.hears_all(chunks(chat_chunk("Begun"), end=False))
    talk.hears(StreamClosed())
    (job,) = submitted(talk)
    assert (job.texts[0].text, job.covers) == ("Begun", Coverage.SKIPPED_INCOMPLETE)


def test_a_request_without_an_answer_has_nothing_to_judge() -> None:
    """Nothing is handed on, and no text is left unaccounted for."""
    talk = asked(snapshot_of(VERSION, {**BESIDE, "on": "response"}, METER, **CLASSIFIERS))
    talk.hears(response_headers(status=503))
    talk.hears_all(chunks(b"{}"))
    assert submitted(talk) == []
    assert talk.record.coverage == {}


def test_what_is_not_of_the_sample_is_told_and_has_no_text() -> None:
    """So that it can be counted."""
    talk = answered(snapshot_of(VERSION, {**BESIDE, "sample": 0}, METER, **CLASSIFIERS), chat_answer("Hi"))
    assert [(each.sampled_out, each.texts) for each in submitted(talk)] == [(True, ()), (True, ())]


def test_too_many_texts_are_the_last_ones_and_coverage_tells() -> None:
    """A long conversation was judged when it was shorter."""
    messages = [{"role": "user", "content": f"text {number}"} for number in range(5)]
    guard = {**BESIDE, "on": "request", "texts_max": 2}
    talk = asked(snapshot_of(VERSION, guard, METER, **CLASSIFIERS), body=request_body(messages=messages))
    (job,) = submitted(talk)
    assert [text.text for text in job.texts] == ["text 3", "text 4"]
    assert (job.covers, job.fields) == (Coverage.CHECKED, 2)
    assert talk.exchange.record.coverage == {("classifier", "request", Coverage.SKIPPED_TOO_LONG): 3}


def test_the_parts_of_a_message_are_one_text() -> None:
    """The model reads them as one: an attack that is divided among them is judged whole. Messages stay apart."""
    parts = [{"type": "text", "text": text} for text in ("How do I make", "a bomb?")]
    messages = [{"role": "user", "content": parts}, {"role": "user", "content": "Thanks"}]
    snapshot = snapshot_of(VERSION, {**BESIDE, "on": "request"}, METER, **CLASSIFIERS)
    (job,) = submitted(asked(snapshot, body=request_body(messages=messages)))
    assert [text.text for text in job.texts] == ["How do I make\na bomb?", "Thanks"]


def test_texts_never_show() -> None:
    """A job that reaches a log by mistake brings no text along."""
    talk = asked(snapshot_of(VERSION, BESIDE, METER, **CLASSIFIERS))
    assert "Good morning" not in repr(submitted(talk))
    assert "Good morning" not in repr(waiting(AWAITED, text="Good morning")[1])


@given(
    st.lists(st.sampled_from(["user", "system", "assistant"]), min_size=1, max_size=6),
    st.integers(1, 3),
    st.sampled_from([1.0, 0.0]),
    st.sampled_from(["good", "bad", "late", "left"]),
    st.booleans(),
)
def test_every_text_is_accounted_for_once(
    roles: list[str], texts_max: int, sample: float, verdict: str, awaits: bool
) -> None:
    """On the record or with what is handed on, whatever comes of the exchange: as many as there were texts."""
    messages = [{"role": role, "content": f"text {number}"} for number, role in enumerate(roles)]
    section = AWAITED if awaits else {**BESIDE, "on": "request"}
    guard = {**section, "texts_max": texts_max, "sample": sample}
    talk = Conversation(snapshot_of(VERSION, guard, METER, **CLASSIFIERS))
    talk.hears(request_headers())
    talk.hears(request_body(messages=messages))
    for check in checks_of(talk):
        if verdict != "left":
            late = verdict == "late"
            talk.hears(
                VerdictMissing(check, "late")
                if late
                else VerdictReceived(check, [(SPOKEN, HARM)] if verdict == "bad" else [])
            )
    talk.hears(StreamClosed())
    noted = sum(texts for (_, direction, _), texts in talk.record.coverage.items() if direction == "request")
    assert noted + sum(one.fields for one in submitted(talk)) == talk.record.text_counts["request"] == len(roles)
