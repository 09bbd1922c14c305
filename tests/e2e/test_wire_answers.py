"""Answers through our processor on a real Envoy: modes, encodings, sizes, trailers, slow readers, and aborts."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import subprocess
import zlib
from collections.abc import Iterator
from typing import Any

import brotli
import pytest

from extproc.demo.installation import TRANSPORT_VARIABLE, Change
from extproc.demo.scripted import Gate, Scripted
from tests.e2e.apis import APIS, CHAT, JSON_TYPE, SSE_TYPE, Api, endless, streamed, text_of_stream, whole
from tests.e2e.conftest import MakeStack
from tests.e2e.harness import Stack, wait_until
from tests.e2e.measured import Measured
from tests.e2e.raw_http import Connection, post
from tests.e2e.scripted_models import ScriptedModels, Silent
from tests.hangs import HANG_S

pytestmark = pytest.mark.transport

BY_GRPC = os.environ.get(TRANSPORT_VARIABLE) == "grpc"

ANSWER_BYTES_MAX = 200_000
EVENT_BYTES_MAX = 300_000
WORDS = ["Write ", "to anna.", "schmidt@exam", "ple.com ", "now."]
MASKED = "Write to <EMAIL> now."
PLAIN = "".join(WORDS)
ENCODE = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}
CLIENTS = {"http1": (), "http2": ("--http2-prior-knowledge",)}


def small_limits(data: dict[str, Any]) -> None:
    """Limits that a test can go over cheaply."""
    data["limits"] = {"response_body_bytes_max": ANSWER_BYTES_MAX, "sse_event_bytes_max": EVENT_BYTES_MAX}
    data["envoy"]["stream_idle_ms"] = 2_000


def streamed_mode(data: dict[str, Any]) -> None:
    """For chains that hold a full-duplex filter already."""
    small_limits(data)
    data["envoy"]["response_stream_mode"] = "streamed"


@pytest.fixture(scope="module")
def change() -> Change:
    """What the stack of this file has in its configuration."""
    return small_limits


@pytest.fixture
def stack(shared: Stack, scripted: ScriptedModels) -> Stack:
    """The shared stack; its model servers answer as recorded, and what they saw before is forgotten."""
    scripted.reset()
    return shared


# --- the mode is chosen for each exchange --------------------------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_the_same_text_is_masked_streamed_and_unstreamed(
    stack: Stack, models: ScriptedModels, measured: Measured, api: Api, client: str
) -> None:
    """An address cut over events is masked as the whole one is."""
    models.answer = streamed(api, WORDS)
    stream = stack.curl(api.path, *CLIENTS[client], body=api.request(stream=True))
    models.answer = whole(api.answer(PLAIN))
    unstreamed = stack.curl(api.path, *CLIENTS[client], body=api.request())
    assert (stream.exit_code, stream.status, unstreamed.exit_code, unstreamed.status) == (0, 200, 0, 200)
    assert text_of_stream(api, stream.body) == api.text_of_answer(unstreamed.document) == MASKED
    assert b"schmidt" not in stream.body + unstreamed.body
    assert measured.outcomes(2) == {"completed": 2}


def test_streamed_mode_shows_the_client_the_same_text(make_stack: MakeStack) -> None:
    """One reply a chunk instead of any number: what the client reads is the same."""
    models = ScriptedModels()
    stack = make_stack(models=models.servers, change=streamed_mode)
    measured = Measured(stack)
    for api, options in itertools.product(APIS, CLIENTS.values()):
        models.answer = streamed(api, WORDS)
        answer = stack.curl(api.path, *options, body=api.request(stream=True))
        assert (api.name, answer.exit_code, text_of_stream(api, answer.body)) == (api.name, 0, MASKED)
    count = len(APIS) * len(CLIENTS)
    assert measured.outcomes(count) == {"completed": count}


@pytest.mark.parametrize("stream_asked", [False, True])
def test_the_answers_own_type_decides(stack: Stack, models: ScriptedModels, stream_asked: bool) -> None:
    """A server that answers otherwise than asked is guarded as it answers."""
    models.answer = whole(CHAT.answer(PLAIN)) if stream_asked else streamed(CHAT, WORDS)
    answer = stack.curl(CHAT.path, body=CHAT.request(stream=stream_asked))
    text = CHAT.text_of_answer(answer.document) if stream_asked else text_of_stream(CHAT, answer.body)
    assert (answer.exit_code, text) == (0, MASKED)


@pytest.mark.parametrize("media", ["text/plain", "text/html", "application/octet-stream", "application/x-ndjson"])
def test_an_answer_of_another_type_is_withheld(stack: Stack, models: ScriptedModels, media: str) -> None:
    """What cannot be checked does not pass."""
    models.answer = Scripted(200, (("content-type", media),), [PLAIN.encode()])
    answer = stack.curl(CHAT.path, body=CHAT.request())
    assert (answer.status, answer.document["error"]["code"]) == (502, "unreadable_answer")


def test_first_words_arrive_while_the_server_holds_the_rest(stack: Stack, models: ScriptedModels) -> None:
    """A stream is not held to be masked; only the word at hand is."""
    gate = Gate()
    models.answer = Scripted(
        200, (SSE_TYPE,), [CHAT.head(), CHAT.delta("First words, "), CHAT.delta("then "), gate, CHAT.tail("")]
    )
    with Connection(stack) as client:
        client.send(post(CHAT.path, CHAT.request(stream=True)))
        client.read_until(b"words,")
        assert models.only.ended == "running"
        gate.open()
        client.read_until(b"[DONE]\n\n")


# --- encodings and trailers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ENCODE)
@pytest.mark.parametrize("stream", [False, True], ids=["unstreamed", "streamed"])
def test_a_compressed_answer_is_decoded_and_guarded(
    stack: Stack, models: ScriptedModels, encoding: str, stream: bool
) -> None:
    """It was asked for plain; one that comes compressed all the same is no way around the guards."""
    pieces = [piece for piece in streamed(CHAT, WORDS).chunks if isinstance(piece, bytes)]
    plain = b"".join(pieces) if stream else json.dumps(CHAT.answer(PLAIN)).encode()
    body = ENCODE[encoding](plain)
    chunks = [body[at : at + 50] for at in range(0, len(body), 50)]
    models.answer = Scripted(200, (SSE_TYPE if stream else JSON_TYPE, ("content-encoding", encoding)), chunks)
    answer = stack.curl(CHAT.path, body=CHAT.request(stream=stream))
    text = text_of_stream(CHAT, answer.body) if stream else CHAT.text_of_answer(answer.document)
    assert (answer.exit_code, text) == (0, MASKED)
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("encoding", ENCODE)
def test_a_compressed_answer_that_grows_too_much_is_withheld(
    stack: Stack, models: ScriptedModels, measured: Measured, encoding: str
) -> None:
    """A bomb from behind."""
    body = ENCODE[encoding](json.dumps(CHAT.answer("x" * 20_000_000)).encode())
    models.answer = Scripted(
        200, (JSON_TYPE, ("content-encoding", encoding), ("content-length", str(len(body)))), [body]
    )
    answer = stack.curl(CHAT.path, body=CHAT.request())
    assert (answer.status, answer.document["error"]["code"]) == (502, "unreadable_answer")
    assert measured.outcomes() == {"failed": 1}


def test_trailers_of_an_http1_server_do_not_disturb_the_end(
    stack: Stack, models: ScriptedModels, measured: Measured
) -> None:
    """Envoy drops them and sends the end with the body; what was held back still comes."""
    answer = streamed(CHAT, WORDS)
    models.answer = Scripted(200, answer.headers, answer.chunks, trailers=(("x-usage", "5"),))
    got = stack.curl(CHAT.path, body=CHAT.request(stream=True))
    assert (got.exit_code, text_of_stream(CHAT, got.body)) == (0, MASKED)
    assert measured.outcomes() == {"completed": 1}


# --- sizes ---------------------------------------------------------------------------------------------------------


def test_an_answer_just_under_the_limit_passes_with_its_new_length(stack: Stack, models: ScriptedModels) -> None:
    """Masked, whole, and complete."""
    models.answer = whole(CHAT.answer(PLAIN + " x" * (ANSWER_BYTES_MAX // 2 - 400)))
    answer = stack.curl(CHAT.path, body=CHAT.request())
    assert (answer.exit_code, answer.status) == (0, 200)
    assert CHAT.text_of_answer(answer.document).startswith(MASKED + " x")


def test_an_answer_over_the_limit_is_a_readable_error(stack: Stack, models: ScriptedModels, measured: Measured) -> None:
    """By its length, before Envoy's buffer is full: no hang, and nothing unseen."""
    models.answer = whole(CHAT.answer(PLAIN + " x" * ANSWER_BYTES_MAX))
    answer = stack.curl(CHAT.path, body=CHAT.request())
    assert (answer.status, answer.document["error"]["code"]) == (502, "unreadable_answer")
    assert measured.outcomes() == {"failed": 1}


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_an_unstreamed_answer_without_a_length_is_guarded(stack: Stack, models: ScriptedModels, api: Api) -> None:
    """Chunked, cut anywhere."""
    body = json.dumps(api.answer(PLAIN)).encode()
    models.answer = Scripted(200, (JSON_TYPE,), [body[at : at + 7] for at in range(0, len(body), 7)])
    answer = stack.curl(api.path, body=api.request())
    assert (answer.exit_code, api.text_of_answer(answer.document)) == (0, MASKED)


