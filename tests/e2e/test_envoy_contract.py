"""What Envoy does with the replies of a processor: the facts that our processor and its configuration rest on.

The processor here is scripted, so that each test shows one fact. A new version of Envoy is judged by these first.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from extproc._pb import ext_proc_pb2 as pb
from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Scripted
from extproc.demo.seen import Request
from extproc.envoy_config.names import PROCESSOR_CLUSTER
from tests.e2e.conftest import MakeStack
from tests.e2e.harness import Answer, Stack, require_envoy, wait_until
from tests.e2e.scripted_processor import (
    Reply,
    Script,
    ScriptedProcessor,
    abort,
    answer,
    choose,
    close_ok,
    headers,
    inspect_as,
    piece,
    response_mode,
)

CHAT = "/v1/chat/completions"
BODY_BYTES_MAX = 2_048
ENVOY_BUFFER_BYTES = 65_536
LARGE_BYTES = 4_000_000
EVENT = b"data: {}\n\n"
JSON_TYPE = ("content-type", "application/json")
SSE_TYPE = ("content-type", "text/event-stream")
NEW_BODY = b'{"changed": "and longer than what the client sent"}'


def respond(request: Request) -> Scripted:
    """Answers as the request's ``x-answer`` header says."""
    wanted = request.header("x-answer")
    if wanted == "endless":
        return Scripted(200, (SSE_TYPE,), itertools.repeat(EVENT), delay_s=0.01)
    if wanted == "events":
        return Scripted(200, (SSE_TYPE,), [EVENT] * 3)
    if wanted == "broken":
        return Scripted(200, (SSE_TYPE,), [EVENT] * 3, delay_s=0.05, end="close_abruptly")
    if wanted == "large":
        return Scripted(200, (JSON_TYPE, ("content-length", str(LARGE_BYTES))), [b" " * LARGE_BYTES])
    return Scripted(200, (JSON_TYPE, ("content-length", "2")), [b"{}"])


def small_limits(data: dict[str, Any]) -> None:
    """Limits that a test can go over cheaply."""
    data["limits"] = {"request_body_bytes_max": BODY_BYTES_MAX, "response_body_bytes_max": BODY_BYTES_MAX}
    data["envoy"]["message_timeout_ms"] = 500


def with_patience(data: dict[str, Any]) -> None:
    """For a processor that a busy machine starts late."""
    data["envoy"]["message_timeout_ms"] = 60_000


