"""A dialect is one file, its name and path in the contract, and one row: no filter and no other module knows of it.

Here it is vLLM's score of two texts, which is not shipped: its requests have four forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import orjson
import pytest

from extproc.domain.contract import ENDPOINT_PATHS, Endpoint
from extproc.domain.errors import ApiError
from extproc.domain.record import Outcome
from extproc.domain.text import Speaker
from extproc.domain.usage import Usage
from extproc.exchange.events import RequestBody, ResponseBody
from extproc.payload.dialect import UnreadableResponse, openai_error
from extproc.payload.embeddings import NoStream
from extproc.payload.endpoints import ENDPOINTS
from extproc.payload.inert import USAGE, Shape, ids_after, is_count, is_measure, is_name
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
from tests.playbooks import test_usage_bounds, unread
from tests.playbooks.driver import (
    METER,
    PII,
    PII_BLOCK,
    VERSION,
    Conversation,
    dumps,
    request_headers,
    response_headers,
    snapshot_of,
)
from tests.tools.vllm_check.table import MINIMAL as PLACES
from tests.unit.payload.requests import MINIMAL
from tests.unit.payload.test_any_json import REQUESTS

PATH = "/v1/score"
SPEAKERS = {"text_1": Speaker.USER, "text_2": Speaker.TOOL}
SHAPE = RequestShape(prompts=list(SPEAKERS))
SCORES = Shape(inert={"index": is_count, "score": is_measure})
ANSWER = Shape(inert={"id": ids_after("score"), "model": is_name}, objects={"data": SCORES, "usage": USAGE})
CARD = "4111 1111 1111 1111"


class Score:
    """All that a dialect of scores is."""

    name = cast(Endpoint, "score")
    generates = False
    reads_responses = True
    templated = False

    def read_request(self, body: bytes, policy: RequestPolicy) -> RequestView:
        """Raises: PayloadRefused."""
        view = read_object(body, policy, SHAPE, generates=False)
        for key, speaker in SPEAKERS.items():
            view.texts += text_fields(expect_text(view.tree, key), (key,), request_source(speaker))
        view.texts += other_fields(view.tree, frozenset(SPEAKERS))
        return view

    def insert_prompt(self, request: RequestView, text: str, replace: bool) -> None:
        """There is none."""

    def ask_for_usage(self, request: RequestView, continuous: bool) -> None:
        """It comes always."""

    def read_response(self, tree: dict[str, Any]) -> ResponseView:
        """Raises: UnreadableResponse."""
        if not isinstance(tree.get("data"), list):
            raise UnreadableResponse("a response has no data")
        return ResponseView(tree, unnamed_slots(tree, ANSWER, 0), usage_of(tree.get("usage")))

    def cut_response(self, view: ResponseView, choice: int, kept: list[Slot]) -> None:
        """There are no choices."""

    def stream(self, shown: Mapping[str, Any]) -> NoStream:
        """There is none."""
        return NoStream()

    def error_body(self, error: ApiError) -> bytes:
        """OpenAI's error object."""
        return orjson.dumps(openai_error(error))


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one row of the dialect."""
    monkeypatch.setitem(ENDPOINTS, PATH, Score())


def scored(*filters: Any, **fields: Any) -> Conversation:
    """A request that was judged."""
    body = {"model": "tiny", "text_1": "capital of France", "text_2": "Paris", **fields}
    talk = Conversation(snapshot_of(VERSION, METER, *filters))
    return talk.hears_all([request_headers(PATH), RequestBody(dumps(body))])


def refusal_of(talk: Conversation) -> str:
    """The code of the error that the client reads."""
    code: str = talk.client_json["error"]["code"]
    return code


@pytest.mark.parametrize(
    "table", [MINIMAL, REQUESTS, unread.BODIES, unread.WHOLE, test_usage_bounds.BODIES, test_usage_bounds.LIES, PLACES]
)
def test_the_laws_are_tried_with_every_dialect(table: dict[str, Any]) -> None:
    """By name or by path. A count of tokens is read as a message is, and its answer is a number."""
    known = {ENDPOINTS[key].name if key in ENDPOINTS else key for key in table}
    assert known | {"count_tokens"} == set(ENDPOINT_PATHS)


@pytest.mark.usefixtures("row")
@pytest.mark.parametrize("field", [*SPEAKERS, "later"])
def test_all_its_texts_are_judged(field: str) -> None:
    """Its own, and those of fields that it does not know."""
    talk = scored(PII_BLOCK, **{field: CARD})
    assert talk.server is None
    assert talk.record.outcome is Outcome.REJECTED


@pytest.mark.usefixtures("row")
def test_filters_ask_its_shape() -> None:
    """What is a message, and whose words it holds: they know neither field."""
    size = {"guard": "size", "action": "block", "message_chars_max": 17}
    assert scored(size).server is not None
    assert refusal_of(scored(size, text_2="x" * 18)) == "message_too_long"
    assert refusal_of(scored({"guard": "roles", "allowed": ["user"]})) == "role_not_allowed"


@pytest.mark.usefixtures("row")
def test_its_answer_is_read_and_metered() -> None:
    """Scores pass, texts are judged, usage counts; the endpoint has its name in the record."""
    usage = {"prompt_tokens": 9, "total_tokens": 9}
    data = [{"index": 0, "score": 0.9, "note": f"card {CARD}"}]
    answer = {"id": "score-92f0ff3719e34fff", "model": "tiny", "usage": usage, "data": data}
    talk = scored(PII).hears_all([response_headers(), ResponseBody(dumps(answer), True)])
    assert talk.client_json["data"] == [{"index": 0, "score": 0.9, "note": "card <CREDIT_CARD>"}]
    assert talk.record.usage == Usage(9, 0)
    assert talk.record.endpoint == "score"
