"""A base URL that says too much or too little is recognized; a path of the model server's own is not taken for one."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.config.checks import DOOR_ENDINGS, INFERENCE_DOORS
from extproc.domain.contract import ENDPOINT_PATHS, MODELS_PATH
from extproc.exchange.events import ImmediateResponse
from extproc.exchange.meant_paths import PATH_CHARS_MAX, base_url_hint, meant_path
from tests.playbooks.driver import METER, Conversation, request_headers, snapshot_of

SERVED = (*ENDPOINT_PATHS.values(), MODELS_PATH)
WITHOUT_V1 = [path for path in SERVED if path.removeprefix("/v1") not in INFERENCE_DOORS]


@pytest.mark.parametrize("path", WITHOUT_V1)
@pytest.mark.parametrize("spelled", ["{tail}", "/v1{path}", "/v1/v1{path}", "/openai{path}", "/api{tail}", "{path}/"])
def test_another_base_url_means_the_path(path: str, spelled: str) -> None:
    """Without /v1, with it twice, behind a prefix of other gateways, or with a slash at the end."""
    assert meant_path(spelled.format(path=path, tail=path.removeprefix("/v1")), lists_models=True) == path


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/v1/chat/completions/chat/completions", "/v1/chat/completions"),
        ("/v1/messages/v1/messages", "/v1/messages"),
        ("/V1/Chat/Completions", "/v1/chat/completions"),
        ("/v1/messages/count_tokens/", "/v1/messages/count_tokens"),
    ],
)
def test_an_endpoint_taken_for_a_base_url_means_the_path(path: str, meant: str) -> None:
    """The longest path that fits."""
    assert meant_path(path, lists_models=True) == meant


@pytest.mark.parametrize(
    "path",
    [
        *INFERENCE_DOORS,
        *(f"/v1/chat/completions{ending}" for ending in DOOR_ENDINGS),
        "/v1/threads/thread_1/messages",
        "/v1/messages/batches",
        "/metrics",
        "/",
        "/v1",
        "",
        "*",
        "/v1" * PATH_CHARS_MAX + "/chat/completions",
    ],
)
def test_other_paths_mean_themselves(path: str) -> None:
    """Doors of the model server stay refused as what they are; nothing is guessed for what no base URL explains."""
    assert meant_path(path, lists_models=True) is None


def test_a_list_that_is_not_served_is_not_named() -> None:
    """Beside one server, unless its configuration allows the path."""
    assert meant_path("/models", lists_models=True) == MODELS_PATH
    assert meant_path("/models", lists_models=False) is None


@given(st.text(max_size=50) | st.lists(st.sampled_from(["v1", "", "chat", "completions", "V1"])).map("/".join))
@example("/v1/chat/completions")
def test_what_is_named_is_served_and_another_path(path: str) -> None:
    """For any path: the answer is one of ours, or nothing."""
    meant = meant_path(path, lists_models=True)
    assert meant is None or (meant in SERVED and meant != path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "/chat/completions",
            "Nothing is served at this path. Did you mean /v1/chat/completions?"
            " The base URL of an OpenAI client ends in /v1, once.",
        ),
        (
            "/v1/v1/messages",
            "Nothing is served at this path. Did you mean /v1/messages?"
            " The base URL of an Anthropic client ends before /v1.",
        ),
    ],
)
def test_the_client_is_told_the_path_and_its_base_url(path: str, message: str) -> None:
    """404 in OpenAI's convention: a 403 reads as if a key were wrong."""
    (answer,) = Conversation(snapshot_of(METER)).hears(request_headers(path))
    assert isinstance(answer, ImmediateResponse)
    assert answer.status == 404
    assert json.loads(answer.body)["error"]["message"] == message
    assert base_url_hint(path.replace("/v1/v1", "/v1")) in message