def tries(stack: Stack) -> int:
    """How many calls of a processor Envoy has made again."""
    page = stack.envoy.admin(f"/stats?filter=cluster.{PROCESSOR_CLUSTER}.upstream_rq_retry$")
    return int(page.rpartition(": ")[2])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Envoy and two scripted model servers, without a processor."""
    require_envoy()
    models = {name: ModelServer(name, respond=respond) for name in ("v1", "v2")}
    directory = tmp_path_factory.mktemp("contract")
    with Stack(directory, models=models, change=small_limits, with_processor=False) as running:
        yield running


@pytest.fixture
def stack(shared: Stack) -> Stack:
    """The shared stack; what its model servers saw is forgotten."""
    for model in shared.models.values():
        model.seen.clear()
    return shared


def ask(stack: Stack, *options: str, path: str = CHAT, wanted: str = "json", body: Any = None) -> Answer:
    """One POST, to be answered in the wanted way."""
    return stack.curl(path, "-H", f"x-answer: {wanted}", *options, body={} if body is None else body)


def is_error(answer: Answer, status: int, code: str, path: str = CHAT) -> bool:
    """Whether the answer is an error in the shape of the path's API; Anthropic's has no code."""
    if (answer.status, answer.headers["content-type"]) != (status, "application/json"):
        return False
    error = answer.document["error"]
    if path.startswith("/v1/messages"):
        return answer.document["type"] == "error" and set(error) == {"type", "message"} and bool(error["message"])
    return set(error) == {"message", "type", "param", "code"} and error["code"] == code and bool(error["message"])


# --- failing closed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [CHAT, "/v1/messages"])
def test_without_a_processor_nothing_reaches_a_model(stack: Stack, path: str) -> None:
    """A request waits for it up to Envoy's patience, and gets an error in the API's own shape."""
    assert is_error(ask(stack, path=path), 504, "checks_timeout", path)
    assert [len(model.seen) for model in stack.models.values()] == [0, 0]
    with ScriptedProcessor(stack.socket, {}):
        assert ask(stack, path=path).status == 200


def test_a_request_waits_for_a_processor_that_starts(make_stack: MakeStack) -> None:
    """With its body: Envoy keeps what it could not send."""
    stack = make_stack(with_processor=False, change=with_patience)
    with ThreadPoolExecutor(1) as client:
        asked = client.submit(ask, stack, body={"model": "tiny-chat"})
        wait_until(lambda: tries(stack) > 1, "Envoy has tried again")
        with ScriptedProcessor(stack.socket, {}):
            assert asked.result().status == 200
    (seen,) = [one for model in stack.models.values() for one in model.seen]
    assert seen.request.document == {"model": "tiny-chat"}


def test_a_call_that_broke_off_is_not_made_again(make_stack: MakeStack) -> None:
    """A processor may have judged and counted it."""
    stack = make_stack(with_processor=False, change=with_patience)
    with ScriptedProcessor(stack.socket, {"request_headers": abort}):
        assert is_error(ask(stack), 503, "checks_unavailable")
    assert tries(stack) == 0


@pytest.mark.parametrize("path", [CHAT, "/v1/messages"])
@pytest.mark.parametrize("phase", ["request_headers", "request_body", "response_headers"])
def test_a_failing_processor_is_an_error_in_the_shape_of_the_api(stack: Stack, phase: str, path: str) -> None:
    """A gRPC stream that is aborted before the answer has begun gives 503."""
    with ScriptedProcessor(stack.socket, {phase: abort}):
        assert is_error(ask(stack, path=path), 503, "checks_unavailable", path)


def test_a_failure_in_mid_stream_cuts_the_answer_visibly(stack: Stack) -> None:
    """After the headers are out, the client sees a truncated answer (curl 18), and the model server is left alone."""
    script: Script = {"response_headers": inspect_as("STREAMED"), "response_body": abort}
    with ScriptedProcessor(stack.socket, script):
        assert ask(stack, wanted="endless").exit_code == 18
    stack.models["v1"].seen.wait_for(lambda seen: seen[0].ended == "client_closed")


def test_a_stream_closed_with_ok_lets_the_request_pass(stack: Stack) -> None:
    """Why the processor never does that: Envoy takes it for "go on without me"."""
    with ScriptedProcessor(stack.socket, {"request_headers": _to_v1_now, "request_body": close_ok}):
        assert ask(stack).status == 200


def test_a_slow_processor_is_a_504(stack: Stack) -> None:
    """No reply within ``message_timeout_ms`` ends the exchange with an error of the API's shape."""

    def never(_: Any) -> Reply:
        return iter(())

    with ScriptedProcessor(stack.socket, {"request_body": never}):
        assert is_error(ask(stack), 504, "checks_timeout")


# --- routing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_version_chosen_from_the_body_is_the_one_that_answers(stack: Stack, version: str) -> None:
    """The body's reply sets the headers and clears the route; the served version is seen by processor and client."""
    with ScriptedProcessor(stack.socket, {"request_body": choose(version)}) as processor:
        reply = ask(stack)
        served = processor.exchange().header("response_headers", "x-llm-served-version")
    assert (reply.headers["x-llm-served-version"], served) == (f"tiny-chat/{version}", f"tiny-chat/{version}")
    assert [len(stack.models[name].seen) for name in ("v1", "v2")] == [version == "v1", version == "v2"]


def test_a_client_cannot_set_internal_headers(stack: Stack) -> None:
    """Neither a version nor anything else in ``x-llm-*`` reaches the processor or the model server."""
    forged = ("x-llm-version: v2", "x-llm-model: tiny-chat", "x-llm-anything: 1", "x-envoy-max-retries: 9")
    with ScriptedProcessor(stack.socket, {}) as processor:
        ask(stack, *itertools.chain.from_iterable(("-H", header) for header in forged))
        arrived = {header.key for header in processor.exchange().contents[0].headers.headers}
    assert not arrived & {header.partition(":")[0] for header in forged}
    assert "x-llm-anything" not in dict(stack.models["v1"].seen[0].headers)


