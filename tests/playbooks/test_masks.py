"""What masks look like to the model and to the client, in every API, streamed and not, in tool arguments too."""

from __future__ import annotations

import json
from copy import copy
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.domain.masks import PROCESS_KEY, hash_mask
from extproc.exchange.events import RequestBody, ResponseBody, StreamClosed
from extproc.exchange.snapshot import Snapshot
from tests.playbooks.answers import DIALECTS, Call, Choice
from tests.playbooks.driver import (
    DONE,
    JSON,
    MASK_KEYS,
    METER,
    PII,
    REFUSAL,
    SSE,
    Conversation,
    asked,
    chat_answer,
    chat_chunk,
    chunks,
    request_body,
    response_headers,
    snapshot_of,
    text_of,
)
from tests.playbooks.test_law import Case, cut, interleaved, splitter, streamed, texts, whole
from tests.thorough import examples

BOB, ALICE, EVE = "bob@example.org", "alice@example.org", "eve@example.org"
CARD = "4111 1111 1111 1111"


def masking(kind: str, **keys: Any) -> dict[str, Any]:
    """A guard with masks of a type."""
    more: dict[str, Any] = {name: keys.pop(name) for name in ("key_file", "values_max") if name in keys}
    masks = {"type": kind, **more}
    return {**PII, "masking": masks, **keys}


def to_server(guard: dict[str, Any], *contents: str | tuple[str, str]) -> list[str]:
    """The messages as the model reads them; a pair is (role, content)."""
    messages = [
        dict(zip(("role", "content"), ("user", one) if isinstance(one, str) else one, strict=True)) for one in contents
    ]
    talk = asked(snapshot_of(guard), body=request_body(messages=messages))
    return [message["content"] for message in talk.server_json["messages"]]


# --- numbers -------------------------------------------------------------------------------------------------------


def test_the_same_value_has_the_same_number() -> None:
    """By order of first appearance, each kind by itself, however the value is written."""
    again = f"{ALICE} {BOB.upper()} {CARD.replace(' ', '')}"
    assert to_server(masking("numbered"), f"{BOB}, {ALICE}, {CARD}", again) == [
        "<EMAIL_1>, <EMAIL_2>, <CREDIT_CARD_1>",
        "<EMAIL_2> <EMAIL_1> <CREDIT_CARD_1>",
    ]


@pytest.mark.parametrize("kind", ["numbered", "reversible"])
def test_a_placeholder_that_the_client_wrote_is_not_given_to_a_value(kind: str) -> None:
    """Wherever in the request it stands, behind the value too, and as an escape in tool arguments."""
    assert to_server(masking(kind), f"{BOB} is not <EMAIL_1>", "nor <EMAIL_2>") == [
        "<EMAIL_3> is not <EMAIL_1>",
        "nor <EMAIL_2>",
    ]
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x":"\\u003cEMAIL\\u005F1>"}'}}]
    messages = [
        {"role": "user", "content": BOB},
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c", "content": "<EMAIL_2>"},
    ]
    talk = asked(snapshot_of(masking("reversible")), body=request_body(messages=messages))
    assert talk.server_json["messages"][0]["content"] == "<EMAIL_3>"


def test_numbers_hold_through_a_conversation() -> None:
    """Each request repeats the earlier ones, and answers with our placeholders in them."""
    guard = masking("numbered")
    assert to_server(guard, f"Write to {BOB}") == ["Write to <EMAIL_1>"]
    answer = "Done. <EMAIL_1> knows <EMAIL_2> too."
    assert to_server(guard, f"Write to {BOB}", ("assistant", answer), f"Then to {ALICE}, and {BOB}") == [
        "Write to <EMAIL_1>",
        answer,
        "Then to <EMAIL_3>, and <EMAIL_1>",
    ]


def test_a_new_value_in_an_answer_gets_the_next_number() -> None:
    """Behind the numbers of the request, and behind those of earlier answers."""
    messages = [{"role": "assistant", "content": "<EMAIL_4>"}, {"role": "user", "content": BOB}]
    talk = asked(snapshot_of(masking("numbered")), body=request_body(messages=messages))
    assert talk.server_json["messages"][1]["content"] == "<EMAIL_5>"
    talk.hears(response_headers())
    talk.hears(ResponseBody(chat_answer(f"{EVE} {BOB} {ALICE}", EVE), True))
    shown = [choice["message"]["content"] for choice in talk.client_json["choices"]]
    assert shown == ["<EMAIL_6> <EMAIL_5> <EMAIL_7>", "<EMAIL_6>"]


