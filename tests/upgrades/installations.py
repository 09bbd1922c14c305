"""The kinds of installations in which processors are replaced, each behind a real Envoy.

Each is a context manager with an address for clients. What is done to it, ``act``, begins with a running installation,
and ends with one.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar, Self

from extproc.demo.processor_process import ProcessorProcess
from extproc.envoy_config.envoy_process import EnvoyProcess
from extproc.envoy_config.names import PROCESSOR_CLUSTER
from extproc.server.sockets.free_ports import free_ports
from tests.e2e.harness import Stack, wait_until
from tests.unit.cli.programs import is_gone
from tests.upgrades.answers import LONG_S, Models, Moment
from tests.upgrades.front import front_of, write_endpoints

WAIT_S = 60.0
_REPLACED = "workers replaced"
REQUESTS_OF_A_CONNECTION = 10
_LOOPBACK = "127.0.0.1"


class Upgrade(ABC):
    """Something that is done to an installation, again and again.

    Args:
        long_s: how long a long stream lasts.
        patience_ms: ``envoy.message_timeout_ms``; None: as it is.
    Attributes:
        is_graceful: nobody may notice; else only what was in flight may fail.
        base_url: for clients, once it runs.
        moments: when it was done.
    """

    name: ClassVar[str]
    is_graceful: ClassVar[bool]

    def __init__(self, folder: Path, long_s: float = LONG_S, patience_ms: int | None = None) -> None:
        self.folder = folder
        self.models = Models(long_s)
        self._patience_ms = patience_ms
        self.base_url = ""
        self.moments: list[Moment] = []
        self._undo = ExitStack()

    def act(self) -> None:
        """Do it, until the installation is whole again."""
        self._begun_s = time.monotonic()
        self._act()

    def _mark(self) -> None:
        """What it is about has happened since ``act`` was called: a process is dead, say."""
        self.moments.append(Moment(self._begun_s, time.monotonic()))

    @abstractmethod
    def _start(self) -> None:
        """Start everything, onto ``_undo``, and set ``base_url``."""

    @abstractmethod
    def _act(self) -> None: ...

    def _change(self, data: dict[str, Any]) -> None:
        """The configuration of each processor."""
        if self._patience_ms is not None:
            data["envoy"]["message_timeout_ms"] = self._patience_ms

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()


# --- one processor -------------------------------------------------------------------------------------------------


class _OneProcessor(Upgrade):
    workers: ClassVar[int] = 1

    def _start(self) -> None:
        self.stack = self._undo.enter_context(
            Stack(self.folder, models=self.models.servers, change=self._change, change_envoy=self._change_envoy)
        )
        self.base_url = self.stack.base_url

    def _change(self, data: dict[str, Any]) -> None:
        super()._change(data)
        data["server"]["workers"] = self.workers

    def _change_envoy(self, envoy: dict[str, Any]) -> None:
        """Nothing."""


class NewConfiguration(_OneProcessor):
    """Weights, a prompt and a guard change in turn, and every fourth configuration is wrong."""

    name = "new configuration"
    is_graceful = True

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._numbers = itertools.count()

    def _act(self) -> None:
        self._mark()
        number = next(self._numbers)
        if number % 4 == 3:
            good = self.stack.config.read_text()
            self.stack.config.write_text(good.replace('"weight"', '"wieght"'))
            wait_until(lambda: "wieght" in self.stack.processor.page("/readyz"), "the error is told", WAIT_S)
            self.stack.config.write_text(good)
            wait_until(lambda: "wieght" not in self.stack.processor.page("/readyz"), "the error is gone", WAIT_S)
            return
        before = self.stack.revision()
        self.stack.write_config(lambda data: self._edit(data, number))
        wait_until(lambda: self.stack.revision() != before, "the new configuration is in force", WAIT_S)

    def _edit(self, data: dict[str, Any], number: int) -> None:
        self._change(data)
        versions = data["models"]["tiny-chat"]["versions"]
        versions["v1"]["weight"], versions["v2"]["weight"] = 20 + number % 60, 80 - number % 60
        prompt = self.folder / "prompt-of-v1.txt"
        prompt.write_text(f"Be brief, {number} times.")
        versions["v1"]["prompt"]["file"] = str(prompt)
        data["policies"][-1]["guards"].append({"guard": "banned", "phrases": [f"project-{number}"], "action": "flag"})


class RestartOfTheOnly(_OneProcessor):
    """It is asked to end, drains, and is started again: who asks meanwhile waits, up to Envoy's patience."""

    name = "restart of the only processor"
    is_graceful = False

    def _act(self) -> None:
        self.stack.processor.stop(WAIT_S)
        self._mark()
        self.stack.processor.start(WAIT_S)


class Crash(_OneProcessor):
    """It is killed, and started again at once, as systemd or a kubelet does."""

    name = "crash of the only processor"
    is_graceful = False

    def _act(self) -> None:
        self.stack.processor.kill()
        self._mark()
        self.stack.processor.start(WAIT_S)


class SocketRemoved(_OneProcessor):
    """The file of its Unix socket is gone, as after a cleaner of temporary files; the process makes another one.

    Connections go on; here Envoy opens a new one again and again.
    """

    name = "socket removed"
    is_graceful = True

    def _change_envoy(self, envoy: dict[str, Any]) -> None:
        (options,) = _processor_cluster(envoy)["typed_extension_protocol_options"].values()
        options["common_http_protocol_options"] = {"max_requests_per_connection": REQUESTS_OF_A_CONNECTION}

    def _act(self) -> None:
        before = self.stack.socket.stat().st_ino
        self._mark()
        self.stack.socket.unlink()
        wait_until(
            lambda: self.stack.socket.exists() and self.stack.socket.stat().st_ino != before, "a new socket", WAIT_S
        )


