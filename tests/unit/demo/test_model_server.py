"""The model server against real clients and raw sockets: exact bytes, pace, and what it says it saw."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from anthropic.types import MessageParam, TextBlock
from openai.types.chat import ChatCompletionMessageParam

from extproc.demo import model_server
from extproc.demo.catalog import Cut, shipped
from extproc.demo.model_server import ModelServer
from extproc.demo.rules import CHAT, DEMO_RULES, ReplayRule
from extproc.demo.scripted import Gate, Scripted
from tests.unit.demo.raw_client import TIMEOUT_S, asking, connect, encode, ended, read, read_until

NAMES = sorted(shipped().names)
HELLO = (
    "Envoy is a proxy. It stands between your applications and your model servers, "
    "and sees every request and every answer."
)


@pytest.mark.parametrize("cut", ["recorded", "event", 1009])
def test_every_recording_is_replayed_byte_for_byte_over_kept_connections(cut: Cut) -> None:
    """One connection carries answer after answer, exactly as recorded; where vLLM closed, so does it."""
    kept = [name for name in NAMES if not shipped()[name].closes]
    closing_ones = [[name] for name in NAMES if shipped()[name].closes]
    with ModelServer(speed=0, cut=cut) as server:
        for names in (kept, *closing_ones):
            with connect(server) as connection:
                for name in names:
                    connection.sendall(asking(f"[replay {name}]"))
                    assert read(connection, len(shipped()[name].response)) == shipped()[name].response
                if names is not kept:
                    assert connection.recv(1) == b""
        seen = ended(server)
    assert [exchange.ended for exchange in seen] == ["complete"] * len(NAMES)
    assert {exchange.recording: exchange.bytes_sent for exchange in seen} == {
        name: len(shipped()[name].response) for name in NAMES
    }
    assert {exchange.recording: exchange.events_sent for exchange in seen} == {
        name: len(shipped()[name].chunk_ends) for name in NAMES
    }


def test_a_stream_can_be_cut_after_every_byte() -> None:
    """The worst cut there is gives the same bytes."""
    with ModelServer(speed=0, cut=1) as server, connect(server) as connection:
        connection.sendall(asking("[replay chat_utf8_stream]"))
        expected = shipped()["chat_utf8_stream"].response
        assert read(connection, len(expected)) == expected


def test_an_unknown_path_gets_vllms_404_and_the_connection_is_kept() -> None:
    """As FastAPI says it: {"detail":"Not Found"}."""
    with ModelServer(speed=0) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_S)
        client.request("POST", "/v1/nothing", b"{}")
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (404, b'{"detail":"Not Found"}')
        client.request("HEAD", "/v1/nothing")
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (404, b"")
        client.request("GET", "/health")
        assert client.getresponse().status == 200
        client.close()
        assert [exchange.recording for exchange in ended(server)] == ["err_route", "err_route", "health"]


def test_a_recording_asked_for_that_does_not_exist_is_a_404() -> None:
    """A mistyped cue is answered, not a broken connection."""
    with ModelServer(speed=0) as server, connect(server) as connection:
        connection.sendall(asking("[replay nonesuch]"))
        assert read_until(connection, b'{"detail":"Not Found"}').startswith(b"HTTP/1.1 404 ")


def test_the_openai_client_reads_answers_streamed_and_not() -> None:
    """Chat and responses, from the same rules as the demo's."""
    with (
        ModelServer(speed=0, rules=DEMO_RULES, cut="event") as server,
        openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="none", timeout=TIMEOUT_S, max_retries=0) as client,
    ):
        asked: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is Envoy?"}]
        whole = client.chat.completions.create(model="tiny-chat", messages=asked)
        assert whole.choices[0].message.content == HELLO
        stream = client.chat.completions.create(
            model="tiny-chat", messages=asked, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == HELLO
        streamed_usage, whole_usage = chunks[-1].usage, whole.usage
        assert streamed_usage is not None
        assert whole_usage is not None
        assert streamed_usage.completion_tokens == whole_usage.completion_tokens
        assert client.responses.create(model="tiny-chat", input="What is Envoy?").output_text == HELLO
        events = client.responses.create(model="tiny-chat", input="Who can I write to?", stream=True)
        said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        assert "anna.schmidt@example.com" in said
        assert client.models.list().data[0].id == "tiny-chat"
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="x", messages=[{"role": "user", "content": "[replay err_model]"}])


def test_the_anthropic_client_reads_answers_streamed_and_not() -> None:
    """Messages, from the same rules; the text was dictated by a schema and comes as a JSON string."""
    with (
        ModelServer(speed=0, rules=DEMO_RULES) as server,
        anthropic.Anthropic(base_url=server.base_url, api_key="none", timeout=TIMEOUT_S, max_retries=0) as client,
    ):
        asked: list[MessageParam] = [{"role": "user", "content": "What is Envoy?"}]
        block = client.messages.create(model="m", max_tokens=9, messages=asked).content[0]
        assert isinstance(block, TextBlock)
        assert json.loads(block.text) == HELLO
        with client.messages.stream(model="m", max_tokens=9, messages=asked) as stream:
            assert json.loads("".join(stream.text_stream)) == HELLO


def test_the_recorded_pace_is_kept() -> None:
    """A stream ends no sooner than its recording did, at the speed asked for."""
    speed = 5.0
    recording = shipped()["keepalive_stream"]
    with ModelServer(speed=speed, cut="event") as server, connect(server) as connection:
        began_s = time.monotonic()
        connection.sendall(asking("[replay keepalive_stream]"))
        assert read(connection, len(recording.response)) == recording.response
        assert time.monotonic() - began_s >= recording.timing[-1][1] / speed