def test_what_was_said_first_has_the_lower_number() -> None:
    """Though the end of a text is still held back when the next channel begins."""
    talk = asked(snapshot_of(masking("numbered")), body=request_body(stream=True))
    talk.hears(response_headers(SSE))
    events = [
        chat_chunk(),
        chat_chunk(finish=None, choices=[{"index": 0, "delta": {"reasoning": f"Is it {BOB}"}, "finish_reason": None}]),
        chat_chunk(f"It is {ALICE}, or {BOB}"),
        chat_chunk(finish="stop"),
        DONE,
    ]
    talk.hears_all(chunks(b"".join(events)))
    assert text_of(talk.client_events) == "It is <EMAIL_2>, or <EMAIL_1>"


def test_values_past_the_limit_are_masked_without_a_number() -> None:
    """The memory of an exchange is bounded; nothing goes unmasked for it."""
    assert to_server(masking("reversible", values_max=1), f"{BOB} {ALICE} {BOB}") == ["<EMAIL_1> <EMAIL> <EMAIL_1>"]


# --- hashes and parts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keys", "place"), [({}, PROCESS_KEY), ({"key_file": "mask.key"}, "mask.key")])
def test_hashes_are_made_with_the_key(keys: dict[str, Any], place: str) -> None:
    """That of the file, or of the process."""
    mask = hash_mask("EMAIL", BOB, MASK_KEYS[place])
    assert to_server(masking("hash", **keys), f"{BOB} {BOB.upper()}") == [f"{mask} {mask}"]


def test_hashes_without_a_key_are_a_mistake_of_ours() -> None:
    """Never a hash that anybody can compute."""
    with pytest.raises(KeyError):
        snapshot_of(masking("hash", key_file="another.key"))


def test_parts_are_shown() -> None:
    """To the model and to the client."""
    talk = asked(snapshot_of(masking("partial")), body=request_body(messages=[{"role": "user", "content": CARD}]))
    assert talk.server_json["messages"][0]["content"] == "****1111"
    talk.hears(response_headers())
    talk.hears(ResponseBody(chat_answer(f"{BOB}"), True))
    assert talk.client_json["choices"][0]["message"]["content"] == "b***@example.org"


# --- reversible ----------------------------------------------------------------------------------------------------

REQUESTS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": f"Write to {BOB}, card {CARD}"}]},
    "/v1/completions": {"prompt": f"Write to {BOB}, card {CARD}"},
    "/v1/messages": {"max_tokens": 9, "messages": [{"role": "user", "content": f"Write to {BOB}, card {CARD}"}]},
    "/v1/responses": {"input": f"Write to {BOB}, card {CARD}"},
}
SAID = Choice(
    "The user means <EMAIL_1>.",
    f"I wrote to <EMAIL_1> (not <EMAIL_2>), and paid with <CREDIT_CARD_1>; {EVE} did not",
    (Call("send", '{"to":"<EMAIL_1>","n":1,"cards":["<CREDIT_CARD_1>"]}'),),
)
RESTORED = {
    "The user means bob@example.org.",
    f"I wrote to {BOB} (not <EMAIL_2>), and paid with {CARD}; <EMAIL_2> did not",
    "send",
    f'{{"to":"{BOB}","n":1,"cards":["{CARD}"]}}',
}