def test_an_answer_without_a_length_over_the_limit_never_passes(
    stack: Stack, models: ScriptedModels, measured: Measured
) -> None:
    """Far over Envoy's buffer too, where Envoy would hang: the client sees an answer break off, without any text.

    Envoy may send so much at once that the message is refused; gRPC's core then only says that the stream has gone.
    """
    body = json.dumps(CHAT.answer(PLAIN + " x" * 10_000_000)).encode()
    models.answer = Scripted(200, (JSON_TYPE,), [body[at : at + 65_536] for at in range(0, len(body), 65_536)])
    answer = stack.curl(CHAT.path, body=CHAT.request())
    assert answer.exit_code != 0
    assert answer.body == b""
    outcomes = measured.outcomes()
    assert outcomes == {"failed": 1} or (BY_GRPC and outcomes == {"aborted": 1})


def test_a_very_large_event_passes_guarded(stack: Stack, models: ScriptedModels) -> None:
    """An event that comes in many reads is judged as one."""
    models.answer = streamed(CHAT, ["x " * 100_000 + PLAIN, " end"])
    answer = stack.curl(CHAT.path, body=CHAT.request(stream=True))
    assert answer.exit_code == 0
    assert text_of_stream(CHAT, answer.body) == "x " * 100_000 + MASKED + " end"