def test_credentials_reach_the_model_server_and_not_the_processor(stack: Stack) -> None:
    """Envoy keeps them back from the processor alone: the model server gets them as the client sent them."""
    credentials = {
        "authorization": "Bearer sk-Zm9v.YmFy_-/+==",
        "x-api-key": "sk-ant-0123456789",
        "cookie": "session=abc; theme=dark",
    }
    sent = credentials | {"x-team": "search"}
    options = itertools.chain.from_iterable(("-H", f"{name}: {value}") for name, value in sent.items())
    with ScriptedProcessor(stack.socket, {}) as processor:
        assert ask(stack, *options).status == 200
        exchange = processor.exchange()
    (seen,) = stack.models["v1"].seen
    assert [pair for pair in seen.headers if pair[0] in credentials] == list(credentials.items())
    assert exchange.header("request_headers", "x-team") == "search"
    assert not credentials.keys() & {header.key for header in exchange.contents[0].headers.headers}
    told = b"".join(content.SerializeToString() for content in exchange.contents)
    assert not any(value.encode() in told for value in credentials.values())


def test_an_unknown_version_is_not_answered_by_another(stack: Stack) -> None:
    """The processor was reloaded and Envoy was not: an error, and no model server is asked."""
    with ScriptedProcessor(stack.socket, {"request_body": choose("v9")}):
        assert is_error(ask(stack), 503, "version_unavailable")
    assert [len(model.seen) for model in stack.models.values()] == [0, 0]


def test_a_model_server_that_is_down_is_an_error_of_envoys(stack: Stack) -> None:
    """A version without a server is a 503 in the API's shape, and no other version answers.

    The error names a served version all the same, so that only the details tell the processor that it is none.
    """
    stack.models["v2"].stop()
    try:
        with ScriptedProcessor(stack.socket, {"request_body": choose("v2")}) as processor:
            assert is_error(ask(stack), 503, "model_unavailable")
            exchange = processor.exchange()
    finally:
        stack.models["v2"].start()
    assert exchange.details[0].startswith("upstream_reset_before_response_started")
    assert exchange.header("response_headers", "x-llm-served-version") == "tiny-chat/v2"
    assert len(stack.models["v1"].seen) == 0


def test_without_a_version_only_allowed_paths_reach_a_model(stack: Stack) -> None:
    """A second line behind the processor: what it has not read goes nowhere but to ``requests.allow_paths``."""
    with ScriptedProcessor(stack.socket, {"request_body": _go_on("request_body")}):
        assert is_error(ask(stack), 404, "path_not_found")
        assert stack.curl("/health?a=1").status == 200
    assert [seen.request.target for seen in stack.models["v1"].seen] == ["/health?a=1"]


@pytest.mark.parametrize("path", ["/v1%2fchat/completions", "/v1/messages%2F"])
def test_an_escaped_slash_is_refused(stack: Stack, path: str) -> None:
    """Two readers could take it for two paths."""
    with ScriptedProcessor(stack.socket, {}):
        assert is_error(ask(stack, "--path-as-is", path=path), 400, "malformed_request", path)


def test_the_processor_sees_one_spelling_of_a_path(stack: Stack) -> None:
    """Double slashes and dot segments are gone before it judges."""
    with ScriptedProcessor(stack.socket, {}) as processor:
        ask(stack, "--path-as-is", path="/v1//x/%2e%2e/chat/./completions")
        assert processor.exchange().header("request_headers", ":path") == CHAT


# --- bodies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("-H", "transfer-encoding: chunked"), ("--http2-prior-knowledge",)])
def test_a_changed_body_with_its_length_reaches_the_model(stack: Stack, options: tuple[str, ...]) -> None:
    """With a length or without, the model server gets the new body under one framing."""
    with ScriptedProcessor(stack.socket, {"request_body": _changed(len(NEW_BODY))}):
        assert ask(stack, *options).status == 200
    (seen,) = stack.models["v1"].seen
    names = [name for name, _ in seen.headers]
    assert seen.body == NEW_BODY
    assert (names.count("content-length"), names.count("transfer-encoding")) == (1, 0)


@pytest.mark.parametrize("length", [3, None])
def test_a_changed_body_without_its_length_is_an_error(stack: Stack, length: int | None) -> None:
    """Envoy checks the length against the changed body, and does not correct it."""
    with ScriptedProcessor(stack.socket, {"request_body": _changed(length)}):
        assert is_error(ask(stack), 503, "gateway_error")
    assert len(stack.models["v1"].seen) == 0


