"""One connection: requests in every framing, and a client that goes away at any moment."""

import itertools
import json
import select
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from extproc.demo.catalog import shipped
from extproc.demo.model_server import ModelServer
from extproc.demo.rules import CHAT
from extproc.demo.scripted import Gate, Scripted
from extproc.demo.seen import Request
from tests.unit.demo.raw_client import TIMEOUT_S, asking, connect, encode, ended, read, read_until


def test_what_was_received_can_be_read_back() -> None:
    """Header names in lower case, values and body as they were, the path without its query."""
    with ModelServer("v1", speed=0) as server, connect(server) as connection:
        connection.sendall(encode({"input": "ä"}, "/v1/embeddings?x=1", ["X-Team: search", "x-team: second"]))
        read_until(connection, b'"usage"')
        (exchange,) = ended(server)
    assert (exchange.server, exchange.path, exchange.recording) == ("v1", "/v1/embeddings", "embeddings")
    assert exchange.request.target == "/v1/embeddings?x=1"
    assert [value for name, value in exchange.headers if name == "x-team"] == ["search", "second"]
    assert exchange.request.header("x-team") == "search"
    assert exchange.request.header("x-absent") is None
    assert json.loads(exchange.body) == {"input": "ä"}
    assert abs(exchange.at - time.time()) < TIMEOUT_S


def test_a_chunked_request_body_is_put_together() -> None:
    """The body in `seen` is without its framing."""
    with ModelServer(speed=0) as server, connect(server) as connection:
        connection.sendall(b"POST /v1/embeddings HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n")
        connection.sendall(b'9\r\n{"input":\r\n')
        connection.sendall(b'5\r\n "x"}\r\n0\r\n\r\n')
        read_until(connection, b'"usage"')
        assert ended(server)[0].body == b'{"input": "x"}'


def test_a_client_that_expects_100_continue_is_told_to_go_on() -> None:
    """The body is sent only after the interim answer, then the recording follows."""
    with ModelServer(speed=0) as server, connect(server) as connection:
        request = encode({"input": "x"}, "/v1/embeddings", ["expect: 100-continue"])
        head, _, body = request.partition(b"\r\n\r\n")
        connection.sendall(head + b"\r\n\r\n")
        assert read(connection, 25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        expected = shipped()["embeddings"].response
        assert read(connection, len(expected)) == expected


def test_pipelined_requests_are_answered_in_order() -> None:
    """Bytes of the next requests that came with this one, or during its answer, are not lost."""
    gate = Gate()
    held = Scripted(chunks=[b"first", gate, b"last"])
    with (
        ModelServer(respond=lambda request: held if request.document.get("hold") else None, speed=0) as server,
        connect(server) as connection,
    ):
        connection.sendall(encode({"hold": True}) + asking("[replay hello_stream]")[:50])
        read_until(connection, b"first\r\n")
        connection.sendall(asking("[replay hello_stream]")[50:] + asking("[replay chat]"))
        assert select.select([connection], [], [], 0)[0] == []
        gate.open()
        expected = b"4\r\nlast\r\n0\r\n\r\n" + shipped()["hello_stream"].response + shipped()["chat"].response
        assert read(connection, len(expected)) == expected


def test_a_client_that_will_close_is_closed_upon() -> None:
    """`connection: close` in the request ends the connection after the answer, whose bytes stay as recorded."""
    with ModelServer(speed=0) as server, connect(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n")
        assert read(connection, 10_000) == shipped()["health"].response


def test_noise_gets_vllms_words_and_the_connection_is_closed() -> None:
    """What is not HTTP is answered as uvicorn does, and is no exchange."""
    with ModelServer(speed=0) as server, connect(server) as connection:
        connection.sendall(b"HELLO\r\n\r\n")
        assert read(connection, 10_000) == shipped()["err_http"].response
        assert len(server.seen) == 0


def test_an_endless_stream_stops_as_soon_as_the_client_closes() -> None:
    """No chunk is made after the client has gone: so a test can tell that its upstream was cancelled."""
    made = itertools.count()
    numbers: list[int] = []

    def events() -> Iterator[bytes]:
        for number in made:
            numbers.append(number)
            yield b"data: {}\n\n"

    def respond(request: Request) -> Scripted | None:
        return Scripted(chunks=events(), delay_s=0.02) if request.path == CHAT else None

    with ModelServer(respond=respond, speed=0) as server:
        with connect(server) as connection:
            connection.sendall(asking("for ever", stream=True))
            read_until(connection, b"data: {}\n\n")
        (exchange,) = ended(server)
        assert exchange.ended == "client_closed"
        assert exchange.events_sent >= 1
        sent = len(numbers)
        with urllib.request.urlopen(f"{server.base_url}/health", timeout=TIMEOUT_S) as answer:
            assert answer.status == 200
        assert len(numbers) == sent


@pytest.mark.parametrize("reset", [False, True])
def test_a_replay_stops_when_the_client_closes_or_resets(reset: bool) -> None:
    """At the recorded pace most of the stream is still to come: it is never sent."""
    with ModelServer() as server:
        with connect(server) as connection:
            connection.sendall(asking("[replay keepalive_stream]"))
            read_until(connection, b"data: ")
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        (exchange,) = ended(server)
    assert exchange.ended == "client_closed"
    assert 0 < exchange.bytes_sent < len(shipped()["keepalive_stream"].response)


def test_a_client_that_closes_before_any_answer_is_seen() -> None:
    """The server waits at a gate; the close is noticed all the same."""
    with ModelServer(respond=lambda _: Scripted(chunks=[Gate()])) as server:
        with connect(server) as connection:
            connection.sendall(asking("wait"))
            server.seen.wait_for(lambda seen: len(seen) == 1)
        assert ended(server)[0].ended == "client_closed"


def test_a_client_that_does_not_read_holds_the_server_back() -> None:
    """Bytes that nobody takes are not counted as sent, and leaving then is leaving."""
    megabyte = b"x" * (1 << 20)
    with ModelServer(respond=lambda _: Scripted(chunks=itertools.repeat(megabyte, 100))) as server:
        with connect(server) as connection:
            connection.sendall(asking("much"))
            with pytest.raises(TimeoutError, match="running"):
                server.seen.wait_for(lambda seen: bool(seen) and seen[0].ended != "running", timeout_s=0.3)
        (exchange,) = ended(server)
    assert exchange.ended == "client_closed"
    assert exchange.bytes_sent < 100 * len(megabyte)
