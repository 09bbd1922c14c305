"""Two model servers, of which one fails on demand, in each way that a fallback is for."""

from __future__ import annotations

from functools import partial
from typing import Any

from extproc.demo.model_server import ModelServer
from extproc.demo.outage import fail_and_restore
from extproc.demo.scripted import Gate, Scripted
from extproc.demo.steady_clients import SteadyClients
from tests.e2e.scripted_models import Reset, Silent

BROKEN = "tiny-chat/v1"
SPARE = "tiny-chat/v2"
KILLED = "killed"
ANSWERS = {
    "unavailable": Scripted(503, (("content-length", "0"),)),
    "silent": Silent(gate=Gate()),
    "reset": Reset(),
}
"""What it gives in place of an answer, by the name of the failure."""
FAILURES = (KILLED, *ANSWERS)
FIRST_BYTE_MS = 300


def with_fallback(data: dict[str, Any]) -> None:
    """Either version answers in place of the other."""
    data["models"]["tiny-chat"]["fallback"] = {
        "to": ["v1", "v2"],
        "first_byte_ms": FIRST_BYTE_MS,
        "unstreamed_first_byte_ms": FIRST_BYTE_MS,
    }


class BreakableServers:
    """The servers of both versions, which answer at once; that of v1 can fail."""

    def __init__(self) -> None:
        self._answer: Scripted | None = None
        self.servers = {
            "v1": ModelServer("v1", respond=lambda _: self._answer, speed=0),
            "v2": ModelServer("v2", speed=0),
        }

    def fail(self, failure: str) -> None:
        """From now on; a server that is killed closes its connections and its port."""
        if failure == KILLED:
            self.servers["v1"].stop()
        else:
            self._answer = ANSWERS[failure]

    def restore(self, failure: str) -> None:
        """It answers again, at its address."""
        if failure == KILLED:
            self.servers["v1"].start()
        else:
            self._answer = None

    def fail_and_restore(self, clients: SteadyClients, failure: str, *, before: int, during: int) -> float:
        """Under load, after so many answers and for so many more.

        Returns: how long it took until it answered again. [s]
        """
        fail, restore = partial(self.fail, failure), partial(self.restore, failure)
        return fail_and_restore(clients, BROKEN, fail, restore, before=before, during=during)
