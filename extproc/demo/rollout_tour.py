"""The stops of the tour that show rollouts: a good version walks to 100 %, one that refuses and a slow one go back.

Nobody decides but the processor, from what it sees of both versions under load. Margins are wide and least times are
short, so that seconds of traffic are enough.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from extproc.demo.ledger_tour import keep_ledger
from extproc.demo.model_server import ModelServer
from extproc.demo.seen import Request
from extproc.demo.steady_clients import ClientFailedError, SteadyClients
from extproc.demo.stop import Stop

if TYPE_CHECKING:
    from extproc.demo.tour import Tour

MODEL: Final = "tiny-chat"
STEPS: Final = (5, 25, 50, 100)
_RATE: Final = 400
_CLIENTS: Final = 24
_WITHIN_S: Final = 60.0
_LOOK_S: Final = 0.25
"""Between two looks at the page of metrics, which is work for the processor that is to answer."""
_PACE: Final = 40.0
"""Of both model servers, by the recorded one."""
_WRITE_BYTES: Final = 2_000
"""Several events at once, which at that pace come together anyway: each write is work for Envoy and for us."""
_COMPARED: Final = {"error": 15, "refusal": 10, "token_time": 40}
"""Gates, and margins to go on [percent]; at 5 % they are four times as wide."""
_LEFT_OUT: Final = (
    *("abort", "finding", "empty", "looped", "truncated", "unstructured", "bad_call", "regenerated", "feedback"),
    *("length", "first_token", "cost"),
)
_REFUSED_OF_TEN: Final = 4


@dataclass(frozen=True, slots=True)
class CanaryShown:
    """One canary. Attributes: ends: the phase in which its rollout must end; title, sent, why: of the stop."""

    kind: str
    ends: str
    title: str
    sent: str
    why: str

    def stop(self) -> Stop:
        """Not visited."""
        return Stop(self.title, self.sent, self.why)


CANARIES: Final = (
    CanaryShown("good", "promoted", "A rollout", "v2 is as good as v1", "it walks by proof"),
    CanaryShown("refusing", "rolled_back", "A canary that refuses", "v2 refuses 4 of 10", "nobody has to watch"),
    CanaryShown("slow", "rolled_back", "A slow canary", "v2 writes at a quarter", "speed is a gate too"),
)


def visit_rollout(tour: Tour, stop: Stop, one: CanaryShown) -> None:
    """Declare a rollout, ask under load until it is over, and recompute its decisions from its journal."""
    name, labels = f"{MODEL}-{one.kind}", {"x-team": "search", "x-project": f"rollout-{one.kind}"}
    began_s = time.monotonic()
    tour.installation.write_config(lambda data: _declare(data, one.kind, name))
    try:
        with (
            _behaving(tour.installation.models, one.kind),
            SteadyClients(tour.installation.base_url, _RATE, _CLIENTS, labels) as clients,
        ):
            clients.until(lambda: _phase(tour, name, "running"), "the rollout begins", _WITHIN_S, _LOOK_S)
            if one.kind == "good":
                clients.until(
                    lambda: tour.metric("llm_rollout_step", rollout=name) >= 2, "its second step", _WITHIN_S, _LOOK_S
                )
                _kill_leader(tour.installation.processor.pid)
            clients.until(lambda: _phase(tour, name, one.ends), f"it is {one.ends}", _WITHIN_S, _LOOK_S)
            answered = len(clients.received)
    except (TimeoutError, ClientFailedError) as error:
        stop.wrong.append(str(error))
        return
    seconds = time.monotonic() - began_s
    explained = _explained(tour, name)
    shares = [entry["kind"] for entry in explained["entries"] if entry["kind"] != "looked"]
    stop.outcome = _in_short(one, seconds)
    stop.client_saw = f"{answered} answers in {seconds:.0f} s"
    stop.model_saw = ", ".join(shares)
    reasons = [reason for entry in explained["entries"][-1:] for reason in entry["reasons"]]
    stop.measured = " ".join(reasons[:1])
    stop.expect("that its journal agrees with its numbers", explained["agrees"], True)
    steps = shares.count("advanced") + shares.count("promoted")
    stop.expect("steps", steps, len(STEPS) - 1 if one.ends == "promoted" else steps)


def _in_short(one: CanaryShown, seconds: float) -> str:
    way = " ".join(map(str, STEPS)) + " %" if one.ends == "promoted" else "rolled back"
    return f"{way} in {seconds:.0f} s"


def _declare(data: dict[str, Any], kind: str, name: str) -> None:
    """The demo's configuration with a rollout; each kind of canary is another revision of v2."""
    keep_ledger(data)
    data["filters"].append({"filter": "signals"})
    data["models"][MODEL]["versions"]["v2"]["served_model"] = f"tiny-chat-{kind}"
    gates: list[dict[str, Any]] = [{"gate": gate, "promote_percent": margin} for gate, margin in _COMPARED.items()]
    data["rollouts"] = [
        {
            "name": name,
            "model": MODEL,
            "stable": "v1",
            "canary": "v2",
            "warm_up_s": 0,
            "steps": [{"percent": percent, "minutes_min": 0, "answers_min": 50} for percent in STEPS],
            "gates": [*gates, *({"gate": gate, "compared": False} for gate in _LEFT_OUT)],
        }
    ]


@contextmanager
def _behaving(models: Mapping[str, ModelServer], kind: str) -> Iterator[None]:
    """Within, both servers answer faster than recorded, and that of v2 like the canary."""
    before = {name: (server.speed, server.cut, server.respond) for name, server in models.items()}
    for server in models.values():
        server.speed, server.cut = _PACE, _WRITE_BYTES
    canary = models["v2"]
    if kind == "slow":
        canary.speed = _PACE / 4
    if kind == "refusing":
        canary.respond = _refuse_some
    try:
        yield
    finally:
        for name, (speed, cut, respond) in before.items():
            models[name].speed, models[name].cut, models[name].respond = speed, cut, respond


def _refuse_some(request: Request) -> str | None:
    """By the user, so that it is the same again."""
    user = str(request.document.get("user", ""))
    if not user.isdigit() or int(user) * 7 % 10 >= _REFUSED_OF_TEN:
        return None
    return "refusal_stream" if request.document.get("stream") else "refusal"


def _phase(tour: Tour, name: str, phase: str) -> bool:
    return tour.metric("llm_rollout_phase", rollout=name, phase=phase) == 1


def _kill_leader(processor: int) -> None:
    """Kill the process that decides: the only child of the processor that ships."""
    for pid in _children(processor):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if b"extproc.ledger.shipping" in file.read():
                os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(one) for one in file.read().split()]


def _explained(tour: Tour, name: str) -> dict[str, Any]:
    """What ``extproc rollout explain`` says. Raises: RuntimeError with its own words."""
    command = [
        sys.executable,
        "-m",
        "extproc",
        "rollout",
        "explain",
        name,
        "--json",
        "-c",
        str(tour.installation.config),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if not ran.stdout:
        raise RuntimeError(f"`extproc rollout explain` ended with code {ran.returncode}: {ran.stderr}")
    printed: dict[str, Any] = json.loads(ran.stdout)
    return printed
