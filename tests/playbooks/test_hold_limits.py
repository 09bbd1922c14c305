"""Limits of what is held back: by characters, which the text alone decides, and by time, which is looked at when bytes
come. The clock of these playbooks goes on by one millisecond an event.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.domain.record import Outcome
from extproc.exchange.events import RequestBody, ResponseBody
from tests.playbooks.answers import DIALECTS, Call, Choice
from tests.playbooks.driver import (
    DONE,
    METER,
    PII,
    SSE,
    Conversation,
    asked,
    chat_chunk,
    request_body,
    response_headers,
    snapshot_of,
    sse_data,
    text_of,
)
from tests.playbooks.test_law import LONG, Case, streamed, texts, whole
from tests.thorough import examples

COMMENT = b": still there\n\n"
IN_TIME, TOO_LATE = 4, 5  # comments after the event that text is held since, where 5 ms are allowed


def heard(guard: dict[str, Any], *chunks: bytes, **fields: Any) -> Conversation:
    """A streamed chat, chunk by chunk."""
    talk = asked(snapshot_of(guard, METER), body=request_body(stream=True, **fields))
    talk.hears(response_headers(SSE))
    return talk.hears_all(ResponseBody(chunk, chunk == DONE) for chunk in chunks)


def waiting(at_limit: str = "mask", **keys: Any) -> dict[str, Any]:
    """A guard that waits for 5 ms."""
    return {**PII, "hold_ms_max": 5, "at_limit": at_limit, **keys}


# --- time ----------------------------------------------------------------------------------------------------------


def test_text_is_held_for_as_long_as_it_may_be() -> None:
    """A value that is complete in time is masked as ever."""
    chunks = [chat_chunk("to bob@exam"), *[COMMENT] * IN_TIME]
    talk = heard(waiting(), *chunks, chat_chunk("ple.org now"), chat_chunk(finish="stop"), DONE)
    assert text_of(talk.client_events) == "to <EMAIL> now"
    assert talk.record.findings == {("pii", "response", "EMAIL"): 1}


@pytest.mark.parametrize(
    ("at_limit", "now", "then", "verdict"),
    [
        ("mask", "to <HOLD_LIMIT>", "to <HOLD_LIMIT> now", "mask"),
        ("release", "to bob@exam", "to bob@example.org now", "flag"),
    ],
)
def test_when_the_time_is_over_text_is_masked_or_released(at_limit: str, now: str, then: str, verdict: str) -> None:
    """Any bytes of the server make us look at the clock. Masked, no character of the value follows either."""
    talk = heard(waiting(at_limit), chat_chunk("to bob@exam"), *[COMMENT] * TOO_LATE)
    assert text_of(sse_data(talk.client)) == now
    talk.hears_all(ResponseBody(chunk, chunk == DONE) for chunk in (chat_chunk("ple.or"), chat_chunk("g now"), DONE))
    assert text_of(talk.client_events) == then
    assert talk.record.findings == {("pii", "response", "HOLD_LIMIT"): 1}
    assert talk.record.verdicts == {("pii", "response", verdict): 1}


def test_what_a_late_chunk_completes_is_not_given_up() -> None:
    """Bytes are judged before the clock is looked at: a word whose end has come needs no mask."""
    talk = heard(waiting(), chat_chunk("the"))
    talk.now_ns += 1_000_000_000
    talk.hears(ResponseBody(chat_chunk(" answer is"), False))
    assert text_of(sse_data(talk.client)) == "the answer "


def test_a_word_that_grows_slowly_is_as_old_as_its_beginning() -> None:
    """It is not held for ever because another letter comes now and then."""
    talk = heard(waiting(), *[chat_chunk(letter) for letter in "bob@example.org"])
    assert text_of(sse_data(talk.client)) == "<HOLD_LIMIT>"


def test_a_stream_that_goes_on_is_never_given_up() -> None:
    """Each word is held since its own beginning, not since the first was."""
    talk = heard(waiting(), *[chat_chunk(word) for word in [" word"] * 30], chat_chunk(finish="stop"), DONE)
    assert text_of(talk.client_events) == " word" * 30
    assert not talk.record.findings


def test_other_choices_make_us_look_at_the_clock_too() -> None:
    """And each choice waits for itself."""
    events = [chat_chunk("a bob@exam"), *[chat_chunk(" b", index=1)] * 6]
    talk = heard(waiting(), *events, chat_chunk("ple.org!", index=0), DONE, n=2)
    assert text_of(talk.client_events, 0) == "a <HOLD_LIMIT>"
    assert text_of(talk.client_events, 1) == " b" * 6


def test_arguments_stay_json() -> None:
    """A string is masked inside its quotes; a number, and an escape, are waited for."""

    def arguments(piece: str) -> bytes:
        call = {"index": 0, "function": {"arguments": piece}}
        choice = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}
        return chat_chunk(choices=[choice])

    pieces = ['{"to":"bob@exam', 'ple.org","card":4111', '11111111111,"x":"bob\\u00', '40example.org"}']
    chunks = [chunk for piece in pieces for chunk in (arguments(piece), *[COMMENT] * 8)]
    talk = heard(waiting(), *chunks, chat_chunk(finish="tool_calls"), DONE)
    deltas = [choice["delta"] for event in talk.client_events[:-1] for choice in event["choices"]]
    shown = "".join(call["function"]["arguments"] for delta in deltas for call in delta.get("tool_calls", ()))
    read = json.loads(shown)
    assert read["to"] == "<HOLD_LIMIT>"
    assert read["card"] == 411111111111111
    assert "bob@" not in shown


def test_a_guard_that_blocks_ends_the_choice() -> None:
    """What it may neither judge, nor hold, nor mask, is not let through."""
    talk = heard(waiting(action="block"), chat_chunk("to bob@exam"), *[COMMENT] * TOO_LATE)
    assert text_of(sse_data(talk.client)) == "to "
    assert talk.record.outcome is Outcome.CUT


@pytest.mark.parametrize("action", ["flag", "shadow"])
def test_a_guard_that_only_looks_holds_nothing(action: str) -> None:
    """So there is nothing to give up."""
    talk = heard(waiting(action=action), chat_chunk("to bob@exam"), *[COMMENT] * 9, chat_chunk("ple.org"), DONE)
    assert text_of(talk.client_events) == "to bob@example.org"
    assert talk.record.findings == {("pii", "response", "EMAIL"): 1}


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.path)
@pytest.mark.parametrize("mode", ["full_duplex", "streamed"])
def test_text_is_given_up_in_every_api(dialect: Any, mode: str) -> None:
    """In an event of ours, where the API wants it. Texts that come whole again are judged as a whole."""
    snapshot = snapshot_of(waiting(), METER, envoy={"response_stream_mode": mode})
    body = {"model": "tiny", "stream": True, **dialect.request}
    talk = asked(snapshot, dialect.path, RequestBody(json.dumps(body).encode()))
    talk.hears(response_headers(SSE))
    said = [Choice("", "to bob@example.org now")]
    (events,) = dialect.events(said, lambda text: [text[:11], text[11:16], text[16:]] if len(text) > 16 else [text])
    for chunk in (dialect.first(), *events, dialect.last(said)):
        talk.now_ns += 10_000_000
        talk.hears(ResponseBody(chunk, False))
    talk.hears(ResponseBody(b"", True))
    assert not talk.errors
    assert talk.record.findings["pii", "response", "HOLD_LIMIT"] == 1
    for fragment in (b"bob", b"@", b"exam", b"ple."):
        assert fragment not in talk.client
    if dialect.path != "/v1/responses":
        assert "to <HOLD_LIMIT> now" in dialect.seen_streamed(talk.client).values()
    else:
        deltas = [event["delta"] for event in talk.client_events if event["type"] == "response.output_text.delta"]
        assert "".join(deltas) == "to <HOLD_LIMIT> now"
        assert talk.client_events[-1]["response"]["output"][0]["content"][0]["text"] == "to <EMAIL> now"


# --- characters ----------------------------------------------------------------------------------------------------

GUARDS = st.builds(
    lambda at_limit, action, chars: {**PII, "at_limit": at_limit, "action": action, "hold_chars_max": chars},
    st.sampled_from(["mask", "release"]),
    st.sampled_from(["mask", "mask", "block", "flag"]),
    st.sampled_from([160, 1_000, 2_048]),
)
WORDS = st.sampled_from(["x", "a.b@", "4111 ", "1", "A "])
SPOKEN = st.lists(
    texts(words_max=2) | LONG | st.builds(lambda word, times: word * times, WORDS, st.integers(20, 300)), max_size=3
).map("".join)
CASES = st.builds(
    Case,
    st.builds(
        lambda content, argument: (Choice("", content, (Call("send", json.dumps({"to": argument})),)),), SPOKEN, SPOKEN
    ),
    GUARDS.map(lambda guard: (guard, METER)),
    st.booleans(),
    st.integers(0, 1 << 32),
)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.path)
@given(case=CASES)
def test_a_long_word_has_the_same_end_streamed_and_whole(dialect: Any, case: Case) -> None:
    """Texts, findings and outcome; in tool arguments too."""
    seen_whole, record = whole(dialect, case)
    seen_streamed, record_streamed = streamed(dialect, case)
    if dialect.path == "/v1/messages" and record.outcome is Outcome.CUT:
        seen_whole, seen_streamed = (
            {channel: text for channel, text in seen.items() if channel[1] != "input"}
            for seen in (seen_whole, seen_streamed)
        )
    assert seen_streamed == seen_whole
    assert record_streamed.findings == record.findings
    assert record_streamed.verdicts == record.verdicts
    assert record_streamed.outcome == record.outcome


def test_a_request_is_not_held_so_it_has_no_limit() -> None:
    """It comes whole, and is judged as a whole."""
    word = "x" * 5_000
    guard = {**PII, "at_limit": "mask", "hold_chars_max": 160}
    content = f"{word} bob@example.org"
    talk = asked(snapshot_of(guard), body=request_body(messages=[{"role": "user", "content": content}]))
    assert talk.server_json["messages"][0]["content"] == f"{word} <EMAIL>"


LONG_KEY = "sk-proj-" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7" * 80


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.path)
@settings(max_examples=examples(15))  # of two actions, two places, and cuts
@given(action=st.sampled_from(["mask", "block"]), called=st.booleans(), seed=st.integers(0, 1 << 32))
def test_a_key_too_long_to_be_held_does_not_pass(dialect: Any, action: str, called: bool, seed: int) -> None:
    """One of 1,900 characters was masked, one of 2,168 passed; ``block`` blocks it, whole and streamed."""
    call = Call("send", json.dumps({"key": LONG_KEY, "to": "me"}, separators=(",", ":")))
    in_call = called and dialect.path != "/v1/completions"
    choice = Choice("", "", (call,)) if in_call else Choice("", f"It is {LONG_KEY} there")
    case = Case((choice,), ({**PII, "action": action}, METER), full_duplex=True, seed=seed)
    seen, record = whole(dialect, case)
    shown, other = streamed(dialect, case)
    assert not [part for part in ("sk-proj", LONG_KEY[-8:]) if part in str(seen) + str(shown)]
    assert other.findings == record.findings
    assert record.findings["pii", "response", "SECRET"] == 1
    assert (record.outcome is Outcome.CUT) == (other.outcome is Outcome.CUT) == (action == "block")
    assert action == "block" or shown == seen
