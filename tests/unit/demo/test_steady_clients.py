"""Clients at a steady rate: what they ask, what they say they received, and how they end."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Gate, Scripted
from extproc.demo.seen import Request
from extproc.demo.steady_clients import ClientFailedError, SteadyClients
from extproc.server.sockets.free_ports import free_ports

RATE = 500
CLIENTS = 4
TOTAL = 40
VERSION = ("x-llm-served-version", "tiny-chat/v1")
DONE = b"data: [DONE]\n\n"


def test_every_second_one_asks_for_a_stream_and_no_more_are_asked_than_wanted() -> None:
    """Each with the headers that were given, and a number of its own."""
    with (
        ModelServer(speed=0) as server,
        SteadyClients(server.base_url, RATE, CLIENTS, {"x-team": "search"}) as clients,
    ):
        clients.finish(TOTAL)
    assert Counter((one.status, one.streamed, one.complete) for one in clients.received) == {
        (200, True, True): TOTAL // 2,
        (200, False, True): TOTAL // 2,
    }
    requests = [seen.request for seen in server.seen]
    assert {request.header("x-team") for request in requests} == {"search"}
    assert sorted(int(request.document["user"]) for request in requests) == list(range(TOTAL))
    assert all(request.document["stream"] == bool(int(request.document["user"]) % 2) for request in requests)


def test_the_rate_is_kept() -> None:
    """No request before its time."""
    with ModelServer(speed=0) as server, SteadyClients(server.base_url, 100, CLIENTS) as clients:
        begun_s = time.monotonic()
        clients.finish(TOTAL)
        assert time.monotonic() - begun_s > (TOTAL - 2) / 100


def test_who_answered_and_how_is_kept() -> None:
    """An error, and a stream without its last event."""

    def respond(request: Request) -> Scripted:
        if request.document["stream"]:
            return Scripted(200, (VERSION,), [b"data: {}\n\n"])
        return Scripted(503, (VERSION, ("content-length", "2")), [b"{}"])

    with ModelServer(respond=respond) as server, SteadyClients(server.base_url, RATE, 1) as clients:
        clients.finish(2)
    first, second = clients.received
    assert (first.status, first.version, first.streamed, first.complete) == (503, "tiny-chat/v1", False, True)
    assert (second.status, second.version, second.streamed, second.complete) == (200, "tiny-chat/v1", True, False)
    assert all(one.seconds > 0 for one in clients.received)


def test_a_stream_that_is_cut_is_incomplete_and_its_client_goes_on() -> None:
    """On a new connection."""

    def respond(request: Request) -> Scripted:
        if request.document["user"] == "1":
            return Scripted(200, (), [b"data: {}\n\n", DONE[:5]], end="close_abruptly")
        return Scripted(200, (), [DONE if request.document["stream"] else b"{}"])

    with ModelServer(respond=respond) as server, SteadyClients(server.base_url, RATE, 1) as clients:
        clients.finish(4)
    assert [one.complete for one in clients.received] == [True, False, True, True]


def test_answers_are_judged_and_not_kept() -> None:
    """By their status and what came of them, also of one that is cut."""

    def respond(request: Request) -> Scripted:
        if request.document["user"] == "1":
            return Scripted(200, (), [b"data: {}\n\n", DONE[:5]], end="close_abruptly")
        return Scripted(503, (("content-length", "2"),), [b"{}"])

    def judge(status: int, body: bytes) -> str:
        return f"{status} {body.decode()}"

    with ModelServer(respond=respond) as server, SteadyClients(server.base_url, RATE, 1, judge=judge) as clients:
        clients.finish(2)
    assert [one.judged for one in clients.received] == ["503 {}", "200 data: {}\n\ndata:"]
    assert clients.received[0].begun_s < clients.received[1].begun_s


def test_whoever_waits_is_told_that_a_client_cannot_go_on() -> None:
    """Nothing accepts it any more."""

    def play() -> None:
        with server, SteadyClients(server.base_url, RATE, CLIENTS) as clients:
            clients.until_answered(1)
            server.stop()
            clients.until_answered(100_000)

    server = ModelServer(speed=0)
    with pytest.raises(ClientFailedError, match=r"^a client failed \(.*\) before: 100000 more answers$"):
        play()


def test_whoever_leaves_is_told_too() -> None:
    """Nothing has ever accepted it."""
    (port,) = free_ports(1)

    def play() -> None:
        with SteadyClients(f"http://127.0.0.1:{port}", RATE, CLIENTS):
            pass

    with pytest.raises(ClientFailedError, match=r"ConnectionRefusedError.* before: the last answer"):
        play()


def test_what_does_not_come_is_a_timeout() -> None:
    """That says what was waited for."""

    def play() -> None:
        with ModelServer(speed=0) as server, SteadyClients(server.base_url, RATE, CLIENTS) as clients:
            clients.until(lambda: False, "a miracle", within_s=0.1)

    with pytest.raises(TimeoutError, match=r"^after 0\.1 s still not: a miracle$"):
        play()


def test_a_signal_leaves_them_once_their_answers_have_come() -> None:
    """With its own exception and no other."""
    gate = Gate()
    script = Scripted(200, (), [gate, b"{}"])
    server = ModelServer(respond=lambda _: script)
    asked: list[SteadyClients] = []

    def play() -> None:
        with server, SteadyClients(server.base_url, RATE, CLIENTS) as clients:
            asked.append(clients)
            clients.until(lambda: len(server.seen) == CLIENTS, "all wait")
            gate.open()
            raise SystemExit(130)

    with pytest.raises(SystemExit):
        play()
    # What the clients have, since the server may be stopped before it notes that it has written an answer.
    assert len(asked[0].received) == len(server.seen)
    assert all(one.complete for one in asked[0].received if not one.streamed)