@pytest.mark.parametrize("path", [CHAT, "/v1/messages"])
def test_envoys_413_comes_back_as_an_answer_that_no_version_gave(stack: Stack, path: str) -> None:
    """A body above the buffer limit never reaches the processor; the error does, without a served version."""
    with ScriptedProcessor(stack.socket, {}) as processor:
        assert is_error(ask(stack, path=path, body=b"x" * (2 * ENVOY_BUFFER_BYTES)), 413, "request_too_large", path)
        exchange = processor.exchange()
    assert exchange.kinds[:2] == ["request_headers", "response_headers"]
    assert "request_body" not in exchange.kinds
    assert exchange.header("response_headers", "x-llm-served-version") is None
    assert exchange.details == ["request_payload_too_large"]


def test_an_answer_of_a_model_is_told_from_one_of_envoy_by_its_details(stack: Stack) -> None:
    """They come with the response headers: ``via_upstream`` for what a model server said, another word otherwise."""
    with ScriptedProcessor(stack.socket, {}) as processor:
        ask(stack)
        assert processor.exchange().details == ["via_upstream"]
    with ScriptedProcessor(stack.socket, {"request_body": choose("v9")}) as processor:
        ask(stack)
        assert processor.exchange().details == ["direct_response"]


@pytest.mark.parametrize("phase", ["request_headers", "request_body", "response_headers"])
def test_an_answer_of_the_processor_is_left_as_it_is(stack: Stack, phase: str) -> None:
    """Status, type and body of an ImmediateResponse are the processor's, and it does not come back as a response."""
    with ScriptedProcessor(stack.socket, {phase: answer(403, b'{"mine": true}')}) as processor:
        reply = ask(stack)
        assert processor.exchange().kinds[-1] == phase
    assert (reply.status, reply.headers["content-type"], reply.body) == (403, "application/json", b'{"mine": true}')


def test_what_the_processor_says_of_an_exchange_is_in_the_access_log(stack: Stack) -> None:
    """Metadata in our namespace reaches the log line of that exchange; the query string and the body do not."""
    said = pb.ProcessingResponse(request_headers=pb.HeadersResponse())
    said.dynamic_metadata.update({"llm_extproc": {"team": "search"}})
    with ScriptedProcessor(stack.socket, {"request_headers": lambda _: iter([said])}):
        ask(stack, "-H", "x-request-id: not-from-the-client", path=f"{CHAT}?secret=1", body={"text": "private"})
    log = stack.envoy.access_log
    wait_until(lambda: '"team":"search"' in log.read_text(), "the exchange is in the access log")
    line = next(line for line in log.read_text().splitlines() if '"team":"search"' in line)
    assert json.loads(line)["path"] == CHAT
    assert "secret" not in line
    assert "private" not in line


# --- answers that are inspected ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "bodies"), [("NONE", 0), ("BUFFERED", 1), ("STREAMED", None), ("FULL_DUPLEX_STREAMED", None)]
)
def test_the_body_mode_is_chosen_at_the_response_headers(stack: Stack, mode: str, bodies: int | None) -> None:
    """Every mode passes the whole answer to the client; the processor sees all of it, once, or nothing."""
    script: Script = {"response_headers": inspect_as(mode)}
    if mode == "FULL_DUPLEX_STREAMED":
        script = {**script, "response_body": lambda body: iter([piece(body.body, body.end_of_stream)])}
    with ScriptedProcessor(stack.socket, script) as processor:
        reply = ask(stack, wanted="events")
        exchange = processor.exchange()
    seen = [c for kind, c in zip(exchange.kinds, exchange.contents, strict=True) if kind == "response_body"]
    assert (reply.exit_code, reply.body) == (0, EVENT * 3)
    assert b"".join(content.body for content in seen) == (b"" if mode == "NONE" else EVENT * 3)
    assert [content.end_of_stream for content in seen][-1:] == ([] if mode == "NONE" else [True])
    assert bodies in (None, len(seen))


def test_an_answer_above_the_buffer_limit_is_an_error_in_mode_buffered(stack: Stack) -> None:
    """The choice of BUFFERED at the request headers is safe: what cannot be held is refused, not passed in part."""
    script: Script = {"request_headers": _buffered_answer}
    with ScriptedProcessor(stack.socket, script) as processor:
        assert is_error(ask(stack, wanted="large"), 500, "gateway_error")
        assert "response_body" not in processor.exchange().kinds


