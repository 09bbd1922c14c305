"""Unstreamed answers: guarded whole, measured, and withheld where they cannot be read."""

from __future__ import annotations

import gzip
import json
from typing import Any

import brotli
import pytest

from extproc.domain.record import Coverage, Outcome
from extproc.domain.text import Direction
from extproc.exchange.events import (
    Abort,
    BodyMode,
    ContinueBody,
    ContinueHeaders,
    Event,
    ImmediateResponse,
    RequestBody,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
    StreamClosed,
)
from tests.playbooks.driver import (
    ALL,
    METER,
    PII,
    PII_BLOCK,
    PROMPT,
    REFUSAL,
    VERSION,
    Conversation,
    answered,
    asked,
    chat_answer,
    dumps,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
)


def withheld(action: Any) -> bool:
    """Whether an action tells the client that the answer could not be checked."""
    return isinstance(action, ImmediateResponse) and (action.status, action.code) == (502, "unreadable_answer")


def test_personal_data_is_masked_on_the_way_out() -> None:
    """The rest of the answer is kept; copies of the text (log probabilities) are dropped."""
    answer = json.loads(chat_answer("Write to bob@example.org."))
    answer["choices"][0]["logprobs"] = {"content": [{"token": "bob@example.org"}]}
    talk = answered(snapshot_of(*ALL), dumps(answer))
    assert b"bob" not in talk.client
    choice = talk.client_json["choices"][0]
    assert choice["message"]["content"] == "Write to <EMAIL>."
    assert choice["logprobs"] is None
    assert talk.record.findings["pii", "response", "EMAIL"] == 1
    assert talk.record.coverage["pii", "response", Coverage.CHECKED] == 1


def test_an_answer_is_cut_where_personal_data_blocks() -> None:
    """The choice ends at the finding, in its dialect's words; the other choice is whole."""
    talk = answered(snapshot_of(PII_BLOCK, METER), chat_answer("Write to bob@example.org now", "Hello"), n=2)
    first, second = talk.client_json["choices"]
    assert (first["message"]["content"], first["finish_reason"]) == ("Write to ", "content_filter")
    assert (second["message"]["content"], second["finish_reason"]) == ("Hello", "stop")
    assert talk.record.outcome is Outcome.CUT
    assert talk.record.answers == 2
    assert talk.record.usage is not None
    assert not talk.record.usage.estimated, "the server has counted all of it"


def test_a_refusal_is_counted() -> None:
    """Nothing of the answer is changed."""
    answer = chat_answer("I'm sorry, but I can't help with that.", "Sure.")
    talk = answered(snapshot_of(REFUSAL), answer, n=2)
    assert talk.client == answer
    assert (talk.record.refusals, talk.record.answers) == (1, 2)
    assert talk.record.verdicts["refusal", "response", "flag"] == 1


def test_an_answer_without_usage_is_estimated() -> None:
    """Never zero: as many tokens as English of that length has, while nothing is known of the model."""
    answer = json.loads(chat_answer("x" * 400))
    del answer["usage"]
    talk = answered(snapshot_of(METER), dumps(answer))
    assert talk.record.usage is not None
    assert talk.record.usage.estimated
    assert talk.record.usage.completion == round(400 / 4.4)
    assert talk.record.usage.prompt >= 1


def test_without_the_meter_nothing_is_metered() -> None:
    """Metering is a filter, and can be left out."""
    assert answered(snapshot_of(PII), chat_answer("Hi")).record.usage is None


def test_the_model_is_shown_as_it_was_asked_for() -> None:
    """The server knows the version under another name; clients need not."""
    talk = asked(snapshot_of(VERSION), x_pin="v2")
    talk.hears(response_headers())
    talk.hears(ResponseBody(chat_answer("Hi", model="tiny-next"), True))
    assert talk.client_json["model"] == "tiny"


