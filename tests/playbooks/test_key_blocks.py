"""A private key block is masked wherever a model writes it: in a text, and in arguments, whether JSON or not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.record import Outcome
from tests.playbooks.driver import (
    DONE,
    METER,
    PII,
    PII_BLOCK,
    Conversation,
    answered,
    chat_answer,
    chat_chunk,
    dumps,
    snapshot_of,
)

BODY = (
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n"
    "MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SxyzMzEfYyjiWA4R4/M2bS1GB4t7NXp98\n"
    "MzEfYyjiWA4R4/M2bS1GB4==\n"
)
KEY = f"-----BEGIN PRIVATE KEY-----\n{BODY}-----END PRIVATE KEY-----"
ESCAPED = KEY.replace("\n", "\\n")
LINES = KEY.split("\n")
JSON_FORMS = {
    "string": json.dumps({"k": KEY}),
    "in-json": json.dumps({"k": json.dumps({"a": KEY})}),
    "in-json-in-json": json.dumps({"k": json.dumps({"a": json.dumps({"b": KEY})})}),
    "lines": json.dumps({"k": LINES}),
    "indented-lines": json.dumps({"k": LINES}, indent=1),
    "windows": json.dumps({"k": KEY.replace("\n", "\r\n")}),
    "compact": json.dumps({"k": [1, -2, *LINES], "x": -5}, separators=(",", ":")),
}
OTHER_FORMS = {
    "bare": KEY,
    "yaml": "key: |\n  " + KEY.replace("\n", "\n  "),
    "call": f"write('{ESCAPED}')",
    "single-quotes": f"{{'key': '{ESCAPED}'}}",
    "code": " + ".join(json.dumps(f"{line}\n") for line in LINES),
    "xml": f"<f><key>{KEY}</key></f>",
    "unclosed": f'{{"k": "{ESCAPED}',
    "line-ends": f'{{"k": "{KEY}"}}',
    "raw-call": f'<tool_call>{{"name":"f","arguments":{{"k":"{ESCAPED}"}}}}</tool_call>',
    "raw-call-of-text": "<tool_call>" + json.dumps({"arguments": json.dumps({"k": KEY})}) + "</tool_call>",
    "raw-call-of-lines": "<tool_call>" + json.dumps({"k": LINES}) + "</tool_call>",
}
FORMS = {**JSON_FORMS, **OTHER_FORMS}


def arguments_of(talk: Conversation) -> str:
    """The arguments that a client reads, whole or streamed."""
    if talk.client.startswith(b"data"):
        choices = [choice for event in talk.client_events[:-1] for choice in event["choices"]]
        calls = [call for choice in choices for call in choice["delta"].get("tool_calls", ())]
        return "".join(call["function"].get("arguments", "") for call in calls)
    return str(talk.client_json["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])


def called(guard: dict[str, Any], arguments: str) -> Conversation:
    """An unstreamed answer that calls a tool."""
    call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return answered(snapshot_of(guard, METER), dumps({"id": "c", "choices": [choice]}))


def called_in_pieces(guard: dict[str, Any], pieces: list[str]) -> Conversation:
    """The same streamed."""
    calls = [{"index": 0, "id": "t", "function": {"name": "f", "arguments": ""}}]
    calls += [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
    choices = [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None} for call in calls]
    events = b"".join(chat_chunk(choices=[choice]) for choice in choices)
    return answered(snapshot_of(guard, METER), events + chat_chunk(finish="tool_calls") + DONE, stream=True)


def nothing_of_the_key(text: str) -> bool:
    """Whether no line of its body is there."""
    return not any(line[:20] in text for line in BODY.split())


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_a_block_in_arguments_is_masked(form: str) -> None:
    """Issue 10, point 5: in arguments that are no JSON, and as lines of their own, it passed. What is JSON stays so."""
    talk = called(PII, form)
    text = arguments_of(talk)
    assert nothing_of_the_key(text)
    assert "<PRIVATE_KEY>" in text
    assert talk.record.findings["pii", "response", "PRIVATE_KEY"] == 1
    if form in JSON_FORMS.values():
        assert list(json.loads(text)) == list(json.loads(form))


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_a_block_in_content_is_masked(form: str) -> None:
    """As raw ``<tool_call>`` texts are."""
    talk = answered(snapshot_of(PII, METER), chat_answer(form))
    assert nothing_of_the_key(talk.client_json["choices"][0]["message"]["content"])


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_a_block_in_arguments_blocks(form: str) -> None:
    """Where findings reject."""
    for talk in (called(PII_BLOCK, form), called_in_pieces(PII_BLOCK, list(form))):
        assert talk.record.outcome is Outcome.CUT
        assert nothing_of_the_key(talk.client.decode())


@given(form=st.sampled_from(list(FORMS.values())), chars=st.integers(1, 300))
def test_a_stream_shows_what_the_whole_answer_shows(form: str, chars: int) -> None:
    """However the arguments were cut."""
    whole, pieces = called(PII, form), [form[at : at + chars] for at in range(0, len(form), chars)]
    streamed = called_in_pieces(PII, pieces)
    assert arguments_of(streamed) == arguments_of(whole)
    assert streamed.record.findings == whole.record.findings


@pytest.mark.parametrize(
    "arguments", ['{"a":-1,"b":[-2,"--x","-----"]}', "---\nkey: -----BEGIN\n", '{"a":"-----BEGIN"}']
)
def test_other_hyphens_stay(arguments: str) -> None:
    """Held for a moment, and given out."""
    assert arguments_of(called(PII, arguments)) == arguments
    assert arguments_of(called_in_pieces(PII, list(arguments))) == arguments