class NewWorkers(_OneProcessor):
    """SIGUSR2 after the package was replaced: its workers are, one after another."""

    name = "new version, workers replaced"
    is_graceful = True
    workers = 2

    def _act(self) -> None:
        replaced = self._log().count(_REPLACED)
        self._mark()
        self.stack.processor.signal(signal.SIGUSR2)
        wait_until(lambda: self._log().count(_REPLACED) > replaced, "all workers are new", WAIT_S)

    def _log(self) -> str:
        return self.stack.processor.log.read_text()


class WorkerKilled(_OneProcessor):
    """One of two; the supervisor starts another one."""

    name = "crash of a worker"
    is_graceful = False
    workers = 2

    def _act(self) -> None:
        victim = wait_until(self._serving, "both workers serve", WAIT_S)[0]
        self._begun_s = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: is_gone(victim), "it is dead")
        self._mark()
        wait_until(lambda: self._serving() and victim not in self._serving(), "a new worker serves", WAIT_S)

    def _serving(self) -> list[int]:
        """Both workers, by their processes; none while one is missing."""
        try:
            return [worker["pid"] for worker in json.loads(self.stack.processor.page("/readyz"))["workers"]]
        except OSError:
            return []


# --- two processors ------------------------------------------------------------------------------------------------


class TwoProcessors(Upgrade):
    """They share an Envoy, as the pods of a Deployment do; each listens on a port of its own."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._ports = free_ports(2)
        self._turns = itertools.cycle((0, 1))

    def _start(self) -> None:
        self.stack = self._undo.enter_context(
            Stack(self.folder, models=self.models.servers, change=self._change, change_envoy=self._know_both)
        )
        self.base_url = self.stack.base_url
        second = self._undo.enter_context(self._second())
        self.processors = (self.stack.processor, second)

    def _change(self, data: dict[str, Any]) -> None:
        super()._change(data)
        data["server"]["listen"] = f"{_LOOPBACK}:{self._ports[0]}"

    def _change_second(self, data: dict[str, Any]) -> None:
        """What the second has otherwise, besides its addresses: nothing."""

    def _know_both(self, envoy: dict[str, Any]) -> None:
        _processor_cluster(envoy)["load_assignment"]["endpoints"][0]["lb_endpoints"] = [
            {"endpoint": {"address": {"socket_address": {"address": _LOOPBACK, "port_value": port}}}}
            for port in self._ports
        ]

    def _second(self) -> ProcessorProcess:
        data = json.loads(self.stack.config.read_text())
        (metrics,) = free_ports(1)
        data["server"] |= {"listen": f"{_LOOPBACK}:{self._ports[1]}", "metrics": f"{_LOOPBACK}:{metrics}"}
        self._change_second(data)
        config = self.folder / "second.json"
        config.write_text(json.dumps(data))
        return ProcessorProcess(config, f"{_LOOPBACK}:{metrics}", self.folder / "second.log")


class RollingRestart(TwoProcessors):
    """One after the other is asked to end, drains, and is started anew, as a Deployment does; Envoy is told nothing."""

    name = "new version, rolling restart"
    is_graceful = True

    def _act(self) -> None:
        processor = self.processors[next(self._turns)]
        self._mark()
        processor.stop(WAIT_S)
        processor.start(WAIT_S)


class CrashOfOne(TwoProcessors):
    """One of both is killed and started again."""

    name = "crash of one of two processors"
    is_graceful = False

    def _act(self) -> None:
        processor = self.processors[next(self._turns)]
        processor.kill()
        self._mark()
        processor.start(WAIT_S)


# --- two nodes -----------------------------------------------------------------------------------------------------


class NodeDrain(Upgrade):
    """Two nodes, each with an Envoy and its processor, behind a load balancer.

    A node is drained as Kubernetes does it with native sidecars: the load balancer is told first, running requests may
    end, then the processor is stopped, then its Envoy; and they come back in the opposite order.
    """

    name = "node drain"
    is_graceful = True

    def _start(self) -> None:
        self.nodes = []
        for number in range(2):
            folder = self.folder / f"node-{number}"
            folder.mkdir()
            models = Models(self.models.long_s).servers
            self.nodes.append(self._undo.enter_context(Stack(folder, models=models, change=self._change)))
        self._turns = itertools.cycle(self.nodes)
        folder = self.folder / "front"
        folder.mkdir()
        self._endpoints = folder / "endpoints.json"
        self._know(self.nodes)
        configuration, self.base_url = front_of(self._endpoints)
        self._undo.enter_context(EnvoyProcess(configuration, folder))

    def _know(self, nodes: list[Stack]) -> None:
        write_endpoints(self._endpoints, [node.base_url for node in nodes])

    def _act(self) -> None:
        node = next(self._turns)
        self._mark()
        self._know([one for one in self.nodes if one is not node])
        wait_until(lambda: node.metric("llm_inflight_exchanges") == 0, "the node has no request", WAIT_S)
        node.processor.stop(WAIT_S)
        node.envoy.stop()
        node.envoy.start()
        node.processor.start(WAIT_S)
        self._know(self.nodes)


def _processor_cluster(envoy: dict[str, Any]) -> dict[str, Any]:
    clusters: list[dict[str, Any]] = envoy["static_resources"]["clusters"]
    return next(one for one in clusters if one["name"] == PROCESSOR_CLUSTER)


UPGRADES: tuple[type[Upgrade], ...] = (
    NewConfiguration,
    NewWorkers,
    RollingRestart,
    NodeDrain,
    SocketRemoved,
    RestartOfTheOnly,
    Crash,
    WorkerKilled,
    CrashOfOne,
)