def test_instructions_are_shown_as_the_client_wrote_them() -> None:
    """Responses repeat the instructions: ours are not for the client."""
    body = RequestBody(dumps({"model": "tiny", "input": "Hi", "instructions": "Be brief."}))
    talk = asked(snapshot_of(VERSION, PROMPT), "/v1/responses", body, x_pin="v2")
    sent = talk.server_json["instructions"]
    assert sent == "You are the second version.\n\nBe brief."
    talk.hears(response_headers())
    talk.hears(ResponseBody(dumps({"model": "tiny-next", "instructions": sent, "output": []}), True))
    assert talk.client_json["instructions"] == "Be brief."
    assert talk.client_json["model"] == "tiny"


def test_a_fallback_is_measured_as_what_answered() -> None:
    """Envoy went to another version: its fingerprint and prices count."""
    talk = asked(snapshot_of(VERSION, METER))
    talk.hears(response_headers(x_llm_served_version="tiny/v2"))
    talk.hears(ResponseBody(chat_answer("Hi"), True))
    assert talk.record.version is not None
    assert talk.record.version.version == "v2"
    assert talk.record.cost_micro_usd == 9 * 3 + 4 * 5


@pytest.mark.parametrize("served", ["tiny/v9", "other/v1", "tiny", "/", ""])
def test_a_served_version_that_is_not_known_changes_nothing(served: str) -> None:
    """The chosen version stands."""
    talk = asked(snapshot_of(VERSION))
    talk.hears(response_headers(x_llm_served_version=served))
    assert talk.exchange.record.version is not None
    assert talk.exchange.record.version.version == "v1"


@pytest.mark.parametrize(("name", "compress"), [("gzip", gzip.compress), ("br", brotli.compress)])
def test_a_compressed_answer_is_read_all_the_same(name: str, compress: Any) -> None:
    """We ask for plain answers; a server that compresses is decoded, and the client gets it plain."""
    talk = asked(snapshot_of(PII))
    talk.hears(response_headers(content_encoding=name))
    [action] = talk.hears(ResponseBody(compress(chat_answer("a@b.co")), True))
    assert isinstance(action, ContinueBody)
    assert action.changes.remove == ("content-encoding",)
    assert talk.client_json["choices"][0]["message"]["content"] == "<EMAIL>"


def test_a_compressed_answer_without_findings_goes_out_plain_too() -> None:
    """The encoding header is gone, so the bytes must be plain."""
    talk = asked(snapshot_of(PII))
    talk.hears(response_headers(content_encoding="gzip"))
    talk.hears(ResponseBody(gzip.compress(chat_answer("Hi")), True))
    assert talk.client == chat_answer("Hi")


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"[]", b'{"choices":7}', b'{"choices":[{"message":{"content":7},"index":0}]}', b"\xff\xfe{\x00"],
)
def test_an_answer_that_cannot_be_read_is_withheld(body: bytes) -> None:
    """What was not checked does not go out; what the server computed is counted."""
    talk = asked(snapshot_of(*ALL))
    talk.hears(response_headers())
    [action] = talk.hears(ResponseBody(body, True))
    assert withheld(action)
    assert talk.errors
    assert (talk.record.outcome, talk.record.status) == (Outcome.FAILED, 502)
    assert talk.record.usage is not None
    assert talk.record.usage.estimated


@pytest.mark.parametrize(
    "headers",
    [
        response_headers("text/html"),
        response_headers(""),
        response_headers(content_encoding="zstd"),
        response_headers(content_length=str(1 << 30)),
        ResponseHeaders({":status": "204"}, end=True),
    ],
)
def test_an_answer_of_an_unknown_kind_is_withheld(headers: ResponseHeaders) -> None:
    """Neither JSON nor an event stream, an unknown encoding, too large, or no answer at all."""
    talk = asked(snapshot_of(*ALL))
    [action] = talk.hears(headers)
    assert withheld(action)


def test_a_compressed_answer_that_is_a_bomb_is_withheld() -> None:
    """A few kilobytes that become megabytes are not read to the end."""
    talk = asked(snapshot_of(*ALL))
    talk.hears(response_headers(content_encoding="gzip"))
    [action] = talk.hears(ResponseBody(gzip.compress(b" " * 30_000_000), True))
    assert withheld(action)