def test_an_event_over_the_limit_ends_the_stream_with_an_error(
    stack: Stack, models: ScriptedModels, measured: Measured
) -> None:
    """What went before stands; the client gets an error event that it can parse, and the server is left."""
    big = CHAT.delta("x" * (2 * EVENT_BYTES_MAX))
    models.answer = Scripted(
        200, (SSE_TYPE,), itertools.chain([CHAT.head(), CHAT.delta("Before. "), CHAT.delta("It "), big], _more())
    )
    answer = stack.curl(CHAT.path, body=CHAT.request(stream=True))
    assert answer.exit_code == 0
    assert b"Before." in answer.body
    assert b'"code":"unreadable_answer"' in answer.body
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert measured.outcomes() == {"failed": 1}
    models.servers[models.only.server].seen.wait_for(lambda seen: seen[0].ended == "client_closed")


def _more() -> Iterator[bytes]:
    while True:
        yield CHAT.delta("more ")


def test_a_slow_reader_gets_everything(stack: Stack, models: ScriptedModels, measured: Measured) -> None:
    """A client that reads little at a time loses nothing, and others do not wait for it."""
    words = [f"{'word ' * 40}{number} " for number in range(3_000)]
    models.answer = streamed(CHAT, words)
    with Connection(stack, receive_buffer_bytes=4_096) as slow:
        slow.send(post(CHAT.path, CHAT.request(stream=True)))
        slow.read_until(b"word")
        assert stack.curl("/health").status == 200
        rest = slow.read_until(b"[DONE]")
    assert b"2999 " in rest
    assert measured.outcomes(2) == {"completed": 1, "passed": 1}


