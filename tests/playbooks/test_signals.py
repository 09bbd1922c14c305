"""Signals of answers: what an operator learns of a version without reading a text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from extproc.domain.signals import AnswerSignals
from extproc.exchange.events import StreamClosed
from extproc.exchange.snapshot import Snapshot
from tests.playbooks.driver import (
    DONE,
    SSE,
    Conversation,
    answered,
    asked,
    chat_answer,
    chat_chunk,
    chunks,
    request_body,
    response_headers,
    snapshot_of,
    usage_chunk,
)

SIGNALS: dict[str, Any] = {"filter": "signals", "sample": 1}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def compiled(**keys: Any) -> Snapshot:
    """A configuration that collects signals of every answer."""
    return snapshot_of({"filter": "meter"}, {**SIGNALS, **keys})


def signals_of(talk: Conversation) -> AnswerSignals:
    """Those of its record."""
    assert talk.record.signals is not None
    return talk.record.signals


def rates_of(answer: bytes, **fields: Any) -> Mapping[str, tuple[int, int]]:
    """Of a chat that was answered so."""
    return signals_of(answered(compiled(), answer, **fields)).rates()


def says(text: str, **fields: Any) -> Mapping[str, tuple[int, int]]:
    """Of a chat whose answer is this text."""
    return rates_of(chat_answer(text), **fields)


def calls(arguments: str, name: str = "weather") -> bytes:
    """An answer that calls a tool."""
    call = {"id": "call-1", "type": "function", "function": {"name": name, "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choices = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    return chat_answer(choices=choices)


def user(text: str, *before: str) -> dict[str, Any]:
    """The messages of a conversation, the last one of the user."""
    roles = ["user", "assistant"] * len(before)
    said = [{"role": role, "content": text} for role, text in zip(roles, before, strict=False)]
    return {"messages": [*said, {"role": "user", "content": text}]}


def test_an_ordinary_answer_has_no_signal() -> None:
    """It was judged, which is what rates are of."""
    assert says("It opens at nine.") == {"empty": (0, 1), "token_limit": (0, 1), "looped": (0, 1), "asks_back": (0, 1)}


@pytest.mark.parametrize(
    ("text", "signal"),
    [("", "empty"), (" \n", "empty"), ("Which museum do you mean?", "asks_back"), ("no way " * 200, "looped")],
)
def test_an_answer_that_has_one(text: str, signal: str) -> None:
    """And no other one."""
    assert [name for name, (hits, _) in says(text).items() if hits] == [signal]


def test_each_choice_is_an_answer() -> None:
    """One of three asks back."""
    assert rates_of(chat_answer("At nine.", "Which one?", "At ten."), n=3)["asks_back"] == (1, 3)


def test_an_answer_that_the_token_limit_ended() -> None:
    """Its end says nothing of the model."""
    choices = [{"index": 0, "message": {"role": "assistant", "content": "Is it"}, "finish_reason": "length"}]
    assert rates_of(chat_answer(choices=choices)) == {"empty": (0, 1), "token_limit": (1, 1), "looped": (0, 1)}


def test_an_answer_in_another_language() -> None:
    """Than that of the question."""
    asks = user("What are the opening hours of the museum, and is it open on the first of the month?")
    german = "Das Museum ist von neun bis sechs Uhr geöffnet, und am ersten des Monats ist es auch nicht geschlossen."
    english = "The museum is open from nine to six, and on the first of the month it is not closed to the public."
    assert says(german, **asks)["other_language"] == (1, 1)
    assert says(english, **asks)["other_language"] == (0, 1)
    assert "other_language" not in says(german, **user("Translate into German: the museum is open"))


@pytest.mark.parametrize(
    ("arguments", "bad"),
    [('{"city":"Bern"}', 0), ('{"city":3}', 1), ('{"city":"Be', 1), ("{}", 1), ('{"city":"Bern","x":1}', 0)],
)
def test_tool_calls_that_fit_their_schema(arguments: str, bad: int) -> None:
    """What an application could run."""
    found = rates_of(calls(arguments), tools=[TOOL])
    assert (found["bad_call"], found["empty"]) == ((bad, 1), (0, 1))


def test_out_of_the_sample_only_json_is_looked_at() -> None:
    """A schema costs more than all others together."""
    found = [
        signals_of(answered(compiled(sample=0), calls(arguments), tools=[TOOL])).rates()["bad_call"]
        for arguments in ('{"city":3}', '{"city":')
    ]
    assert found == [(0, 1), (1, 1)]


@pytest.mark.parametrize(
    ("text", "wrong"), [('{"city":"Bern"}', 0), ('{"town":"Bern"}', 1), ("Bern", 1), ('{"city":"Be', 1)]
)
def test_structured_answers(text: str, wrong: int) -> None:
    """JSON that was asked for with a schema."""
    schema = {"type": "json_schema", "json_schema": {"name": "it", "schema": TOOL["function"]["parameters"]}}  # type: ignore[index]
    assert says(text, response_format=schema)["unstructured"] == (wrong, 1)
    assert says(text, response_format={"type": "json_object"})["unstructured"] == (int(text[-1] != "}"), 1)


def test_a_user_who_says_that_the_answer_was_wrong() -> None:
    """In the next turn; a first message cannot."""
    assert says("At ten.", **user("No, that is wrong.", "When?", "At nine."))["repair"] == (1, 1)
    assert says("At ten.", **user("Thank you.", "When?", "At nine."))["repair"] == (0, 1)
    assert "repair" not in says("At ten.", **user("No, that is wrong."))


def test_what_was_asked_is_compared_and_not_kept() -> None:
    """The same question has the same key; another caller, or another conversation, another one."""
    one, same, other = (signals_of(answered(compiled(), chat_answer("Yes"), **user(text))) for text in ("A", "A", "B"))
    assert (one.question, one.request, one.words) == (same.question, same.request, same.words)
    assert one.question != other.question


def test_answers_to_a_quarter_of_the_questions_are_compared() -> None:
    """All answers to a question, or none; with a larger sample more, and where nobody asks none."""

    def compared(sample: float, **fields: Any) -> bool:
        return bool(signals_of(answered(compiled(sample=sample), chat_answer("Yes"), **fields)).words)

    questions = [user(f"Question {number}") for number in range(200)]
    drawn = [compared(0, **question) for question in questions]
    assert 20 < sum(drawn) < 90
    assert [compared(0, **question) for question in questions[:20]] == drawn[:20]
    assert all(compared(1, **question) for question in questions[:20])
    assert not compared(1, messages=[{"role": "assistant", "content": "I"}])


def test_a_stream_has_the_times_between_its_texts() -> None:
    """As they arrive."""
    talk = asked(compiled(), body=request_body(stream=True))
    talk.hears(response_headers(SSE))
    for word in ("It", " opens", " at", " nine."):
        talk.now_ns += 50_000_000
        talk.hears_all(chunks(chat_chunk(word), end=False))
    talk.hears_all(chunks(b"".join([chat_chunk(finish="stop"), usage_chunk(), DONE])))
    talk.hears(StreamClosed())
    assert sum(signals_of(talk).gaps) == 3


def test_an_answer_that_a_guard_cut_is_none() -> None:
    """The model did not end it."""
    cuts = {"guard": "banned", "on": "response", "action": "block", "phrases": ["secret"]}
    talk = answered(snapshot_of({"filter": "meter"}, cuts, SIGNALS), chat_answer("It is secret."))
    assert signals_of(talk).rates() == {}


def test_reasoning_is_no_answer() -> None:
    """A model that only thinks says nothing."""
    message = {"role": "assistant", "content": "", "reasoning": "Hm, which one?"}
    found = rates_of(chat_answer(choices=[{"index": 0, "message": message, "finish_reason": "stop"}]))
    assert found["empty"] == (1, 1)


def test_no_text_is_in_a_record() -> None:
    """Only numbers."""
    talk = answered(compiled(), chat_answer("Bern is the capital."), **user("What is the capital?"))
    shown = json.dumps([signals_of(talk).values, signals_of(talk).rates(), sorted(signals_of(talk).words)])
    assert "Bern" not in shown