def test_an_error_of_the_server_passes_and_is_not_metered() -> None:
    """Status and body are the server's."""
    body = b'{"error":{"message":"max_tokens is too large","code":400}}'
    talk = asked(snapshot_of(*ALL))
    assert talk.hears(response_headers(status=400)) == [
        ContinueHeaders(Direction.RESPONSE, response_body=BodyMode.BUFFERED, exchange_id="exchange-1")
    ]
    talk.hears(ResponseBody(body, True))
    assert talk.client == body
    record = talk.record
    assert (record.outcome, record.status, record.usage) == (Outcome.UPSTREAM_ERROR, 400, None)


def test_an_error_that_quotes_text_is_masked() -> None:
    """vLLM quotes what it does not like, even text that the model made."""
    talk = asked(snapshot_of(*ALL))
    talk.hears(response_headers(status=400))
    quoted = {"error": {"message": "expected an object, got 'mail bob@example.org'", "param": "a@b.co"}}
    talk.hears(ResponseBody(dumps(quoted), True))
    assert talk.client_json["error"] == {"message": "expected an object, got 'mail <EMAIL>'", "param": "<EMAIL>"}


def test_an_error_in_plain_text_is_masked() -> None:
    """Not everything between us and the model speaks JSON."""
    talk = asked(snapshot_of(*ALL))
    talk.hears(response_headers("text/plain", status=500))
    talk.hears(ResponseBody("Fehler für bob@example.org\n".encode(), True))
    assert talk.client.decode() == "Fehler für <EMAIL>\n"


def test_an_error_is_shortened_where_personal_data_blocks() -> None:
    """It stays an error of the server's: there is no choice in it to be cut."""
    talk = asked(snapshot_of(PII_BLOCK))
    talk.hears(response_headers(status=400))
    talk.hears(ResponseBody(dumps({"error": {"message": "got bob@example.org here", "type": "bad"}}), True))
    assert talk.client_json["error"] == {"message": "got ", "type": "bad"}
    assert talk.record.outcome is Outcome.UPSTREAM_ERROR


def test_an_error_without_a_body() -> None:
    """Nothing to read, nothing to hold."""
    talk = asked(snapshot_of(*ALL))
    assert talk.hears(ResponseHeaders({":status": "503"}, end=True, details="via_upstream")) == [
        ContinueHeaders(Direction.RESPONSE, response_body=BodyMode.NONE, exchange_id="exchange-1")
    ]
    assert talk.record.outcome is Outcome.UPSTREAM_ERROR


def test_trailers_after_a_whole_answer_pass() -> None:
    """The body comes first, and says nothing of an end."""
    talk = asked(snapshot_of(PII))
    talk.hears(response_headers())
    talk.hears(ResponseBody(chat_answer("a@b.co"), False))
    assert talk.client_json["choices"][0]["message"]["content"] == "<EMAIL>"
    assert len(talk.hears(ResponseTrailers())) == 1
    assert talk.record.outcome is Outcome.COMPLETED


def test_trailers_in_the_place_of_an_answer_abort() -> None:
    """Then nothing was checked."""
    talk = asked(snapshot_of(PII))
    talk.hears(response_headers())
    [action] = talk.hears(ResponseTrailers())
    assert isinstance(action, Abort)


@pytest.mark.parametrize("events", range(4))
def test_a_client_that_goes_away_is_measured_once(events: int) -> None:
    """In every phase: nothing before the request went on, an estimate after it."""
    talk = Conversation(snapshot_of(*ALL))
    script: list[Event] = [request_headers(), request_body(), response_headers()]
    for event in script[:events]:
        talk.hears(event)
    assert talk.hears(StreamClosed()) == []
    assert talk.hears(StreamClosed()) == []
    record = talk.record
    assert record.outcome is Outcome.ABORTED
    assert (record.usage is not None) == (events >= 2)
    if record.usage is not None:
        assert record.usage.estimated
        assert record.usage.prompt >= 1
        assert record.cost_micro_usd >= 1
