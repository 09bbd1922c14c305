"""An outage under load, as clients notice it."""

from __future__ import annotations

import pytest

from extproc.demo.model_server import ModelServer
from extproc.demo.outage import Outage, fail_and_restore
from extproc.demo.scripted import Scripted
from extproc.demo.seen import Request
from extproc.demo.steady_clients import ClientFailedError, Received, SteadyClients

V1, V2 = "tiny-chat/v1", "tiny-chat/v2"
GOOD = Received(200, V1, streamed=False, complete=True, seconds=0.01)
STREAM = GOOD._replace(streamed=True)
CUT = STREAM._replace(complete=False)
ERROR = GOOD._replace(status=503, version="")


@pytest.mark.parametrize(
    ("received", "back_s", "in_short"),
    [
        ([GOOD, STREAM], 1.6, "0 errors, back in 2 s"),
        ([GOOD, STREAM], 0.2, "0 errors, back in 1 s"),
        ([GOOD, CUT], 3.0, "0 errors, 1 cut, back in 3 s"),
        ([ERROR, ERROR, CUT], 12.4, "2 errors, 1 cut, back in 12 s"),
    ],
)
def test_what_clients_noticed_is_told(received: list[Received], back_s: float, in_short: str) -> None:
    """A stream that broke off is no error status, and is not hidden among the answers."""
    assert Outage(received, back_s).in_short == in_short


def test_answers_are_counted() -> None:
    """Streams, and by who gave them."""
    outage = Outage([GOOD, STREAM, CUT, ERROR, GOOD._replace(version=V2)], 1.0)
    assert (outage.streams, outage.errors, outage.cut) == (2, 1, [CUT])
    assert outage.by_version == {V1: 3, V2: 1, "": 1}


class Versions:
    """A server that answers as v1, and as v2 while v1 is down."""

    def __init__(self) -> None:
        self.is_down = False
        self.done: list[str] = []

    def respond(self, _: Request) -> Scripted:
        """Which version it was."""
        return Scripted(200, (("x-llm-served-version", V2 if self.is_down else V1),), [b"{}"])

    def fail(self) -> None:
        """From now on v2 answers."""
        self.is_down = True
        self.done.append("failed")

    def restore(self) -> None:
        """From now on v1 answers."""
        self.is_down = False
        self.done.append("restored")


def test_a_server_fails_and_is_restored_after_so_many_answers() -> None:
    """Until it answers again."""
    versions = Versions()
    with ModelServer(respond=versions.respond) as server, SteadyClients(server.base_url, 500, 4) as clients:
        back_s = fail_and_restore(clients, V1, versions.fail, versions.restore, before=20, during=30)
    answers = Outage(clients.received, back_s).by_version
    assert answers[V1] >= 21
    assert answers[V2] >= 26  # up to 4 were under way
    assert clients.received[-1].version == V1
    assert 0 < back_s < 10
    assert versions.done == ["failed", "restored"]


def test_it_is_restored_also_if_clients_cannot_go_on() -> None:
    """Here the gateway itself is gone. What ends the outage early, also a signal, finds a server that runs."""
    versions = Versions()
    server = ModelServer(respond=versions.respond)

    def play() -> None:
        with server, SteadyClients(server.base_url, 500, 4) as clients:
            fail_and_restore(clients, V1, server.stop, versions.restore, before=1, during=100_000)

    with pytest.raises(ClientFailedError):
        play()
    assert versions.done == ["restored"]