@pytest.mark.parametrize("mode", ["STREAMED", "FULL_DUPLEX_STREAMED"])
def test_an_answer_above_the_buffer_limit_passes_in_pieces(stack: Stack, mode: str) -> None:
    """These modes hold nothing whole, so the limit is the processor's own."""
    script: Script = {"response_headers": inspect_as(mode)}
    if mode == "FULL_DUPLEX_STREAMED":
        script = {**script, "response_body": lambda body: iter([piece(body.body, body.end_of_stream)])}
    with ScriptedProcessor(stack.socket, script):
        reply = ask(stack, wanted="large")
    assert (reply.exit_code, len(reply.body)) == (0, LARGE_BYTES)


@pytest.mark.parametrize("options", [(), ("--http2-prior-knowledge",)])
def test_a_stream_cut_by_the_processor_ends_cleanly_and_frees_the_model(stack: Stack, options: tuple[str, ...]) -> None:
    """A last piece with end_of_stream: the client's answer is complete, the upstream is closed, no more bodies come."""
    last = b"data: [DONE]\n\n"
    pieces = itertools.count(1)

    def cut(body: Any) -> Reply:
        yield piece(body.body, end=False) if next(pieces) < 5 else piece(last, end=True)

    script: Script = {"response_headers": inspect_as("FULL_DUPLEX_STREAMED"), "response_body": cut}
    with ScriptedProcessor(stack.socket, script) as processor:
        reply = ask(stack, *options, wanted="endless")
        exchange = processor.exchange()
    assert (reply.exit_code, reply.status) == (0, 200)
    assert reply.body.endswith(EVENT + last)
    assert exchange.kinds.count("response_body") == 5
    stack.models["v1"].seen.wait_for(lambda seen: seen[0].ended == "client_closed")


@pytest.mark.parametrize(("options", "exit_code"), [((), 18), (("--http2-prior-knowledge",), 92)])
def test_a_model_that_dies_in_mid_answer_is_seen_as_such(
    stack: Stack, options: tuple[str, ...], exit_code: int
) -> None:
    """The client sees a truncated answer; the processor only the end of its stream, and no end of the body.

    What the processor had not yet replied to is lost, so the client may have less than the model server sent.
    """
    script: Script = {
        "response_headers": inspect_as("FULL_DUPLEX_STREAMED"),
        "response_body": lambda body: iter([piece(body.body, body.end_of_stream)]),
    }
    with ScriptedProcessor(stack.socket, script) as processor:
        reply = ask(stack, *options, wanted="broken")
        exchange = processor.exchange()
    assert reply.exit_code == exit_code
    assert reply.body in (EVENT * 2, EVENT * 3)
    bodies = [c for kind, c in zip(exchange.kinds, exchange.contents, strict=True) if kind == "response_body"]
    assert bodies
    assert not any(body.end_of_stream for body in bodies)


def test_a_client_that_leaves_ends_the_exchange_and_frees_the_model(stack: Stack) -> None:
    """The processor's stream ends without an end of the body, and the upstream is closed."""
    with ScriptedProcessor(stack.socket, {}) as processor:
        reply = stack.curl(CHAT, "-H", "x-answer: endless", body={}, timeout_s=0.3)
        exchange = processor.exchange()
    assert reply.exit_code == 28
    assert not exchange.contents[-1].end_of_stream
    stack.models["v1"].seen.wait_for(lambda seen: seen[0].ended == "client_closed")


# --- replies of these tests ----------------------------------------------------------------------------------------


def _to_v1_now(_: Any) -> Reply:
    mutation = headers({"x-llm-model": "tiny-chat", "x-llm-version": "v1"})
    common = pb.CommonResponse(header_mutation=mutation, clear_route_cache=True)
    yield pb.ProcessingResponse(request_headers=pb.HeadersResponse(response=common))


def _buffered_answer(_: Any) -> Reply:
    yield pb.ProcessingResponse(request_headers=pb.HeadersResponse(), mode_override=response_mode("BUFFERED"))


def _go_on(kind: str) -> Any:
    fields: dict[str, Any] = {kind: pb.BodyResponse()}
    return lambda _: iter([pb.ProcessingResponse(**fields)])


def _changed(length: int | None) -> Any:
    values = {"x-llm-model": "tiny-chat", "x-llm-version": "v1"}
    if length is not None:
        values["content-length"] = str(length)

    def reply(_: Any) -> Reply:
        common = pb.CommonResponse(
            header_mutation=headers(values), body_mutation=pb.BodyMutation(body=NEW_BODY), clear_route_cache=True
        )
        yield pb.ProcessingResponse(request_body=pb.BodyResponse(response=common))

    return reply
