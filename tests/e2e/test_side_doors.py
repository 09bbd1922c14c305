"""Ways to a model that are not the ones we read, sent raw through a real Envoy: refused, or guarded all the same.

The requests are those recorded against a real vLLM; ``tests/recordings/README.md`` tells what each is.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from extproc.payload.endpoints import ENDPOINTS
from tests.e2e.apis import CHAT, MODEL
from tests.e2e.harness import Stack
from tests.e2e.measured import Measured
from tests.e2e.raw_http import Connection, post

RECORDINGS = Path(__file__).parents[1] / "recordings"
MAIL = b"jane.doe@example.com"
PATHS_READ = set(ENDPOINTS)
NAMES = sorted(file.name.removesuffix(".request.http") for file in RECORDINGS.glob("*.request.http"))


def recorded(name: str) -> bytes:
    """The bytes of a recorded request."""
    return (RECORDINGS / f"{name}.request.http").read_bytes()


BY_PATH = {
    name: (403, "path_not_allowed") for name in NAMES if recorded(name).split(b" ")[1].decode() not in PATHS_READ
}
# Anthropic's error object has no code.
REFUSED = BY_PATH | {
    "messages_render": (403, None),
    "chat_bom": (400, "invalid_encoding"),
    "chat_utf16": (400, "invalid_encoding"),
    "chat_duplicate_keys": (400, "duplicate_key"),
    "comp_ids": (400, "token_ids_not_allowed"),
    "comp_ids_echo": (400, "token_ids_not_allowed"),
    "comp_ids_list": (400, "token_ids_not_allowed"),
    "embeddings_ids": (400, "token_ids_not_allowed"),
    "embeddings_chat": (400, "field_not_allowed"),
    "embeddings_list": (404, "model_not_found"),
    "rerank_image": (400, "part_not_allowed"),
    "rerank_instruction": (400, "field_not_allowed"),
    "rerank_one_document": (404, "model_not_found"),
    "rerank_request_id": (404, "model_not_found"),
    "door_kv_ids": (400, "field_not_allowed"),
    "door_kv_ids_messages": (400, None),
    "door_kv_ids_responses": (400, "field_not_allowed"),
    "door_template_kwargs": (400, "field_not_allowed"),
    "door_template_tools": (400, "field_not_allowed"),
    "cors_preflight": (405, "method_not_allowed"),
    "err_method": (405, "method_not_allowed"),
    "err_chat_template": (400, "field_not_allowed"),
    "err_content_type": (415, "unsupported_content_type"),
    "err_image": (400, "part_not_allowed"),
    "err_json": (400, "invalid_json"),
    "err_json_empty": (400, "body_missing"),
    "err_messages_empty": (400, "invalid_type"),
    "err_messages_missing": (400, "invalid_type"),
    "err_model_stream": (404, "model_not_found"),
    "err_n_stream": (400, "invalid_type"),
    "err_rerank_documents": (400, "invalid_type"),
    "err_rerank_ids": (400, "invalid_type"),
    "err_rerank_model": (404, "model_not_found"),
    "err_rerank_no_document": (404, "model_not_found"),
    "err_rerank_objects": (404, "model_not_found"),
    "err_rerank_parts": (404, "model_not_found"),
    "err_role": (400, "invalid_role"),
    "err_type": (400, "invalid_type"),
    "responses_bad": (400, "invalid_type"),
}
GUARDED = [name for name in NAMES if name not in REFUSED]


@pytest.fixture(autouse=True)
def _seen_anew(stack: Stack) -> None:
    """What the shared model servers saw before is forgotten."""
    for model in stack.models.values():
        model.seen.clear()


def seen_by_models(stack: Stack) -> list[bytes]:
    """The bodies that reached any model server."""
    return [seen.body for model in stack.models.values() for seen in model.seen]


# --- recorded doors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REFUSED)
def test_a_door_that_is_closed(stack: Stack, name: str) -> None:
    """The client learns why in its API's error object, nothing reaches a model, and nothing of it is repeated."""
    status, code = REFUSED[name]
    measured = Measured(stack)
    with Connection(stack) as client:
        client.send(recorded(name))
        answer = client.answer()
    assert answer.status == status
    assert answer.document["error"].get("code") == code
    assert answer.document["error"]["message"]
    assert MAIL not in answer.body
    assert seen_by_models(stack) == []
    assert measured.outcomes() == {"rejected": 1}