def begun(dialect: Any, snapshot: Snapshot, stream: bool) -> Conversation:
    """An exchange of which the model has the masked request."""
    body = {"model": "tiny", "stream": stream, **REQUESTS[dialect.path]}
    talk = asked(snapshot, dialect.path, RequestBody(json.dumps(body).encode()))
    assert talk.server is not None
    assert b"<EMAIL_1>, card <CREDIT_CARD_1>" in talk.server
    assert BOB.encode() not in talk.server
    return talk


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.path)
@pytest.mark.parametrize("on", ["request", "both"])
def test_a_client_gets_its_values_back(dialect: Any, on: str) -> None:
    """In each text of an unstreamed answer. Values that the model brings up itself are masked where answers are."""
    expected = RESTORED if on == "both" else {text.replace("<EMAIL_2> did", f"{EVE} did") for text in RESTORED}
    talk = begun(dialect, snapshot_of(masking("reversible", on=on)), stream=False)
    talk.hears(response_headers(JSON))
    talk.hears(ResponseBody(dialect.whole([SAID]), True))
    seen = {text for channel, text in dialect.seen_whole(talk.client).items() if channel[1] != "finish"}
    assert seen
    assert seen <= expected


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.path)
@pytest.mark.parametrize("mode", ["full_duplex", "streamed"])
@settings(max_examples=examples(20))  # only the cuts differ
@given(seed=st.integers(0, 1 << 32))
def test_a_client_gets_its_values_back_in_a_stream(dialect: Any, mode: str, seed: int) -> None:
    """However texts are cut into events, and events into chunks."""
    random = Random(seed)
    snapshot = snapshot_of(masking("reversible"), envoy={"response_stream_mode": mode})
    talk = begun(dialect, snapshot, stream=True)
    talk.hears(response_headers(SSE))
    events = dialect.events([SAID], splitter(random))
    talk.hears_all(cut(dialect.first() + interleaved(events, random) + dialect.last([SAID]), random))
    assert not talk.errors
    seen = {text for channel, text in dialect.seen_streamed(talk.client).items() if channel[1] != "finish"}
    assert seen
    assert seen <= RESTORED