# --- what ends before its end --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("client", "exit_code"), [("http1", 18), ("http2", 92)])
def test_a_server_that_dies_in_mid_stream_is_seen_and_measured_once(
    stack: Stack, models: ScriptedModels, measured: Measured, client: str, exit_code: int
) -> None:
    """The client's answer is cut visibly; what had come is metered as an estimate."""
    gate = Gate()
    chunks: list[bytes | Gate] = [CHAT.head(), CHAT.delta("some words "), CHAT.delta("more "), gate]
    models.answer = Scripted(200, (SSE_TYPE,), chunks, end="close_abruptly")
    with _curl(stack, client, CHAT.request(stream=True)) as process:
        assert process.stdout is not None
        got = b""
        while b"some words" not in got:
            got += process.stdout.read1(65_536)  # type: ignore[attr-defined]
        gate.open()
        process.stdout.read()
        assert process.wait(HANG_S) == exit_code
    assert measured.outcomes() == {"aborted": 1}
    assert measured.rise("llm_completion_tokens_total") > 0


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_a_client_that_leaves_in_mid_stream_frees_the_server_and_is_metered_once(
    stack: Stack, models: ScriptedModels, measured: Measured, api: Api, client: str
) -> None:
    """The tokens that were made are counted, declared as an estimate, never as none."""
    models.answer = endless(api, ["Hello "])
    with _curl(stack, client, api.request(stream=True)) as process:
        wait_until(lambda: any(seen.events_sent > 20 for seen in models.seen), "the stream runs")
        process.kill()
    models.servers[models.only.server].seen.wait_for(lambda seen: seen[0].ended == "client_closed")
    assert measured.outcomes() == {"aborted": 1}
    assert measured.rise("llm_completion_tokens_total") > 0
    assert measured.rise("llm_usage_estimated_total") == 1


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_that_leaves_before_the_answer_frees_the_server(
    stack: Stack, models: ScriptedModels, measured: Measured, client: str
) -> None:
    """While the model server still thinks: it is told at once, and the prompt is metered."""
    models.answer = Silent(gate=Gate())
    with _curl(stack, client, CHAT.request()) as process:
        wait_until(lambda: models.seen, "the request has arrived")
        process.kill()
    models.servers[models.only.server].seen.wait_for(lambda seen: seen[0].ended == "client_closed")
    assert measured.outcomes() == {"aborted": 1}


def test_a_client_that_leaves_while_it_uploads_is_counted_once(
    stack: Stack, models: ScriptedModels, measured: Measured
) -> None:
    """Nothing had been asked of a model."""
    with Connection(stack) as client:
        client.send(post(CHAT.path, CHAT.request("x" * 1_000))[:-500])
        wait_until(lambda: measured.inflight == 1, "the exchange has begun")
    assert measured.outcomes() == {"aborted": 1}
    assert measured.tokens() == 0
    assert models.seen == []


def _curl(stack: Stack, client: str, body: Any) -> subprocess.Popen[bytes]:
    """A request that the test ends itself."""
    path = next(api.path for api in reversed(APIS) if api.request().keys() <= body.keys())
    command = ["curl", "-sN", *CLIENTS[client], "-H", "content-type: application/json", "-d", json.dumps(body)]
    return subprocess.Popen([*command, stack.base_url + path], stdout=subprocess.PIPE)