@pytest.mark.parametrize("name", GUARDED)
def test_a_door_that_is_guarded(stack: Stack, name: str) -> None:
    """What passes was read: personal data is masked wherever it stands, and the version's prompt is there."""
    request = recorded(name)
    measured = Measured(stack)
    with Connection(stack) as client:
        client.send(request)
        answer = client.answer()
    (body,) = seen_by_models(stack)
    assert answer.status == 200
    assert MAIL not in body
    written = request.replace(b"\\", b"")  # in a regular expression its dots are escaped
    assert (MAIL in written) == (b"<EMAIL>" in body)
    assert MAIL not in answer.body
    assert measured.outcomes() == {"completed": 1}
    assert (measured.tokens() > 0) is (name != "messages_count_tokens")  # which the server computes nothing for


def test_every_recorded_door_is_decided_on() -> None:
    """A new recording needs a row; a row needs its recording."""
    assert set(REFUSED) <= set(NAMES)
    assert len(BY_PATH) > 20
    assert len(GUARDED) > 20


def test_copies_of_the_text_do_not_come_back(stack: Stack) -> None:
    """Log probabilities and token ids repeat the text unmasked: they are dropped where text may be changed."""
    body = {**CHAT.request("[replay chat_pii_stream_logprobs]", stream=True), "logprobs": True}
    answer = stack.curl(CHAT.path, body=body)
    assert answer.exit_code == 0
    assert b'"token_ids":[' not in answer.body
    assert b'"bytes"' not in answer.body
    assert b"jane" not in answer.body.lower().replace(b"jane ", b"")


# --- spellings -----------------------------------------------------------------------------------------------------

REQUEST = CHAT.request("Mail jane.doe@example.com")


@pytest.mark.parametrize(
    "path",
    [
        "/v1//chat/completions",
        "/v1/../v1/chat/completions",
        "/v1/x/%2e%2e/chat/completions",
        "/v1/./chat/completions",
        "/%761/chat/completions",
        "/v1/chat/completions?x=/invocations",
        "/v1/chat/completions?",
        "/v1/chat/completions#/health",
        "/v1\\chat\\completions",
    ],
)
def test_another_spelling_is_read_as_the_path_it_means_or_refused(stack: Stack, path: str) -> None:
    """Envoy writes it in one way before anybody judges it; the model server gets that, guarded."""
    with Connection(stack) as client:
        client.send(post(path, REQUEST))
        answer = client.answer()
    targets = [seen.path for model in stack.models.values() for seen in model.seen]
    assert (answer.status, targets) in ((200, [CHAT.path]), (403, []), (400, []))
    assert all(b"Mail <EMAIL>" in body for body in seen_by_models(stack))


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions/",
        "/V1/chat/completions",
        "/v1/chat/Completions",
        "/v1/chat/completions;x",
        "/v1;x/chat/completions",
        "/v1/chat/completions%00",
        "/v1/chat/completions%20",
        "/v1/chat%2fcompletions",
        "/v1/chat%5ccompletions",
        "/v1/chat/completions%3f",
        "/invocations",
        "/invocations/",
        "//invocations",
        "/v1/../invocations",
        "/health/../invocations",
        "/v1/models/../../invocations",
        "/%69nvocations",
        "/health%2f..%2finvocations",
        "*",
        "http://elsewhere/invocations",
    ],
)
def test_a_path_that_is_not_known_is_refused(stack: Stack, path: str) -> None:
    """By us or by Envoy; nothing reaches a model server."""
    with Connection(stack) as client:
        client.send(post(path, REQUEST))
        assert client.status_or_none() in (400, 403, 404, None)
    assert seen_by_models(stack) == []


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "post", "QUERY"])
def test_a_method_that_is_not_the_apis_is_refused(stack: Stack, method: str) -> None:
    """Only POST, in exactly that spelling."""
    with Connection(stack) as client:
        client.send(post(CHAT.path, REQUEST).replace(b"POST", method.encode(), 1))
        assert client.status_or_none(method) in (400, 405, None)
    assert seen_by_models(stack) == []


