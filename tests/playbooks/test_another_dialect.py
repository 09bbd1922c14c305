"""A dialect that no filter has heard of is guarded like the others: it states its shape, and the filters ask.

It is vLLM's rerank, of a query and documents, whose texts stand elsewhere than those of all shipped dialects. It is not
shipped: the bodies here are made from vLLM 0.32's request and response models, and are no recordings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import orjson
import pytest

from extproc.domain.contract import Endpoint
from extproc.domain.errors import ApiError
from extproc.domain.record import Outcome
from extproc.domain.text import Speaker
from extproc.exchange.events import RequestBody, ResponseBody
from extproc.payload.dialect import UnreadableResponse, openai_error
from extproc.payload.embeddings import NoStream
from extproc.payload.endpoints import ENDPOINTS
from extproc.payload.inert import USAGE, Shape, is_count, is_label, is_measure, is_name
from extproc.payload.openai_request import other_fields, read_object
from extproc.payload.request_shape import RequestShape
from extproc.payload.unnamed import unnamed_slots
from extproc.payload.usage import usage_of
from extproc.payload.view import (
    RequestPolicy,
    RequestView,
    ResponseView,
    Slot,
    expect_text,
    request_source,
    text_fields,
)
from tests.playbooks.driver import (
    METER,
    PII_BLOCK,
    VERSION,
    Conversation,
    dumps,
    request_headers,
    response_headers,
    snapshot_of,
)

PATH = "/v1/rerank"
SHAPE = RequestShape(prompts=["query"])
RESULTS = Shape(inert={"index": is_count, "relevance_score": is_measure})
ANSWER = Shape(inert={"id": is_label, "model": is_name}, objects={"results": RESULTS, "usage": USAGE})
CARD = "4111 1111 1111 1111"
QUERY = {"model": "tiny", "query": "capital of France", "documents": ["Paris", {"text": "Lyon"}]}


class Rerank:
    """All that a dialect of scores is."""

    name = cast(Endpoint, "rerank")
    generates = False
    reads_responses = True
    templated = False

    def read_request(self, body: bytes, policy: RequestPolicy) -> RequestView:
        """Raises: PayloadRefused."""
        view = read_object(body, policy, SHAPE, generates=False)
        view.texts += text_fields(expect_text(view.tree, "query"), ("query",), request_source(Speaker.USER))
        view.texts += other_fields(view.tree, frozenset({"query"}))
        return view

    def insert_prompt(self, request: RequestView, text: str, replace: bool) -> None:
        """There is none."""

    def ask_for_usage(self, request: RequestView, continuous: bool) -> None:
        """It comes always."""

    def read_response(self, tree: dict[str, Any]) -> ResponseView:
        """Raises: UnreadableResponse."""
        if not isinstance(tree.get("results"), list):
            raise UnreadableResponse("an answer has no results")
        return ResponseView(tree, unnamed_slots(tree, ANSWER, 0), usage_of(tree.get("usage")))

    def cut_response(self, view: ResponseView, choice: int, kept: list[Slot]) -> None:
        """There are no choices."""

    def stream(self, shown: Mapping[str, Any]) -> NoStream:
        """There is none."""
        return NoStream()

    def error_body(self, error: ApiError) -> bytes:
        """OpenAI's error object."""
        return orjson.dumps(openai_error(error))


@pytest.fixture(autouse=True)
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one row of the dialect."""
    monkeypatch.setitem(ENDPOINTS, PATH, Rerank())


def reranked(*filters: Any, **fields: Any) -> Conversation:
    """A request that was judged."""
    talk = Conversation(snapshot_of(VERSION, METER, *filters))
    return talk.hears_all([request_headers(PATH), body_of(**fields)])


def body_of(**fields: Any) -> RequestBody:
    """A request's body, with some fields replaced."""
    return RequestBody(dumps({**QUERY, **fields}))


def refusal_of(talk: Conversation) -> str:
    """The code of the error that the client reads."""
    code: str = talk.client_json["error"]["code"]
    return code


def test_its_query_is_a_message_and_its_documents_are_none() -> None:
    """The guard of sizes asks, and knows neither field."""
    size = {"guard": "size", "action": "block", "message_chars_max": 17}
    assert reranked(size, documents=["x" * 100]).server is not None
    assert refusal_of(reranked(size, query="x" * 18)) == "message_too_long"


@pytest.mark.parametrize("fields", [{"query": CARD}, {"documents": [CARD]}, {"documents": [{"text": CARD}]}])
def test_all_its_texts_are_judged(fields: dict[str, Any]) -> None:
    """Wherever they stand."""
    talk = reranked(PII_BLOCK, **fields)
    assert talk.server is None
    assert talk.record.outcome is Outcome.REJECTED


def test_its_documents_are_fenced_and_its_query_is_not() -> None:
    """By who speaks, and by what the shape calls prose."""
    talk = reranked({"guard": "injection", "action": "block", "fence": True})
    assert talk.server_json["query"] == QUERY["query"]
    assert all("EXTERNAL DATA" in str(document) for document in talk.server_json["documents"])


def test_whose_words_it_holds_is_asked_for() -> None:
    """A guard of roles needs no table of its own."""
    assert refusal_of(reranked({"guard": "roles", "allowed": ["user"]})) == "role_not_allowed"
    assert reranked({"guard": "roles", "allowed": ["user", "document"]}).server is not None


def test_its_answer_is_read_and_metered() -> None:
    """Texts that it repeats are judged like asides; its usage counts."""
    talk = reranked(PII_BLOCK)
    results = [{"index": 0, "document": {"text": "Paris"}, "relevance_score": 0.9}]
    usage = {"prompt_tokens": 9, "total_tokens": 9}
    answer = {"id": "rerank-1", "model": "tiny-v1", "usage": usage, "results": results}
    talk.hears_all([response_headers(), ResponseBody(dumps(answer), end=True)])
    assert talk.client_json["results"] == results
    assert talk.record.usage is not None
    assert talk.record.usage.prompt == 9
