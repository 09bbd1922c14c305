"""What clients are told when something is not there, and the id by which each answer is found again: on a real Envoy.

The three 503s have one status and differ in their codes. Nothing of servers or addresses is in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import anthropic
import openai
import pytest

from extproc.sinks.review.entries import FindingQuery
from extproc.sinks.review.store import Store
from tests.e2e.apis import CHAT, MESSAGES, MODEL, Api
from tests.e2e.conftest import MakeStack
from tests.e2e.harness import Answer, Stack, wait_until
from tests.e2e.official import anthropic_of, openai_of
from tests.e2e.raw_http import Connection, post
from tests.json_lines import json_lines

BOTH = pytest.mark.parametrize("api", [CHAT, MESSAGES], ids=lambda api: api.name)
OURS = re.compile(r"[0-9a-f]{12}-[0-9a-f]+")
ENVOYS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FORGED = ("-H", "x-llm-exchange-id: mine", "-H", "x-request-id: mine")


def processor_gone(stack: Stack) -> None:
    """Nobody checks anything."""
    stack.processor.kill()


def model_gone(stack: Stack) -> None:
    """No server of the version listens."""
    stack.models["v1"].stop()


def version_unknown(stack: Stack) -> None:
    """The processor has it, Envoy's routes do not."""


def forget_v1(configuration: dict[str, Any]) -> None:
    """An Envoy from before version v1."""
    (filters,) = configuration["static_resources"]["listeners"][0]["filter_chains"]
    (host,) = filters["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]
    host["routes"] = [route for route in host["routes"] if route["name"] != f"{MODEL}/v1"]


def without_retries(configuration: dict[str, Any]) -> None:
    """An Envoy that does not wait for a processor."""
    (chain,) = configuration["static_resources"]["listeners"][0]["filter_chains"]
    processor = chain["filters"][0]["typed_config"]["http_filters"][0]["typed_config"]["extension_config"]
    del processor["typed_config"]["grpc_service"]["retry_policy"]


MESSAGE = {
    "checks_unavailable": "The gateway could not check the request or its response. Please retry shortly.",
    "model_unavailable": "The model service is not available. Please retry shortly.",
    "version_unavailable": "The chosen model version is not available yet. Please retry shortly.",
}


@pytest.mark.parametrize(
    ("fail", "change_envoy", "code"),
    [
        (processor_gone, without_retries, "checks_unavailable"),
        (model_gone, None, "model_unavailable"),
        (version_unknown, forget_v1, "version_unavailable"),
    ],
    ids=["processor", "model", "version"],
)
def test_the_three_503s_differ_in_their_codes(
    make_stack: MakeStack,
    fail: Callable[[Stack], None],
    change_envoy: Callable[[dict[str, Any]], None] | None,
    code: str,
) -> None:
    """Anthropic's error object has no code, so there the message tells them apart. Each answer has its id."""
    stack = make_stack(change_envoy=change_envoy)
    fail(stack)
    error = {"message": MESSAGE[code], "type": "service_unavailable_error", "param": None, "code": code}
    anthropics = {"type": "error", "error": {"type": "overloaded_error", "message": MESSAGE[code]}}
    for api, document in ((CHAT, {"error": error}), (MESSAGES, anthropics)):
        answer = stack.curl(api.path, "-H", "x-model-version: v1", *FORGED, body=api.request())
        assert (answer.status, answer.headers["content-type"]) == (503, "application/json")
        assert answer.document == document
        assert (OURS if code != "checks_unavailable" else ENVOYS).fullmatch(answer.headers["x-llm-exchange-id"])
        assert line_of(stack, answer)["status"] == 503


def line_of(stack: Stack, answer: Answer) -> dict[str, Any]:
    """The line of Envoy's access log that has the answer's id."""
    found = answer.headers["x-llm-exchange-id"]

    def lines() -> list[dict[str, Any]]:
        return [line for line in json_lines(stack.envoy.access_log) if line["exchange"] == found]

    (line,) = wait_until(lines, f"the access log has {found}")
    return line


# --- the id of an exchange -----------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("stream", [False, True], ids=["unstreamed", "streamed"])
@pytest.mark.parametrize("version", ["v1", "v9"], ids=["answered", "refused"])
def test_answer_log_line_and_access_log_agree(stack: Stack, api: Api, stream: bool, version: str) -> None:
    """Whatever a client sends under that name, or as its request's id."""
    answer = stack.curl(api.path, "-H", f"x-model-version: {version}", *FORGED, body=api.request(stream=stream))
    found = answer.headers["x-llm-exchange-id"]
    assert answer.status == (200 if version == "v1" else 400)
    assert OURS.fullmatch(found)
    assert line_of(stack, answer)["llm"] is None or line_of(stack, answer)["llm"]["exchange"] == found
    wait_until(lambda: f'"exchange":"{found}"' in stack.processor.log.read_text(), "the processor has logged it")


def test_a_finding_is_found_by_the_id_of_its_answer(make_stack: MakeStack) -> None:
    """``extproc review list --exchange``: what a user reports leads to what was found."""

    def review(data: dict[str, Any]) -> None:
        data["review"] = {"url": "sqlite:///review.db"}

    stack = make_stack(change=review)
    first, second = (stack.curl(CHAT.path, body=CHAT.request(text)) for text in ("Mail a@example.com", "b@example.com"))
    with closing(Store("sqlite:///review.db", stack.directory)) as store:
        for answer in (first, second):
            wanted = FindingQuery(exchange=answer.headers["x-llm-exchange-id"])
            (found,) = wait_until(partial(store.find, wanted, 10), "the finding is stored")
            assert found.entry.kind == "EMAIL"


@pytest.mark.parametrize("path", ["/v1/models", "/health", "/v1/models/none", "/metrics", "/chat/completions"])
def test_small_answers_have_one_too(stack: Stack, path: str) -> None:
    """Lists, paths that pass unread, and refusals of paths."""
    assert OURS.fullmatch(stack.curl(path, *FORGED).headers["x-llm-exchange-id"])


def test_the_codec_has_envoys(stack: Stack) -> None:
    """Before there is a request, there is no exchange: the id leads to Envoy's access log."""
    with Connection(stack) as client:
        client.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n")
        answer = client.answer()
    assert answer.document["error"]["code"] == "malformed_request"
    assert ENVOYS.fullmatch(answer.headers["x-llm-exchange-id"])


def test_each_exchange_has_its_own(stack: Stack) -> None:
    """Also on one connection, and with the same request."""
    with Connection(stack) as client:
        found = []
        for _ in range(3):
            client.send(post(CHAT.path, CHAT.request()))
            found.append(client.answer().headers["x-llm-exchange-id"])
    assert len(set(found)) == 3


# --- what official clients raise -----------------------------------------------------------------------------------


@pytest.mark.parametrize("base_url", ["", "/v1/v1", "/v1/chat/completions"])
def test_a_wrong_base_url_is_no_permission_error(stack: Stack, base_url: str) -> None:
    """OpenAI's client: a 404 that names the right path, and the id to ask about."""
    client = openai.OpenAI(base_url=f"{stack.base_url}{base_url}", api_key="none", max_retries=0)
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hello"}])
    assert refused.value.code == "path_not_found"
    assert "Did you mean /v1/chat/completions?" in refused.value.message
    assert OURS.fullmatch(refused.value.response.headers["x-llm-exchange-id"])


def test_a_base_url_with_v1_too_much_for_anthropics_client(stack: Stack) -> None:
    """It adds /v1 itself."""
    client = anthropic_of(f"{stack.base_url}/v1")
    with pytest.raises(
        anthropic.NotFoundError, match=r"Did you mean /v1/messages\? The base URL of an Anthropic client"
    ):
        client.messages.create(model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "Hello"}])


def test_a_wrong_model_is_told_the_right_one(stack: Stack) -> None:
    """By both clients."""
    told = f"The model does not exist here. Did you mean {MODEL}? Models: {MODEL}."
    with pytest.raises(openai.NotFoundError, match=re.escape(told)):
        openai_of(stack.base_url).chat.completions.create(
            model=f"{MODEL}s", messages=[{"role": "user", "content": "Hello"}]
        )
    with pytest.raises(anthropic.NotFoundError, match=re.escape(told)):
        anthropic_of(stack.base_url).messages.create(
            model=f"{MODEL}s", max_tokens=9, messages=[{"role": "user", "content": "Hello"}]
        )