@pytest.mark.parametrize("path", ["/v1/models", "/health"])
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_an_allowed_path_is_allowed_for_its_method_only(stack: Stack, method: str, path: str) -> None:
    """``GET /v1/models`` says nothing of POST."""
    with Connection(stack) as client:
        client.send(post(path, REQUEST).replace(b"POST", method.encode(), 1))
        assert client.answer(method).status == 403
    assert seen_by_models(stack) == []


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/models?x=/v1/chat/completions", 200), ("/health", 400)], ids=["models", "health"]
)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_with_an_allowed_get_reaches_no_model(stack: Stack, path: str, status: int, framing: str) -> None:
    """real-vllm F7: it was passed on unread. Where we answer it is dropped, where the path is passed on refused."""
    request = post(path, REQUEST).replace(b"POST", b"GET", 1)
    if framing == "chunked":
        head, _, body = request.partition(b"\r\ncontent-length: ")
        body = body.partition(b"\r\n\r\n")[2]
        request = head + b"\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with Connection(stack) as client:
        client.send(request)
        assert client.answer("GET").status == status
    assert seen_by_models(stack) == []


def test_models_are_listed_by_the_names_that_clients_may_ask_for(stack: Stack) -> None:
    """real-vllm F5: one model server's list was passed on, with a name that nobody may ask for. Both APIs' clients."""
    measured = Measured(stack)
    openai = stack.curl("/v1/models")
    anthropic = stack.curl("/v1/models?limit=20", "-H", "anthropic-version: 2023-06-01", "--http2-prior-knowledge")
    one = stack.curl(f"/v1/models/{MODEL}")
    none = stack.curl(f"/v1/models/{MODEL}-next", "-H", "anthropic-version: 2023-06-01")
    assert [model["id"] for model in openai.document["data"]] == [MODEL]
    assert (openai.document["object"], openai.headers["content-type"]) == ("list", "application/json")
    assert [(model["type"], model["id"]) for model in anthropic.document["data"]] == [("model", MODEL)]
    assert one.document == openai.document["data"][0]
    assert (none.status, none.document["error"]["type"]) == (404, "not_found_error")
    assert seen_by_models(stack) == []
    assert measured.outcomes(4) == {"answered": 3, "rejected": 1}


def test_tokens_are_counted_of_what_a_message_would_send(stack: Stack) -> None:
    """real-vllm F7: Claude Code counts before it sends. Masked, with the version's prompt, and for nothing."""
    measured = Measured(stack)
    body = {"model": MODEL, "messages": [{"role": "user", "content": f"Mail {MAIL.decode()}"}]}
    answer = stack.curl("/v1/messages/count_tokens", "-H", "x-model-version: v2", body=body)
    assert (answer.status, answer.document["input_tokens"]) == (200, 58)
    (seen,) = seen_by_models(stack)
    sent = json.loads(seen)
    assert (sent["messages"][0]["content"], bool(sent["system"])) == ("Mail <EMAIL>", True)
    assert measured.outcomes() == {"completed": 1}
    assert measured.tokens() == 0


# --- content types -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/jsonx",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json, text/plain",
    ],
)
def test_a_content_type_that_is_not_json_in_utf8_is_refused(stack: Stack, content_type: str | None) -> None:
    """The model server would read it otherwise, or not at all."""
    new = b"x-none: 1" if content_type is None else f"content-type: {content_type}".encode()
    with Connection(stack) as client:
        client.send(post(CHAT.path, REQUEST).replace(b"content-type: application/json", new))
        answer = client.answer()
    assert (answer.status, answer.document["error"]["code"]) == (415, "unsupported_content_type")
    assert seen_by_models(stack) == []


