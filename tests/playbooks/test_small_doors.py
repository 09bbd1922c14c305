"""Small doors beside the APIs: names of models, paths that are passed on, and counts of tokens."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from extproc.domain.record import Outcome
from extproc.domain.text import Direction
from extproc.domain.usage import Usage
from extproc.exchange.events import (
    BodyMode,
    ContinueHeaders,
    ImmediateResponse,
    RequestBody,
    ResponseBody,
    StreamClosed,
)
from extproc.exchange.snapshot import Snapshot
from tests.playbooks.driver import (
    ALL,
    METER,
    PII_BLOCK,
    VERSION,
    Conversation,
    asked,
    dumps,
    request_headers,
    response_headers,
    snapshot_of,
)
from tests.playbooks.test_request import error_of

PRICE = {"prompt_micro_usd_per_mtok": 1_000_000, "completion_micro_usd_per_mtok": 2_000_000}
MODELS = {
    name: {"versions": {"v1": {"weight": 1, "served_model": "internal", "price": PRICE}}}
    for name in ("tiny", "org/large")
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_get_that_is_passed_on_has_no_body(method: str) -> None:
    """real-vllm F7: it was passed on unread, in both roles."""
    paths = {"allow_paths": [f"{method} /health"]}
    talk = Conversation(snapshot_of(METER, models=MODELS, requests=paths, role="guard", guard_version="tiny/v1"))
    [answer] = talk.hears(request_headers("/health", method, end=False))
    assert error_of(answer) == (400, "body_not_allowed")
    assert talk.record.outcome is Outcome.REJECTED


def test_a_post_that_is_passed_on_may_have_a_body() -> None:
    """Whoever lists it wants that."""
    talk = Conversation(snapshot_of(*ALL, requests={"allow_paths": ["POST /reset"]}))
    assert isinstance(talk.hears(request_headers("/reset", "POST"))[0], ContinueHeaders)


@pytest.mark.parametrize("allow_paths", [[], ["GET /v1/models"]])
@pytest.mark.parametrize("query", ["", "?limit=1"])
def test_the_names_of_models_are_answered_here(allow_paths: list[str], query: str) -> None:
    """real-vllm F5: all names of the configuration, none of a server's; listed as a path or not."""
    snapshot = snapshot_of(*ALL, models=MODELS, requests={"allow_paths": allow_paths})
    talk = Conversation(snapshot)
    [answer] = talk.hears(request_headers(f"/v1/models{query}", "GET", end=True, x_team="search"))
    assert isinstance(answer, ImmediateResponse)
    assert (answer.status, answer.content_type) == (200, "application/json")
    models = json.loads(answer.body)["data"]
    assert [model["id"] for model in models] == list(MODELS)
    assert {(model["object"], type(model["created"]), type(model["owned_by"])) for model in models} == {
        ("model", int, str)
    }
    assert talk.hears(response_headers(details="llm_extproc_models")) == [
        ContinueHeaders(Direction.RESPONSE, response_body=BodyMode.NONE, exchange_id="exchange-1")
    ]
    record = talk.record
    assert (record.outcome, record.status, record.endpoint, record.team) == (Outcome.ANSWERED, 200, "models", "search")
    assert record.usage is None


def test_names_of_models_for_a_client_of_anthropics_api() -> None:
    """Its list has one page, and a model a date."""
    talk = Conversation(snapshot_of(*ALL, models=MODELS))
    headers = request_headers("/v1/models", "GET", end=True, anthropic_version="2023-06-01")
    [answer] = talk.hears(headers)
    assert isinstance(answer, ImmediateResponse)
    page = json.loads(answer.body)
    assert (page["first_id"], page["last_id"], page["has_more"]) == ("tiny", "org/large", False)
    assert [(model["type"], model["display_name"]) for model in page["data"]] == [
        ("model", "tiny"),
        ("model", "org/large"),
    ]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("tiny", 200),
        ("org/large", 200),
        ("internal", 404),
        ("", 404),
        ("tiny/", 404),
        ("org", 404),
        ("org%2Flarge", 404),
    ],
)
def test_one_model_by_its_name(name: str, status: int) -> None:
    """In its one spelling."""
    talk = Conversation(snapshot_of(*ALL, models=MODELS))
    [answer] = talk.hears(request_headers(f"/v1/models/{name}", "GET", end=True))
    assert isinstance(answer, ImmediateResponse)
    assert answer.status == status
    if status == 200:
        assert json.loads(answer.body)["id"] == name
    else:
        assert error_of(answer) == (404, "model_not_found")


def test_beside_one_server_that_server_lists_its_models() -> None:
    """Role guard: it knows its adapters, and passes names on."""
    snapshot = snapshot_of(METER, models=MODELS, role="guard", guard_version="tiny/v1")
    talk = Conversation(snapshot)
    [action] = talk.hears(request_headers("/v1/models", "GET", end=True))
    assert isinstance(action, ContinueHeaders)
    for path in ("/v1/models/tiny", "/models"):
        [refused] = Conversation(replace(snapshot, allowed=frozenset())).hears(request_headers(path, "GET", end=True))
        assert error_of(refused) == (403, "path_not_allowed")


COUNT = "/v1/messages/count_tokens"


def counted(snapshot: Snapshot, answer: Any, text: str = "mail a@b.co") -> Conversation:
    """A count of tokens, answered."""
    body = RequestBody(dumps({"model": "tiny", "messages": [{"role": "user", "content": text}]}))
    talk = asked(snapshot, COUNT, body)
    talk.hears(response_headers())
    talk.hears(ResponseBody(dumps(answer), True))
    return talk


def test_a_count_of_tokens_is_guarded_and_costs_nothing() -> None:
    """real-vllm F7: it is read as a message is; the server computes nothing for it."""
    answer = {"input_tokens": 58, "context_management": {"original_input_tokens": 58}}
    talk = counted(snapshot_of(*ALL), answer)
    assert talk.server_json["messages"][0]["content"] == "mail <EMAIL>"
    assert talk.client_json == answer
    record = talk.record
    assert (record.endpoint, record.outcome, record.cost_micro_usd) == ("count_tokens", Outcome.COMPLETED, 0)
    assert record.usage == Usage(0, 0)


def test_a_count_of_tokens_that_is_left_costs_nothing() -> None:
    """Not the prompt's tokens, as of a message."""
    body = RequestBody(dumps({"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}))
    talk = asked(snapshot_of(*ALL), COUNT, body)
    talk.hears(StreamClosed())
    assert (talk.record.outcome, talk.record.usage) == (Outcome.ABORTED, Usage(0, 0))


@pytest.mark.parametrize("answer", [{"input_tokens": "mail a@b.co"}, {}, {"content": []}])
def test_an_answer_that_is_no_count_does_not_pass(answer: Any) -> None:
    """Whatever the server sends in its place."""
    talk = counted(snapshot_of(*ALL), answer)
    assert talk.client_json["error"]["type"] == "api_error"
    assert talk.record.outcome is Outcome.FAILED


def test_text_beside_a_count_is_judged() -> None:
    """A server newer than we are may say more: it ends where something is found."""
    talk = counted(snapshot_of(*ALL), {"input_tokens": 5, "later": {"note": "mail a@b.co"}})
    assert talk.client_json == {"input_tokens": 5, "later": {"note": "mail <EMAIL>"}}
    cut = counted(snapshot_of(VERSION, PII_BLOCK, METER), {"input_tokens": 5, "later": "mail a@b.co"}, "Hi")
    assert cut.client_json == {"input_tokens": 5, "later": "mail "}
