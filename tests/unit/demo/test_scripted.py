"""Answers that no recording has, as they go over the wire."""

import gzip
import http.client
import select
import socket
from contextlib import closing

import pytest

from extproc.demo.model_server import ModelServer
from extproc.demo.rules import CHAT
from extproc.demo.scripted import Gate, Scripted
from tests.unit.demo.raw_client import TIMEOUT_S, asking, connect, ended, read, read_until


def test_a_scripted_body_with_a_content_length_goes_out_as_it_is() -> None:
    """A gzip body, say."""
    body = gzip.compress(b'{"choices":[]}')
    headers = (("content-type", "application/json"), ("content-encoding", "gzip"), ("content-length", str(len(body))))
    with ModelServer(respond=lambda _: Scripted(503, headers, [body[:5], body[5:]])) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_S)
        client.request("POST", CHAT, b"{}")
        answer = client.getresponse()
        assert (answer.status, answer.reason, answer.headers["content-encoding"]) == (
            503,
            "Service Unavailable",
            "gzip",
        )
        assert gzip.decompress(answer.read()) == b'{"choices":[]}'
        client.close()


def test_scripted_chunks_are_framed_one_by_one_with_trailers_after_the_last() -> None:
    """The exact bytes of a chunked answer, and the connection is kept."""
    scripted = Scripted(200, (("a", "b"),), [b"one", b"two!"], trailers=(("x-sum", "7"),))
    expected = (
        b"HTTP/1.1 200 OK\r\na: b\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n4\r\ntwo!\r\n0\r\nx-sum: 7\r\n\r\n"
    )
    with ModelServer(respond=lambda _: scripted) as server, connect(server) as connection:
        for _ in range(2):
            connection.sendall(asking("x"))
            assert read(connection, len(expected)) == expected
        assert [(exchange.recording, exchange.events_sent) for exchange in ended(server)] == [(None, 2), (None, 2)]


def test_a_scripted_answer_can_break_off() -> None:
    """The connection closes without the last chunk: a client can tell that the body is not whole."""
    scripted = Scripted(chunks=[b"half"], end="close_abruptly")
    with (
        ModelServer(respond=lambda _: scripted) as server,
        closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_S)) as client,
    ):
        client.request("POST", CHAT, b"{}")
        with client.getresponse() as answer, pytest.raises(http.client.IncompleteRead) as broken:
            answer.read()
        assert broken.value.partial == b"half"
        assert ended(server)[0].ended == "complete"


def test_a_gate_holds_the_answer_until_the_test_opens_it() -> None:
    """What stands before the gate arrives; nothing after it does until it is opened, on many connections at once."""
    gate = Gate()
    with ModelServer(respond=lambda _: Scripted(chunks=[b"before", gate, b"after"])) as server:
        connections = [socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) for _ in range(20)]
        for connection in connections:
            connection.sendall(asking("x"))
        for connection in connections:
            assert b"after" not in read_until(connection, b"before\r\n")
        assert [exchange.ended for exchange in server.seen] == ["running"] * 20
        assert select.select(connections, [], [], 0)[0] == []
        gate.open()
        for connection in connections:
            assert read_until(connection, b"0\r\n\r\n").startswith(b"5\r\nafter\r\n")
            connection.close()
