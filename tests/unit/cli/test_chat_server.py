"""A server is asked over real HTTP: what it answers is read, and each way to fail has its sentence."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from extproc.cli.chat_server import ChatServer, ServerFailed, UrlInvalid, check_url
from extproc.demo.scripted import Gate, Scripted
from tests.unit.cli.prompt_servers import completion, model_server, scripted

BODY = json.dumps({"model": "tiny-chat", "messages": [{"role": "user", "content": "Hi"}]}).encode()
HTML = "<!DOCTYPE html><html><body>Bad gateway</body></html>"
COMPATIBLE = "Is this the base URL of an OpenAI-compatible server?"


def failure(reply: Scripted, timeout_s: float = 20) -> str:
    """Why there is no answer."""
    with model_server(lambda _: reply) as server, pytest.raises(ServerFailed) as failed:
        ChatServer(server.base_url, timeout_s).ask(BODY)
    return str(failed.value)


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_an_answer_is_read(end: str) -> None:
    """At the base URL with or without its version, with the key that was given."""
    with model_server(lambda _: "Hello") as server:
        answer = ChatServer(f"{server.base_url}{end}", 20, "sk-1").ask(BODY)
        (seen,) = server.seen
    assert (answer.text, answer.refused, answer.cut_short) == ("Hello", False, False)
    assert answer.usage is not None
    assert (answer.usage.prompt, answer.usage.completion) == (12, 3)
    assert (seen.request.path, seen.request.body) == ("/v1/chat/completions", BODY)
    assert dict(seen.request.headers)["authorization"] == "Bearer sk-1"


def test_a_refusal_and_an_end_by_length_are_seen() -> None:
    """A field of its own, and the reason of the end; reasoning is no answer."""
    replies = iter([completion(None, refusal="No."), completion("Hel", finish_reason="length", reasoning="Hm")])
    with model_server(lambda _: next(replies)) as server:
        refused, cut = (ChatServer(server.base_url, 20).ask(BODY) for _ in range(2))
    assert (refused.text, refused.refused) == ("No.", True)
    assert (cut.text, cut.cut_short) == ("Hel", True)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (
            scripted(400, '{"error": {"message": "The model\\nis unknown.", "code": 1}}'),
            "answers 400: The model is unknown",
        ),
        (scripted(404, '{"detail": "Not Found"}'), "answers 404: Not Found"),
        (scripted(429, '{"message": "slow down"}'), "answers 429: slow down"),
        (scripted(401, "{}"), "answers 401. Name the variable with its API key: --api-key-env"),
        (scripted(500, '"'), "answers 500"),
        (scripted(502, HTML, "text/html"), "answers 502: HTML"),
        (
            scripted(302, "", location="http://127.0.0.1:1/"),
            "answers 302: it redirects, which is not followed. Write the final address",
        ),
        (scripted(200, HTML, "text/html"), f"answers HTML. {COMPATIBLE}"),
        (scripted(200, "Hello"), f"answers no JSON. {COMPATIBLE}"),
        (scripted(200, "[]"), f"answers no chat completion. {COMPATIBLE}"),
        (scripted(200, '{"choices": []}'), f"answers no chat completion. {COMPATIBLE}"),
        (scripted(200, '{"choices": [{"index": 0, "text": "x"}]}'), f"answers no chat completion. {COMPATIBLE}"),
        (Scripted(200, (("content-length", "9"),), [b"{"], end="close_abruptly"), "breaks its answer off"),
    ],
)
def test_each_failure_has_its_sentence(reply: Scripted, told: str) -> None:
    """What the server says of it, and what to do."""
    assert failure(reply) == told


def test_a_server_that_takes_too_long() -> None:
    """Before the answer, and in the middle of it."""
    gate = Gate()
    headers = (("content-type", "application/json"), ("content-length", "99"))
    assert failure(Scripted(200, headers, [gate]), 0.2) == "does not answer within 0.2 s"
    assert failure(Scripted(200, headers, [b"{", gate]), 0.2) == "does not answer within 0.2 s"
    gate.open()


def test_an_answer_that_drips_is_late_all_the_same() -> None:
    """Each piece comes in time, and the whole does not."""
    drops = Scripted(200, (("content-length", "10000"),), [b" "] * 10_000, delay_s=0.05)
    assert failure(drops, 0.3) == "does not answer within 0.3 s"


def test_a_server_that_is_not_there() -> None:
    """Nobody listens, or no such host, or it speaks no TLS."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ServerFailed, match=r"does not answer \(connection refused\)"):
        ChatServer(f"http://127.0.0.1:{port}", 20).ask(BODY)
    with pytest.raises(ServerFailed, match=r"does not answer \([a-z ]+\)\Z"):
        ChatServer("http://[::1%nosuch]", 20).ask(BODY)
    with (
        model_server(lambda _: "Hello") as server,
        pytest.raises(ServerFailed, match=r"does not answer \(no TLS: is it http://\?\)"),
    ):
        ChatServer(server.base_url.replace("http:", "https:"), 20).ask(BODY)


def test_a_certificate_that_is_not_trusted_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what to do; with its CA the server answers."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
            received = b""
            while not received.endswith(BODY):
                received += secure.recv(65_536)
            secure.sendall(b"HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n")

    with raw_server(serve) as url, pytest.raises(ServerFailed) as failed:
        ChatServer(url.replace("http:", "https:"), 20).ask(BODY)
    assert str(failed.value).startswith("does not answer (its certificate is not trusted: ")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with raw_server(serve) as url, pytest.raises(ServerFailed, match="answers 500"):
        ChatServer(url.replace("http:", "https:"), 20).ask(BODY)


@contextmanager
def raw_server(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server of one connection, whose bytes are its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            connection, _ = listening.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    "reply", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"]
)
def test_what_speaks_no_http_breaks_its_answer_off(reply: bytes) -> None:
    """Also a connection that ends without a byte."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(reply)

    with raw_server(serve) as url, pytest.raises(ServerFailed) as failed:
        ChatServer(url, 20).ask(BODY)
    assert str(failed.value) == "breaks its answer off"


@pytest.mark.parametrize("url", ["http://h:1", "https://h/v1", "http://[::1]:8000/openai/v1/"])
def test_a_base_url(url: str) -> None:
    """As OpenAI's clients take it."""
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h:1",
        "ftp://h",
        "http://",
        "http://u:p@h",
        "http://h:x",
        "http://h/?q=1",
        "http://h/a b",
        "http://a..b",
        f"http://{'h' * 64}",
    ],
)
def test_another_text_is_none(url: str) -> None:
    """Before anything is asked."""
    with pytest.raises(UrlInvalid, match="is no base URL"):
        check_url(url)
