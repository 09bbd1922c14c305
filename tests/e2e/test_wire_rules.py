"""Requests through our processor on a real Envoy: framing, encodings, headers, limits, and the version that answers."""

from __future__ import annotations

import gzip
import http.client
import itertools
import json
import zlib
from typing import Any

import brotli
import pytest

from extproc.demo.installation import Change
from extproc.demo.scripted import Scripted
from tests.e2e.apis import APIS, CHAT, MESSAGES, MODEL, Api
from tests.e2e.harness import Answer, Stack
from tests.e2e.measured import Measured
from tests.e2e.raw_http import Connection, post
from tests.e2e.scripted_models import ScriptedModels
from tests.hangs import HANG_S

pytestmark = pytest.mark.transport

REQUEST_BYTES_MAX = 100_000
ENVOY_BUFFER_BYTES = 131_072  # the largest of the limits, rounded up
MAIL = "anna.schmidt@example.com"
ENCODE = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
}
FRAMINGS = {
    "length": (),
    "chunked": ("-H", "transfer-encoding: chunked"),
    "http2": ("--http2-prior-knowledge",),
    "http2 without length": ("--http2-prior-knowledge", "-H", "content-length:"),
}


def small_limits(data: dict[str, Any]) -> None:
    """Limits that a test can go over cheaply."""
    data["limits"] = {"request_body_bytes_max": REQUEST_BYTES_MAX, "response_body_bytes_max": REQUEST_BYTES_MAX}


@pytest.fixture(scope="module")
def change() -> Change:
    """What the stack of this file has in its configuration."""
    return small_limits


@pytest.fixture
def stack(shared: Stack, scripted: ScriptedModels) -> Stack:
    """The shared stack; its model servers answer as recorded, and what they saw before is forgotten."""
    scripted.reset()
    return shared


