"""A canary that fails hard, in front of a real Envoy and two workers: it goes back after seconds, however it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from extproc.demo.steady_clients import SteadyClients
from tests.e2e.breakable_servers import BROKEN, KILLED, SPARE, BreakableServers
from tests.e2e.conftest import MakeStack
from tests.e2e.harness import Stack

RATE = 60
CLIENTS = 400
"""More than wait for a canary that hangs until it goes back."""
ROLLOUT = {
    **{"name": "broken", "model": "tiny-chat", "stable": "v2", "canary": "v1", "warm_up_s": 0},
    "steps": [{"percent": 25}, {"percent": 100}],
}


def rolled_out(data: dict[str, Any]) -> None:
    """A quarter goes to the version whose server will fail."""
    data["ledger"] = {"url": "sqlite:///ledger.db"}
    data["filters"].append({"filter": "signals"})
    data["server"]["workers"] = 2
    data["rollouts"] = [ROLLOUT]


def phase(stack: Stack) -> str:
    """Where the rollout stands; empty: it has not begun."""
    phases = ("running", "rolled_back", "promoted", "inconclusive", "broken_off", "paused")
    found = (one for one in phases if stack.metric("llm_rollout_phase", rollout="broken", phase=one))
    return next(found, "")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("failure", [KILLED, "silent"])
def test_a_canary_that_fails_goes_back(make_stack: MakeStack, failure: str) -> None:
    """It is told why, the journal agrees, and everybody is answered again. A server that is silent has answered
    nobody until then.
    """
    models = BreakableServers()
    stack = make_stack(models=models.servers, change=rolled_out)
    with SteadyClients(stack.base_url, RATE, CLIENTS) as clients:
        clients.until(lambda: phase(stack) == "running", "the rollout runs")
        clients.until(lambda: any(one.version == BROKEN for one in clients.received), "the canary answers")
        models.fail(failure)
        clients.until(lambda: phase(stack) == "rolled_back", "it goes back")
        clients.until(lambda: len(clients.received) > 30 and served(clients, 30) == {(200, SPARE)}, "all are answered")
        models.servers["v1"].stop()  # what still waits is answered
    explained = rollout(stack, "explain")
    assert explained["agrees"]
    last = explained["entries"][-1]
    assert (last["kind"], last["by"]) == ("rolled_back", "extproc")
    (reason, *_) = last["reasons"]
    assert ("had no text for 3 seconds" if failure == "silent" else "exchanges of the canary failed") in reason


def served(clients: SteadyClients, last: int) -> set[tuple[int, str]]:
    """Status and version of the last answers."""
    return {(one.status, one.version) for one in clients.received[-last:]}


def rollout(stack: Stack, command: str) -> Any:
    """What a command says of it."""
    words = [sys.executable, "-m", "extproc", "rollout", command, "broken", "--json", "-c", str(stack.config)]
    return json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
