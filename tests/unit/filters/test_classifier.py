"""Which exchanges are of the sample, and what a guard that judges beside says it has seen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.guards.classifier import ClassifierSection
from extproc.domain.record import Coverage, Outcome
from extproc.domain.text import Direction, Kind, Speaker, TextSource
from extproc.exchange.events import StreamClosed
from extproc.filters.base import ExchangeContext
from extproc.filters.classifier import ClassifierGuard, GatheringStage
from tests.playbooks.driver import (
    METER,
    VERSION,
    Conversation,
    answered,
    asked,
    chat_answer,
    chunks,
    response_headers,
    snapshot_of,
    with_guards,
)
from tests.playbooks.test_open_waits import BESIDE, CLASSIFIERS, submitted
from tests.unit.filters.fakes import exchange_of

CONTENT = TextSource(Direction.RESPONSE, Speaker.ASSISTANT, Kind.CONTENT)


def guard(**section: Any) -> ClassifierGuard:
    """With a section's keys."""
    return ClassifierGuard(ClassifierSection.model_validate({"guard": "classifier", "classifier": "harm", **section}))


# --- the sample ----------------------------------------------------------------------------------------------------


@given(st.text(max_size=40), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_sample_holds_the_smaller_one(exchange_id: str, one: float, other: float) -> None:
    """The same exchange is always drawn alike, so that raising the share adds exchanges and takes none away."""
    small, large = sorted((one, other))
    assert guard(sample=small).is_drawn(exchange_id) <= guard(sample=large).is_drawn(exchange_id)
    assert guard(sample=one).is_drawn(exchange_id) == guard(sample=one).is_drawn(exchange_id)


def test_the_sample_is_the_share_that_was_asked_for() -> None:
    """Also of ids that only count up; 0 is nobody and 1 everybody."""
    ids = [f"5f3a9c0d1e2b-{number:x}" for number in range(10_000)]
    for share in (0.0, 0.01, 0.3, 1.0):
        judge = guard(sample=share)
        assert sum(judge.is_drawn(one) for one in ids) / len(ids) == pytest.approx(share, abs=0.02)


def test_guards_draw_independently() -> None:
    """Else two samples of a tenth would always be of the same exchanges."""
    ids = [str(number) for number in range(2_000)]
    one, other = guard(sample=0.5, name="one"), guard(sample=0.5, name="other")
    both = sum(one.is_drawn(each) and other.is_drawn(each) for each in ids)
    assert both / len(ids) == pytest.approx(0.25, abs=0.05)


# --- what is gathered ----------------------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=20), max_size=20), st.integers(1, 60))
def test_gathering_keeps_the_beginning_however_the_text_was_cut(pieces: list[str], chars_max: int) -> None:
    """Everything passes at once, and it is known whether something was left out."""
    stage = GatheringStage(chars_max)
    assert [stage.feed(piece) for piece in pieces] == pieces
    text = "".join(pieces)
    assert (stage.text, stage.is_cut) == (text[:chars_max], len(text) > chars_max)
    assert (stage.close(), stage.held(), stage.rejected) == ("", "", False)


def test_a_fork_keeps_nothing() -> None:
    """It only answers what would come of the text."""
    stage = GatheringStage(10)
    fork = stage.fork()
    assert fork.feed("text") == "text"
    assert stage.text == ""


def test_a_text_that_comes_again_whole_is_gathered_once() -> None:
    """Some APIs repeat a text at its end."""
    exchange = exchange_of()
    judge = guard(on="response")
    first = judge.stage(CONTENT, exchange)
    assert first is not None
    assert judge.stage(CONTENT, exchange) is None


@pytest.mark.parametrize("kind", [Kind.NAME, Kind.ASIDE])
def test_names_and_asides_are_no_answer(kind: Kind) -> None:
    """They are not what a model says to a person."""
    assert guard().stage(CONTENT._replace(kind=kind), exchange_of()) is None


def test_choices_are_texts_in_order_whatever_came_first() -> None:
    """So is what is judged of one choice."""
    exchange = exchange_of()
    exchange.record.outcome = Outcome.COMPLETED
    judge = guard(on="response")
    for choice, kind, text in [(1, Kind.CONTENT, "c"), (0, Kind.REASONING, "b"), (0, Kind.CONTENT, "a")]:
        stage = judge.stage(CONTENT._replace(kind=kind, choice=choice), exchange)
        assert stage is not None
        stage.feed(text)
    judge.on_end(exchange, 3, Coverage.CHECKED, None)
    (job,) = exchange.outbox.jobs or []
    assert [spoken.text for spoken in job.texts] == ["a\nb", "c"]
    assert job.covers is Coverage.CHECKED


def test_a_guard_of_requests_hands_on_no_answer() -> None:
    """Nor says anything of it."""
    exchange = exchange_of()
    guard(on="request").on_end(exchange, 0, Coverage.CHECKED, None)
    assert (exchange.outbox.jobs, exchange.record.coverage) == (None, {})


# --- failures ------------------------------------------------------------------------------------------------------


class BrokenAtTheEnd(ClassifierGuard):
    """A guard with a fault of ours."""

    def on_end(self, exchange: ExchangeContext, seen: int, whole: Coverage, not_checked: Coverage | None) -> None:
        """Fail."""
        raise ValueError("a text")


def test_a_guard_that_fails_when_all_is_over_changes_nothing_any_more() -> None:
    """The exchange is measured once as it ended; coverage and the log tell of the failure, other guards are told."""
    broken = BrokenAtTheEnd(
        ClassifierSection.model_validate({"guard": "classifier", "name": "broken", "classifier": "harm"})
    )
    snapshot = with_guards(snapshot_of(VERSION, {**BESIDE, "on": "response"}, METER, **CLASSIFIERS), broken)
    talk = asked(snapshot)
    talk.hears(response_headers())
    talk.hears_all(chunks(chat_answer("Hi")))
    talk.hears(StreamClosed())
    assert talk.record.outcome is Outcome.COMPLETED
    assert talk.record.coverage["broken", "response", Coverage.FAILED_OPEN] == 1
    assert [type(error) for error in talk.errors] == [ValueError]
    assert "classifier" in [job.guard for job in submitted(talk)]


# --- answers held against documents -------------------------------------------------------------------------------

PAIRS: dict[str, Any] = {"classifiers": {"harm": {"adapter": "grounding"}}}
AGAINST: dict[str, Any] = {**BESIDE, "on": "response", "against": "documents"}
BOTH_SAY = "Kettles are made of steel."


def held_against(body: dict[str, Any], **section: Any) -> Conversation:
    """An answered exchange whose answer is held against what its request brought."""
    snapshot = snapshot_of(VERSION, {**AGAINST, **section}, METER, **PAIRS)
    return answered(snapshot, chat_answer("Steel.", reasoning="They ask of steel."), **body)


def test_an_answer_is_handed_on_with_the_documents_and_results_of_tools() -> None:
    """And without the question, or what the model only thought."""
    user = {"role": "user", "content": "What are kettles made of?"}
    tool = {"role": "tool", "tool_call_id": "1", "content": "Steel is an alloy."}
    (job,) = submitted(held_against({"messages": [user, tool], "documents": [{"text": BOTH_SAY}]}))
    assert {BOTH_SAY, "Steel is an alloy."} <= set(job.context.split("\n"))
    assert user["content"] not in job.context
    assert [spoken.text for spoken in job.texts] == ["Steel."]


def test_a_long_text_of_a_user_stands_for_documents() -> None:
    """People paste what they ask about."""
    body = {"messages": [{"role": "user", "content": BOTH_SAY * 10}]}
    (job,) = submitted(held_against(body, context_chars_min=100))
    assert job.context == BOTH_SAY * 10


@pytest.mark.parametrize(
    ("document", "coverage"),
    [("", Coverage.SKIPPED_NO_CONTEXT), ("word " * 1_000, Coverage.SKIPPED_TOO_LONG)],
    ids=["none", "too long"],
)
def test_an_answer_without_documents_or_with_too_many_is_counted_as_skipped(document: str, coverage: Coverage) -> None:
    """Nothing is judged, and coverage tells why."""
    documents = {"documents": [{"text": document}]} if document else {}
    talk = held_against(documents, context_chars_max=1_000)
    assert submitted(talk) == []
    assert talk.record.coverage["classifier", "response", coverage] == 1
    assert sum(count for (_, way, _), count in talk.record.coverage.items() if way == "response") == 2  # and a source


def test_what_is_not_of_the_sample_keeps_no_documents() -> None:
    """It is counted as such, whatever it brought."""
    talk = held_against({"documents": [{"text": BOTH_SAY}]}, sample=0.0)
    (job,) = submitted(talk)
    assert (job.sampled_out, job.context) == (True, "")


# --- answers held against questions --------------------------------------------------------------------------------


def test_an_answer_is_handed_on_with_the_last_question() -> None:
    """All of its parts, and nothing that was said before or brought along."""
    parts = [{"type": "text", "text": "What are kettles"}, {"type": "text", "text": "made of?"}]
    before = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    body = {"messages": [*before, {"role": "user", "content": parts}], "documents": [{"text": BOTH_SAY}]}
    (job,) = submitted(held_against(body, against="question"))
    assert job.context == "What are kettles\nmade of?"
    assert [spoken.text for spoken in job.texts] == ["Steel."]


@pytest.mark.parametrize(
    ("asked", "coverage"),
    [("", Coverage.SKIPPED_NO_CONTEXT), ("word " * 1_000, Coverage.SKIPPED_TOO_LONG)],
    ids=["none", "too long"],
)
def test_an_answer_to_no_question_or_a_long_one_is_counted_as_skipped(asked: str, coverage: Coverage) -> None:
    """Nothing is judged, and coverage tells why."""
    body = {"messages": [{"role": "user", "content": asked}]}
    talk = held_against(body, against="question", context_chars_max=1_000)
    assert submitted(talk) == []
    assert talk.record.coverage["classifier", "response", coverage] == 1