def test_respond_may_name_a_recording_or_leave_it_to_the_rules() -> None:
    """A name is replayed; None goes on with cue, rules and plain recordings."""
    rules = [ReplayRule(CHAT, None, None, "hello")]
    chosen = {"a": "reason", "b": None}
    with (
        ModelServer(respond=lambda request: chosen[request.document["user"]], rules=rules, speed=0) as server,
        connect(server) as connection,
    ):
        for user in chosen:
            connection.sendall(encode({"user": user}))
            read_until(connection, b'"usage"')
        assert [exchange.recording for exchange in ended(server)] == ["reason", "hello"]


def test_an_exception_of_respond_is_told_to_the_client() -> None:
    """A mistake in a test's own function shows where the test looks: in the answer."""
    answers: dict[str, str] = {}
    with ModelServer("v2", respond=lambda request: answers[request.path]) as server, connect(server) as connection:
        connection.sendall(asking("x"))
        answer = read_until(connection, b"}")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"respond() of model server v2 raised KeyError('/v1/chat/completions')" in answer


def test_what_was_seen_is_served_as_json_when_asked_for() -> None:
    """GET /__seen is not itself seen; without `expose_seen` it is an unknown path."""
    with ModelServer("v1", speed=0, expose_seen=True) as server, connect(server) as connection:
        connection.sendall(asking("hi"))
        read_until(connection, b'"usage"')
        ended(server)
        for _ in range(2):
            with urllib.request.urlopen(f"{server.base_url}/__seen", timeout=TIMEOUT_S) as answer:
                (exchange,) = json.load(answer)
        assert (exchange["server"], exchange["recording"], exchange["ended"]) == ("v1", "chat", "complete")
        assert json.loads(exchange["body"])["messages"][0]["content"] == "hi"
        server.seen.clear()
        assert list(server.seen) == []
    with (
        ModelServer(speed=0) as server,
        pytest.raises(urllib.error.HTTPError, match="404"),
    ):
        urllib.request.urlopen(f"{server.base_url}/__seen", timeout=TIMEOUT_S)


def test_the_log_is_bounded_and_a_wait_in_vain_tells_how_things_stood() -> None:
    """The oldest exchange is forgotten; the error of a wait names path, recording and end, and no text."""
    with ModelServer(speed=0, seen_max=2) as server:
        for path in ("/health", "/v1/models", "/v1/models"):
            urllib.request.urlopen(f"{server.base_url}{path}", timeout=TIMEOUT_S).close()
        assert [exchange.recording for exchange in ended(server)] == ["models", "models"]
        assert server.seen[0].path == "/v1/models"
        with pytest.raises(TimeoutError, match=r"\('/v1/models', 'models', 'complete'"):
            server.seen.wait_for(lambda seen: len(seen) == 3, timeout_s=0.01)


def test_a_start_that_is_interrupted_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while it starts a second time once stopped the event loop of the first, which is closed."""

    class Interrupted(Future[int]):
        def result(self, timeout: float | None = None) -> int:
            raise KeyboardInterrupt

    server = ModelServer(speed=0)
    server.start()
    server.stop()
    made = iter([Interrupted(), Future()])
    monkeypatch.setattr(model_server, "Future", lambda: next(made))
    with pytest.raises(KeyboardInterrupt):
        server.start()
    monkeypatch.undo()
    server.stop()
    server.stop()
    assert server.start() == server.port
    server.stop()


def test_stopping_ends_what_runs_and_frees_the_port() -> None:
    """An exchange cut by `stop` says so; another server can take the port at once, and only one at a time."""
    server = ModelServer(respond=lambda _: Scripted(chunks=[b"x", Gate()]))
    port = server.start()
    with connect(server) as connection:
        connection.sendall(asking("x"))
        read_until(connection, b"x\r\n")
        server.stop()
        server.stop()
        assert connection.recv(1) == b""
        assert server.seen[0].ended == "server_stopped"
    with ModelServer(port=port, speed=0) as again:
        assert again.port == port
        with pytest.raises(OSError, match="in use"):
            ModelServer(port=port).start()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rules": [ReplayRule(CHAT, None, None, "nope")]}, "no recording is called 'nope'.*chat_stream"),
        ({"speed": -1.0}, "speed is -1"),
        ({"cut": 0}, "cut is 0"),
    ],
)
def test_what_could_not_work_is_refused_at_once(wrong: dict[str, Any], message: str) -> None:
    """Not at the first request."""
    with pytest.raises(ValueError, match=message):
        ModelServer(**wrong)


def test_it_runs_as_a_process_and_ends_well_on_sigterm() -> None:
    """It prints where it listens, takes rules from the command line, and exits with 0."""
    command = [sys.executable, "-m", "extproc.demo.model_server", "--name", "v1", "--speed", "0", "--seen"]
    command += ["--rule", f"{CHAT}:any:a: colon:hello", "--rule", f"{CHAT}:whole::reason"]
    project = Path(__file__).resolve().parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=project, env=os.environ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("model server v1 listens on http://127.0.0.1:")
            url = line.split()[-1]
            for text in ("a: colon", "else"):
                body = json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
                urllib.request.urlopen(urllib.request.Request(url + CHAT, body), timeout=TIMEOUT_S).close()
            with urllib.request.urlopen(f"{url}/__seen", timeout=TIMEOUT_S) as answer:
                assert [exchange["recording"] for exchange in json.load(answer)] == ["hello", "reason"]
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=TIMEOUT_S) == 0
