"""The page of a model server: kept connections, and all that may go wrong with it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Scripted
from extproc.model_servers import metrics_page
from extproc.model_servers.metrics_page import FAILED, UNREACHABLE, UNREADABLE, MetricsPage, ScrapeFailed

PLAIN = (("content-type", "text/plain"),)
PAGE = b"up 1\n"


class Server:
    """A model server with a page."""

    def __init__(self) -> None:
        self.answer = Scripted(headers=PLAIN, chunks=[PAGE])
        self.model_server = ModelServer("v1", respond=lambda _: self.answer)

    @property
    def endpoint(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.model_server.port}"


@pytest.fixture
def server() -> Iterator[Server]:
    """It runs."""
    made = Server()
    with made.model_server:
        yield made


@pytest.fixture
def asked(server: Server) -> Iterator[MetricsPage]:
    """Its page."""
    made = MetricsPage(server.endpoint, 1.0)
    yield made
    made.close()


def why_not(page: MetricsPage) -> str:
    """The result of a question that fails."""
    with pytest.raises(ScrapeFailed) as failed:
        page.ask(lambda content: content)
    (result,) = failed.value.args
    return str(result)


def test_a_kept_connection_that_the_server_has_closed_is_no_failure(server: Server, asked: MetricsPage) -> None:
    """As when it restarts, or ends idle connections."""
    assert asked.ask(bytes.upper) == b"UP 1\n"
    assert asked.ask(len) == len(PAGE)
    assert len(server.model_server._connections) == 1
    server.model_server.stop()
    assert why_not(asked) == UNREACHABLE
    server.model_server.start()
    assert asked.ask(len) == len(PAGE)


ODD = {
    "another status": Scripted(404, headers=PLAIN, chunks=[PAGE]),
    "a page that is cut off": Scripted(
        headers=(*PLAIN, ("content-length", "100000")), chunks=[PAGE], end="close_abruptly"
    ),
    "a page that is too long": Scripted(headers=PLAIN, chunks=[b"x" * 1_000] * 10),
}


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
def test_what_is_no_page_fails_and_the_next_question_does_not(
    server: Server, asked: MetricsPage, answer: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new connection is opened for it."""
    monkeypatch.setattr(metrics_page, "PAGE_BYTES_MAX", 5_000)
    server.answer = answer
    assert why_not(asked) == FAILED
    server.answer = Scripted(headers=PLAIN, chunks=[PAGE])
    assert asked.ask(len) == len(PAGE)


def test_what_the_reader_does_not_know_is_unreadable(asked: MetricsPage) -> None:
    """It may be the page of another program."""
    with pytest.raises(ScrapeFailed, match=UNREADABLE):
        asked.ask(lambda _: None)


def test_a_server_that_says_nothing_is_given_up() -> None:
    """It takes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        page = MetricsPage(f"127.0.0.1:{silent.getsockname()[1]}", 0.1)
        assert why_not(page) == FAILED


def test_a_page_that_never_ends_is_given_up(server: Server) -> None:
    """Each piece comes in time."""
    page = MetricsPage(server.endpoint, 0.1)
    server.answer = Scripted(headers=PLAIN, chunks=iter(lambda: b"#\n", None), delay_s=0.01)
    assert why_not(page) == FAILED