@pytest.mark.parametrize("second", ["text/plain", "application/json", "application/json; charset=utf-16"])
def test_two_content_types_are_refused(stack: Stack, second: str) -> None:
    """Two readers could take either."""
    with Connection(stack) as client:
        client.send(post(CHAT.path, REQUEST, f"content-type: {second}".encode()))
        assert client.answer().status in (400, 415)
    assert seen_by_models(stack) == []


@pytest.mark.parametrize("content_type", ["Application/JSON", "application/json;charset=UTF-8", "application/json ; "])
def test_json_in_utf8_may_be_written_in_several_ways(stack: Stack, content_type: str) -> None:
    """What means the same passes, guarded."""
    new = f"content-type: {content_type}".encode()
    with Connection(stack) as client:
        client.send(post(CHAT.path, REQUEST).replace(b"content-type: application/json", new))
        assert client.answer().status == 200
    assert b"Mail <EMAIL>" in seen_by_models(stack)[0]


# --- framing -------------------------------------------------------------------------------------------------------

BODY = json.dumps(REQUEST).encode()
HEAD = f"POST {CHAT.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n".encode()
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
SMUGGLED = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "message",
    {
        "two lengths": HEAD + b"content-length: 5\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY,
        "two lengths in one": HEAD + b"content-length: 5, %d\r\n\r\n" % len(BODY) + BODY,
        "a length with a sign": HEAD + b"content-length: +%d\r\n\r\n" % len(BODY) + BODY,
        "length and chunked": HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKED,
        "chunked twice": HEAD + b"transfer-encoding: chunked, chunked\r\n\r\n" + CHUNKED,
        "chunked, then identity": HEAD + b"transfer-encoding: chunked, identity\r\n\r\n" + CHUNKED,
        "an unknown encoding": HEAD + b"transfer-encoding: xchunked\r\n\r\n" + CHUNKED,
        "gzip as transfer-encoding": HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n" + CHUNKED,
        "a blank before the colon": HEAD + b"transfer-encoding : chunked\r\n\r\n" + CHUNKED,
        "an underscore": HEAD + b"transfer_encoding: chunked\r\ncontent-length: 0\r\n\r\n" + SMUGGLED,
        "a folded header": HEAD + b"x-a: b\r\n transfer-encoding: chunked\r\n\r\n" + CHUNKED,
        "a bad chunk size": HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n" + BODY,
        "no host": HEAD.replace(b"host: x\r\n", b"") + b"content-length: %d\r\n\r\n" % len(BODY) + BODY,
    }.items(),
    ids=lambda message: message[0],
)
def test_a_framing_that_two_parsers_could_read_differently(stack: Stack, message: tuple[str, bytes]) -> None:
    """Refused by Envoy or by us, or read once and sent on in one framing: never a second request inside the first."""
    with Connection(stack) as client:
        client.send(message[1])
        client.socket.shutdown(socket.SHUT_WR)
        status = client.status_or_none()
    bodies = seen_by_models(stack)
    paths = [seen.path for model in stack.models.values() for seen in model.seen]
    assert (paths == [] and (status is None or status >= 400)) or (paths == [CHAT.path] and status == 200)
    assert all(b"Mail <EMAIL>" in body for body in bodies)
    for model in stack.models.values():
        for seen in model.seen:
            names = [name for name, _ in seen.headers]
            assert (names.count("content-length"), names.count("transfer-encoding")) == (1, 0)


def test_a_known_body_on_an_unknown_model_reaches_nothing(stack: Stack) -> None:
    """A name that is not configured has no version, and none is guessed."""
    answer = stack.curl(CHAT.path, body={**REQUEST, "model": f"{MODEL}-next"})
    assert (answer.status, answer.document["error"]["code"]) == (404, "model_not_found")
    assert seen_by_models(stack) == []