def padded(size: int) -> bytes:
    """A chat request of that many bytes that names an address."""
    body = json.dumps(CHAT.request(f"Mail {MAIL} "))
    return body.replace(f"{MAIL} ", f"{MAIL} " + "x " * ((size - len(body)) // 2)).encode()


def is_error(answer: Answer, status: int, code: str, path: str = CHAT.path) -> bool:
    """Whether the answer is an error in the shape of the path's API; Anthropic's has no code."""
    if (answer.exit_code, answer.status, answer.headers["content-type"]) != (0, status, "application/json"):
        return False
    error = answer.document["error"]
    if path == MESSAGES.path:
        return answer.document["type"] == "error" and set(error) == {"type", "message"} and bool(error["message"])
    return set(error) == {"message", "type", "param", "code"} and error["code"] == code and bool(error["message"])


# --- framing of requests -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_masked_request_arrives_whole_under_its_right_length(
    stack: Stack, models: ScriptedModels, framing: str, api: Api
) -> None:
    """Masking and the prompt change the body's length; the model server gets exactly that, under one framing."""
    answer = stack.curl(api.path, *FRAMINGS[framing], body=api.request(f"Mail {MAIL} now"))
    seen = models.only
    lengths = [value for name, value in seen.headers if name == "content-length"]
    assert answer.status == 200
    assert lengths == [str(len(seen.body))]
    assert seen.request.header("transfer-encoding") is None
    assert b"Mail <EMAIL> now" in seen.body
    assert json.loads(seen.body)["model"] in (MODEL, f"{MODEL}-next")


def test_expect_100_continue_with_a_large_body(stack: Stack, models: ScriptedModels) -> None:
    """Envoy says ``100 Continue`` by itself; the body is then read, masked and sent on as any other."""
    body = padded(90_000)
    answer = stack.curl(CHAT.path, "-H", "expect: 100-continue", "--expect100-timeout", "9", body=body)
    assert (answer.exit_code, answer.status) == (0, 200)
    assert answer.seconds < 9  # curl did not have to give up waiting for the 100
    assert b"Mail <EMAIL> x x" in models.only.body
    assert models.only.request.header("content-length") == str(len(models.only.body))
    assert models.only.request.header("expect") is None


def test_several_exchanges_on_one_connection(stack: Stack, measured: Measured) -> None:
    """Keep-alive: masked, streamed and passed exchanges follow each other, and each is its own."""
    client = http.client.HTTPConnection(stack.base_url.removeprefix("http://"), timeout=HANG_S)
    client.connect()
    own = client.sock.getsockname()

    def ask(method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        headers = {"content-type": "application/json"} if body is not None else {}
        client.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = client.getresponse()
        return answer.status, answer.read()

    assert ask("POST", CHAT.path, CHAT.request(f"Mail {MAIL}"))[0] == 200
    assert ask("POST", CHAT.path, CHAT.request("[replay greeting_pii_stream]", stream=True))[1].endswith(b"[DONE]\n\n")
    assert ask("GET", "/health")[0] == 200
    assert ask("POST", MESSAGES.path, MESSAGES.request())[0] == 200
    assert client.sock.getsockname() == own
    client.close()
    assert measured.outcomes(4) == {"completed": 3, "passed": 1}


def test_a_refused_body_ends_its_connection_openly(stack: Stack) -> None:
    """Envoy closes after an answer of ours to a body, and says so, so that no client sends into a closed one."""
    with Connection(stack) as client:
        client.send(post(CHAT.path, {"model": MODEL, "messages": []}))
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert client.closed()


def test_two_requests_sent_at_once_are_answered_in_order(stack: Stack) -> None:
    """Pipelining: the second request's bytes are in the first one's read."""
    first, second = (post(CHAT.path, CHAT.request(f"[replay {name}]")) for name in ("greeting_pii", "hello"))
    with Connection(stack) as client:
        client.send(first + second)
        assert b"Write to Anna" in client.answer().body
        assert b"Envoy is a proxy" in client.answer().body


@pytest.mark.parametrize("options", [(), ("--http2-prior-knowledge",)], ids=["http1", "http2"])
def test_a_get_without_a_body_passes(
    stack: Stack, models: ScriptedModels, measured: Measured, options: tuple[str, ...]
) -> None:
    """Headers are all there is of it; the answer passes unread, with its length."""
    answer = stack.curl("/health", *options)
    assert (answer.exit_code, answer.status) == (0, 200)
    assert (models.only.path, models.only.body) == ("/health", b"")
    assert answer.headers["content-length"] == str(len(answer.body))
    assert measured.outcomes() == {"passed": 1}
    assert measured.tokens() == 0


@pytest.mark.parametrize("options", [("-X", "POST"), ("-X", "POST", "--http2-prior-knowledge")], ids=["http1", "http2"])
def test_a_post_without_a_body_is_refused(
    stack: Stack, models: ScriptedModels, measured: Measured, options: tuple[str, ...]
) -> None:
    """No body message comes after such headers, so the refusal must not wait for one."""
    answer = stack.curl(CHAT.path, *options, "-H", "content-type: application/json")
    assert is_error(answer, 400, "body_missing")
    assert models.seen == []
    assert measured.outcomes() == {"rejected": 1}


# --- headers -------------------------------------------------------------------------------------------------------


def test_header_values_that_are_not_ascii(stack: Stack, models: ScriptedModels, measured: Measured) -> None:
    """Values come as raw bytes: UTF-8 is read, and what is not UTF-8 does not end the exchange."""
    with Connection(stack) as client:
        for value in ("Zürich".encode(), "Zürich".encode("latin-1"), b"\xff\xfe"):
            client.send(post(CHAT.path, CHAT.request(), b"x-project: " + value, b"x-note: " + value))
            assert client.answer().status == 200
    assert measured.outcomes(3) == {"completed": 3}
    assert measured.rise("llm_requests_total", project="Zürich") == 1
    assert models.seen[0].request.header("x-note") == "Zürich".encode().decode("latin-1")


def test_a_header_sent_twice_is_one_value(stack: Stack, measured: Measured) -> None:
    """As HTTP says: joined by a comma. Neither of them wins in silence."""
    stack.curl(CHAT.path, "-H", "x-team: search", "-H", "x-team: support", body=CHAT.request())
    assert measured.outcomes() == {"completed": 1}
    assert measured.rise("llm_requests_total", team="other") == 1


def test_answers_are_asked_for_plain(stack: Stack, models: ScriptedModels) -> None:
    """Whatever the client accepts, the model server is asked for what can be inspected."""
    stack.curl(CHAT.path, "-H", "accept-encoding: gzip, br, zstd", body=CHAT.request())
    assert models.only.request.header("accept-encoding") == "identity"


def test_internal_and_steering_headers_do_not_reach_the_model(stack: Stack, models: ScriptedModels) -> None:
    """A client may neither speak for the gateway nor steer vLLM's scheduler."""
    forged = {
        "x-llm-anything": "1",
        "x-llm-served-version": "tiny-chat/v9",
        "x-vllm-priority": "-100",
        "x-session-id": "s",
        "x-data-parallel-rank": "3",
        "endpoint-load-metrics-format": "JSON",
    }
    options = itertools.chain.from_iterable(("-H", f"{name}: {value}") for name, value in forged.items())
    assert stack.curl(CHAT.path, *options, body=CHAT.request()).status == 200
    assert not forged.keys() & dict(models.only.headers).keys()


def test_what_a_model_server_says_in_internal_headers_does_not_reach_the_client(
    stack: Stack, models: ScriptedModels
) -> None:
    """attack 10: it may not speak for the gateway; which version answered is Envoy's word, and stays."""
    forged = tuple(
        (f"x-llm-{name}", "tiny-chat/v9") for name in ("version", "model", "served-version", "exchange-id", "anything")
    )
    body = json.dumps({"error": {"message": "no"}}).encode()
    for status in (400, 503):
        models.answer = Scripted(status, (("content-type", "application/json"), *forged), (body,))
        answer = stack.curl(CHAT.path, body=CHAT.request())
        internal = {name: value for name, value in answer.headers.items() if name.startswith("x-llm-")}
        served = {"x-llm-served-version": f"{MODEL}/{models.seen[-1].server}"}
        assert (answer.status, internal.pop("x-llm-exchange-id") == "tiny-chat/v9", internal) == (status, False, served)


def test_credentials_reach_the_model_as_they_were_sent(
    stack: Stack, models: ScriptedModels, measured: Measured
) -> None:
    """Though the processor, which changes other headers and the body, never gets them; what it counts by it gets."""
    credentials = {"authorization": "Bearer sk-Zm9v==", "x-api-key": "sk-ant-01", "cookie": "session=abc; theme=dark"}
    sent = credentials | {"x-team": "search"}
    options = itertools.chain.from_iterable(("-H", f"{name}: {value}") for name, value in sent.items())
    assert stack.curl(CHAT.path, *options, body=CHAT.request(f"Mail {MAIL}")).status == 200
    assert [pair for pair in models.only.headers if pair[0] in credentials] == list(credentials.items())
    assert measured.outcomes() == {"completed": 1}
    assert measured.rise("llm_requests_total", team="search") == 1


# --- the version that answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "served"), [("v1", MODEL), ("v2", f"{MODEL}-next")])
@pytest.mark.parametrize("forged", ["v1", "v2", "v9", ""])
def test_the_version_chosen_from_the_body_is_the_one_that_answers(
    stack: Stack, models: ScriptedModels, version: str, served: str, forged: str
) -> None:
    """The route is chosen anew after the body was read, and a version that the client forged has no say."""
    options = ("-H", f"x-model-version: {version}", "-H", f"x-llm-version: {forged}")
    answer = stack.curl(CHAT.path, *options, body=CHAT.request())
    seen = models.only
    assert (answer.headers["x-llm-served-version"], seen.server) == (f"{MODEL}/{version}", version)
    assert [value for name, value in seen.headers if name == "x-llm-version"] == [version]
    assert json.loads(seen.body)["model"] == served
    assert answer.document["model"] == MODEL


def test_a_conversation_stays_on_its_version(stack: Stack, models: ScriptedModels) -> None:
    """By its beginning: later turns change nothing."""
    for number in range(8):
        turns = [{"role": "user", "content": f"Conversation {number}"}]
        for text in ("one", "two"):
            assert stack.curl(CHAT.path, body={"model": MODEL, "messages": turns}).status == 200
            turns += [{"role": "assistant", "content": text}, {"role": "user", "content": text}]
        first, second = models.seen[-2:]
        assert first.server == second.server


# --- encodings of requests -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["length", "chunked", "http2"])
@pytest.mark.parametrize("encoding", ENCODE)
def test_a_compressed_request_is_read_and_sent_on_plain(
    stack: Stack, models: ScriptedModels, encoding: str, framing: str
) -> None:
    """vLLM takes no compressed body, and a guard must not let one pass unread."""
    body = ENCODE[encoding](json.dumps(CHAT.request(f"Mail {MAIL}")).encode())
    answer = stack.curl(CHAT.path, "-H", f"content-encoding: {encoding}", *FRAMINGS[framing], body=body)
    seen = models.only
    assert answer.status == 200
    assert seen.request.document["messages"][-1]["content"] == "Mail <EMAIL>"
    assert seen.request.header("content-encoding") is None
    assert seen.request.header("content-length") == str(len(seen.body))


@pytest.mark.parametrize("encoding", ENCODE)
def test_a_bomb_is_refused(stack: Stack, models: ScriptedModels, measured: Measured, encoding: str) -> None:
    """A body that grows past the limits is refused after a bounded part of it was decoded."""
    bomb = ENCODE[encoding](padded(30_000_000))
    assert len(bomb) < REQUEST_BYTES_MAX
    answer = stack.curl(CHAT.path, "-H", f"content-encoding: {encoding}", body=bomb)
    assert is_error(answer, 400, "invalid_content_encoding")
    assert models.seen == []
    assert measured.outcomes() == {"rejected": 1}


@pytest.mark.parametrize(
    ("encoding", "body", "status", "code"),
    [
        ("gzip", b"not gzip", 400, "invalid_content_encoding"),
        ("gzip", gzip.compress(b"{}")[:-4], 400, "invalid_content_encoding"),
        ("gzip", gzip.compress(b"{}") + gzip.compress(b"{}"), 400, "invalid_content_encoding"),
        ("zstd", b"(\xb5/\xfd", 415, "unsupported_content_encoding"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}")), 415, "unsupported_content_encoding"),
    ],
)
def test_an_encoding_that_cannot_be_read_is_refused(
    stack: Stack, models: ScriptedModels, encoding: str, body: bytes, status: int, code: str
) -> None:
    """Wrong, cut short, followed by more, not known, or applied twice."""
    assert is_error(stack.curl(CHAT.path, "-H", f"content-encoding: {encoding}", body=body), status, code)
    assert models.seen == []


# --- limits, and answers of Envoy's own ----------------------------------------------------------------------------


@pytest.mark.parametrize("api", [CHAT, MESSAGES], ids=lambda api: api.name)
@pytest.mark.parametrize("framing", ["length", "chunked", "http2"])
def test_a_body_above_our_limit_is_a_413(
    stack: Stack, models: ScriptedModels, measured: Measured, framing: str, api: Api
) -> None:
    """Between our limit and Envoy's buffer we refuse; it is no completion."""
    answer = stack.curl(api.path, *FRAMINGS[framing], body=padded((REQUEST_BYTES_MAX + ENVOY_BUFFER_BYTES) // 2))
    assert is_error(answer, 413, "request_too_large", api.path)
    assert models.seen == []
    assert measured.outcomes() == {"rejected": 1}
    assert measured.tokens() == 0


def test_a_length_above_our_limit_is_refused_before_the_upload(stack: Stack, measured: Measured) -> None:
    """The client learns of it from its headers alone."""
    with Connection(stack) as client:
        head = f"POST {CHAT.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n"
        client.send(head.encode() + b"\r\n")
        assert client.answer().status == 413
    assert measured.outcomes() == {"rejected": 1}


@pytest.mark.parametrize("api", [CHAT, MESSAGES], ids=lambda api: api.name)
@pytest.mark.parametrize("framing", ["chunked", "http2 without length"])
def test_a_body_above_envoys_buffer_is_envoys_413(
    stack: Stack, models: ScriptedModels, measured: Measured, api: Api, framing: str
) -> None:
    """A body without a length reaches Envoy's limit: its error has the API's shape, and is no completion."""
    answer = stack.curl(api.path, *FRAMINGS[framing], body=padded(10 * ENVOY_BUFFER_BYTES))
    assert is_error(answer, 413, "request_too_large", api.path)
    assert models.seen == []
    assert measured.outcomes() == {"local_reply": 1}
    assert measured.tokens() == 0


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
@pytest.mark.parametrize("stream", [False, True], ids=["unstreamed", "streamed"])
def test_a_model_server_that_is_down_is_envoys_503(
    stack: Stack, models: ScriptedModels, measured: Measured, api: Api, stream: bool
) -> None:
    """The client gets its API's error, and no version is billed for it."""
    models.servers["v2"].stop()
    try:
        answer = stack.curl(api.path, "-H", "x-model-version: v2", body=api.request(stream=stream))
    finally:
        models.servers["v2"].start()
    assert is_error(answer, 503, "model_unavailable", api.path)
    assert models.seen == []
    assert measured.outcomes() == {"local_reply": 1}
    assert measured.tokens() == 0