def test_a_placeholder_in_tool_arguments_may_be_escaped() -> None:
    """A placeholder that the model wrote with escapes is one too."""
    guard = masking("reversible", entities=["SECRET"])
    secret = "sk-proj-" + "aB3" * 14
    talk = asked(snapshot_of(guard), body=request_body(messages=[{"role": "user", "content": f'key "{secret}"'}]))
    placeholder = talk.server_json["messages"][0]["content"].removeprefix('key "').removesuffix('"')
    assert placeholder == "<SECRET_1>"
    talk.hears(response_headers())
    calls = [{"id": "t", "type": "function", "function": {"name": "f", "arguments": '{"k":"\\u003cSECRET_1\\u003e"}'}}]
    answer = json.loads(chat_answer(""))
    answer["choices"][0]["message"]["tool_calls"] = calls
    talk.hears(ResponseBody(json.dumps(answer).encode(), True))
    arguments = talk.client_json["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"k": secret}


def test_a_value_of_the_client_s_own_is_neither_lost_nor_doubled() -> None:
    """The model may write the value itself: it is masked by the number it has, and restored."""
    talk = asked(snapshot_of(masking("reversible")), body=request_body(messages=[{"role": "user", "content": BOB}]))
    talk.hears(response_headers())
    talk.hears(ResponseBody(chat_answer(f"<EMAIL_1>{BOB}<EMAIL_1>, {BOB}: <<EMAIL_1>>"), True))
    assert talk.client_json["choices"][0]["message"]["content"] == f"{BOB}{BOB}{BOB}, {BOB}: <{BOB}>"


def test_what_is_judged_and_kept_is_what_the_model_said() -> None:
    """Values are put back behind every guard, and behind the log."""
    snapshot = snapshot_of(masking("reversible"), REFUSAL, METER, log={"text": True})
    talk = asked(snapshot, body=request_body(messages=[{"role": "user", "content": BOB}], stream=True))
    talk.hears(response_headers(SSE))
    talk.hears_all(chunks(chat_chunk("To <EMAIL") + chat_chunk("_1> now") + chat_chunk(finish="stop") + DONE))
    assert text_of(talk.client_events) == f"To {BOB} now"
    assert talk.record.texts is not None
    assert talk.record.texts["response.assistant.content"] == "To <EMAIL_1> now"
    assert BOB not in str(talk.record)
    assert talk.record.findings == {("pii", "request", "EMAIL"): 1}


def test_copies_of_the_answer_are_dropped() -> None:
    """Log probabilities and token ids say what stood there before, so they go as with any answer that may change."""
    snapshot = snapshot_of(masking("reversible", on="request"))
    talk = asked(snapshot, body=request_body(messages=[{"role": "user", "content": BOB}]))
    answer = json.loads(chat_answer("Hello"))
    answer["choices"][0]["logprobs"] = {"content": [{"token": "Hello"}]}
    answer["choices"][0]["token_ids"] = [1, 2]
    talk.hears(response_headers())
    talk.hears(ResponseBody(json.dumps(answer).encode(), True))
    assert talk.client_json["choices"][0]["logprobs"] is None
    assert talk.client_json["choices"][0].get("token_ids") is None


def test_nothing_is_kept_once_the_exchange_is_over() -> None:
    """Nor when the client goes away in the middle."""
    for last in (ResponseBody(chat_chunk("<EMAIL_1>") + DONE, True), StreamClosed()):
        body = request_body(messages=[{"role": "user", "content": BOB}], stream=True)
        talk = asked(snapshot_of(masking("reversible")), body=body)
        talk.hears(response_headers(SSE))
        known = talk.exchange._state.exchange.placeholders
        assert known is not None
        assert known.restorable
        talk.hears(last)
        assert not known.restorable


def test_another_client_gets_nothing_back() -> None:
    """Values belong to their exchange: a placeholder of another one stands for nothing."""
    snapshot = snapshot_of(masking("reversible"))
    for content, expected in ((BOB, BOB), ("Hello", "<EMAIL_1>")):
        talk = asked(snapshot, body=request_body(messages=[{"role": "user", "content": content}]))
        talk.hears(response_headers())
        talk.hears(ResponseBody(chat_answer("<EMAIL_1>"), True))
        assert talk.client_json["choices"][0]["message"]["content"] == expected


def test_guards_share_their_numbers() -> None:
    """Two guards of a policy never give one placeholder to two values, and both get theirs back."""
    guards = [
        masking("reversible", entities=["EMAIL"]),
        masking("reversible", name="more", entities=["EMAIL", "PHONE"]),
    ]
    contents = f"{BOB}, phone +49 30 901820"
    body = request_body(messages=[{"role": "user", "content": contents}])
    talk = asked(snapshot_of(*guards), body=body)
    assert talk.server_json["messages"][0]["content"] == "<EMAIL_1>, phone <PHONE_1>"
    talk.hears(response_headers())
    talk.hears(ResponseBody(chat_answer(f"<EMAIL_1>, {EVE}, <PHONE_1>"), True))
    assert talk.client_json["choices"][0]["message"]["content"] == f"{BOB}, <EMAIL_2>, +49 30 901820"


def test_errors_of_the_server_are_restored_too() -> None:
    """They quote what it was asked."""
    talk = asked(snapshot_of(masking("reversible")), body=request_body(messages=[{"role": "user", "content": BOB}]))
    talk.hears(response_headers(status=400))
    talk.hears(ResponseBody(b'{"error":{"message":"what is <EMAIL_1>?","code":"x"}}', True))
    assert talk.client_json["error"]["message"] == f"what is {BOB}?"


# --- the law, for every style --------------------------------------------------------------------------------------

OWN = st.sampled_from(["<EMAIL_1>", "<EMAIL_2>", "<CREDIT_CARD_1>", "<EMAIL_9>", "<EMAIL", "<", ">"])
SPOKEN = st.lists(texts(words_max=3) | OWN, max_size=3).map("".join)
SPOKEN_CALLS = st.dictionaries(st.sampled_from(["to", "note"]), SPOKEN, min_size=1).flatmap(
    lambda arguments: st.booleans().map(lambda ascii_only: Call("send", json.dumps(arguments, ensure_ascii=ascii_only)))
)
CASES = st.builds(
    Case,
    st.lists(
        st.builds(Choice, SPOKEN, SPOKEN, st.lists(SPOKEN_CALLS, max_size=2).map(tuple)), min_size=1, max_size=2
    ).map(tuple),
    st.sampled_from(["numbered", "partial", "hash", "reversible"]).map(lambda kind: (masking(kind), METER)),
    st.booleans(),
    st.integers(0, 1 << 32),
)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.path)
@given(case=CASES)
def test_a_stream_is_masked_as_the_whole_answer_is(dialect: Any, case: Case) -> None:
    """The same masks, the same numbers, the same values back, for every cut and every interleaving of choices."""
    asking = copy(dialect)
    asking.request = REQUESTS[dialect.path]
    if dialect.path in ("/v1/messages", "/v1/responses"):
        case = replace(case, choices=case.choices[:1])
    seen_whole, record = whole(asking, case)
    seen_streamed, record_streamed = streamed(asking, case)
    assert seen_streamed == seen_whole
    assert record_streamed.findings == record.findings
