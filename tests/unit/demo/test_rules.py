"""The recording that answers a request: cue, then rules in order, then the endpoint's plain one."""

import json
from typing import Any

import pytest

from extproc.demo.catalog import shipped
from extproc.demo.rules import (
    CHAT,
    COMPLETIONS,
    DEMO_RULES,
    MESSAGES,
    RESPONSES,
    ReplayRule,
    choose,
    last_user_text,
    says,
)
from extproc.demo.seen import Request

USAGE = {"stream": True, "stream_options": {"include_usage": True}}


def post(path: str, document: object) -> Request:
    """A POST of a JSON document."""
    return Request("POST", path, (), json.dumps(document).encode())


def asks(text: str, **more: Any) -> Request:
    """A chat request in which the user says `text`."""
    return post(CHAT, {"messages": [{"role": "user", "content": text}], **more})


@pytest.mark.parametrize(
    ("request_", "recording"),
    [
        (post(CHAT, {}), "chat"),
        (post(CHAT, {"stream": False}), "chat"),
        (post(CHAT, {"stream": True}), "chat_stream"),
        (post(CHAT, USAGE), "chat_stream_usage"),
        (
            post(CHAT, {"stream": True, "stream_options": {"include_usage": True, "continuous_usage_stats": True}}),
            "chat_stream_usage_continuous",
        ),
        (post(CHAT, {"stream": True, "stream_options": {"continuous_usage_stats": True}}), "chat_stream"),
        (post(CHAT, {"stream_options": {"include_usage": True}}), "chat"),
        (post(COMPLETIONS, {}), "comp"),
        (post(COMPLETIONS, {"stream": True}), "comp_stream"),
        (post(COMPLETIONS, USAGE), "comp_stream_usage"),
        (post(RESPONSES, {}), "responses"),
        (post(RESPONSES, {"stream": True}), "responses_stream"),
        (post(MESSAGES, {}), "messages"),
        (post(MESSAGES, {"stream": True}), "messages_stream"),
        (post("/v1/embeddings", {"input": "x"}), "embeddings"),
        (post("/v1/messages/count_tokens", {}), "messages_count_tokens"),
        (post("/v1/rerank", {"query": "x", "documents": ["y"]}), "rerank"),
        (post("/v1/rerank", {"query": "[replay rerank_top_n]"}), "rerank_top_n"),
        (post("/v2/rerank", {}), "err_route"),
        (Request("GET", "/v1/models", (), b""), "models"),
        (Request("GET", "/health?verbose=1", (), b""), "health"),
        (Request("GET", CHAT, (), b""), "err_route"),
        (post("/v1//chat/completions", {}), "err_route"),
        (Request("POST", CHAT, (), b"\xff not JSON"), "chat"),
    ],
)
def test_without_a_rule_an_endpoint_answers_with_its_plain_recording(request_: Request, recording: str) -> None:
    """By path, streamed or not, with usage when asked for; what is not known gets vLLM's 404. All are shipped."""
    assert choose(request_, ()) == recording
    assert recording in shipped().names


def test_the_first_rule_that_fits_answers() -> None:
    """Path, streaming and phrase must all fit, and the order decides."""
    rules = [
        ReplayRule(COMPLETIONS, None, None, "comp"),
        ReplayRule(CHAT, True, "weather", "reason_stream"),
        ReplayRule(CHAT, False, "weather", "reason"),
        ReplayRule(CHAT, None, "WEATHER in Paris", "chat_pii"),
        ReplayRule(CHAT, None, None, "hello"),
    ]
    assert choose(asks("The Weather in Paris?"), rules) == "reason"
    assert choose(asks("The weather?", stream=True), rules) == "reason_stream"
    assert choose(asks("Anything else"), rules) == "hello"
    assert choose(post(RESPONSES, {"input": "weather"}), rules) == "responses"


def test_a_cue_comes_before_every_rule() -> None:
    """A test can ask for any recording by its name, in the last message of the user."""
    everything = [ReplayRule(CHAT, None, None, "hello")]
    assert choose(asks("[replay crash_stream]"), everything) == "crash_stream"
    assert choose(asks("Please [replay  chat_pii ] now"), everything) == "chat_pii"
    assert choose(asks("[replay without an end"), everything) == "hello"


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (
            {
                "messages": [
                    {"role": "user", "content": "first"},
                    {"role": "assistant", "content": "answer"},
                    {"role": "user", "content": "last"},
                    {"role": "tool", "content": "result"},
                ]
            },
            "last",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}, {"text": "b"}]}
                ]
            },
            "a\nb",
        ),
        ({"input": "one"}, "one"),
        ({"input": ["one", "two"]}, "one\ntwo"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "item"}]}, {"type": "reasoning"}]},
            "item",
        ),
        ({"prompt": "once"}, "once"),
        ({"prompt": ["once", "twice"]}, "once\ntwice"),
        ({"prompt": [1, 2, 3]}, ""),
        ({"messages": [{"role": "user", "content": None}]}, ""),
        ({"messages": None}, ""),
        ({}, ""),
    ],
)
def test_the_last_words_of_the_user_are_found_in_every_api(document: dict[str, Any], text: str) -> None:
    """As text, parts, items or prompts; what is no text counts for nothing."""
    assert last_user_text(document) == text


@pytest.mark.parametrize("rules", [DEMO_RULES, says("x", "hello"), says(None, "greeting_pii")])
def test_rules_for_a_dictated_text_name_recordings_that_are_shipped(rules: tuple[ReplayRule, ...]) -> None:
    """The names are built from the API and the text, so each has to exist."""
    assert {rule.recording for rule in rules} <= shipped().names
