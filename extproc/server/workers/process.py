"""One of several workers: it serves like a single process, and obeys its supervisor.

Signals are for the supervisor: a signal to the whole process group would otherwise end a worker twice. If the
supervisor is gone, the worker ends immediately: no one would count, reload or end it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from extproc.exchange.endpoint_loads import EndpointLoad
from extproc.server.operations.config_in_force import ConfigInForce
from extproc.server.operations.health import Health
from extproc.server.operations.json_log import where
from extproc.server.operations.loop_watch import LoopWatch
from extproc.server.operations.process import return_free_memory, wait_for_first
from extproc.server.sockets.tls import Tls
from extproc.server.transport.processor import Processor
from extproc.server.workers.link import Link, LinkBroken, Message

ORPHAN_S_MAX = 5.0
"""How long a worker may take to end when its supervisor is gone."""
_FOR_THE_SUPERVISOR = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)


class Transport(Protocol):
    """The server of a worker."""

    async def start(self) -> None:
        """Start accepting."""
        ...

    async def stop(self, drain_s: float, at_once: asyncio.Event) -> int:
        """Let exchanges end, cancel the rest. Returns: how many were cancelled."""
        ...

    async def hand_over(self, drain_s: float, at_once: asyncio.Event) -> int:
        """Like ``stop``, but another process already serves in its place: new exchanges on existing connections are
        served.
        """
        ...


def leave_signals_aside() -> None:
    """Ignore termination signals; called first, since a signal may arrive at any time."""
    for number in _FOR_THE_SUPERVISOR:
        signal.signal(number, signal.SIG_IGN)


def end_with_supervisor(end: socket.socket) -> None:
    """End the process with its supervisor even if the event loop hangs, and no one reads the link.

    Args: end: of the link; its messages are left alone.
    """
    threading.Thread(target=_watch, args=(end.dup(),), name="supervisor", daemon=True).start()


def _watch(end: socket.socket) -> None:
    hang_up = select.poll()
    hang_up.register(end, select.POLLRDHUP)
    hang_up.poll()
    time.sleep(ORPHAN_S_MAX)
    os._exit(1)


class WorkerProcess:
    """Runs until told to end.

    Args:
        tls: of the server, if any.
        flush: writes accumulated counts to files.
        drain_s: drain timeout for exchanges. [s]
    """

    def __init__(
        self,
        link: Link,
        processor: Processor,
        health: Health,
        tls: Tls | None,
        flush: Callable[[], None],
        drain_s: float,
    ) -> None:
        self._link = link
        self._processor = processor
        self._health = health
        self._tls = tls
        self._flush = flush
        self._drain_s = drain_s
        self._ends = asyncio.Event()
        self._at_once = asyncio.Event()
        self._hands_over = False
        self._watch: LoopWatch | None = None
        self.is_orphaned = False  # the supervisor is gone without a message

    async def run(self, transport: Transport, prepared: Coroutine[Any, Any, Any]) -> None:
        """Serve, and end as told, also before all is prepared. Raises: AddressTaken."""
        following = asyncio.create_task(self._follow())
        await wait_for_first(prepared, self._ends.wait())
        await transport.start()
        self._watch = LoopWatch(asyncio.get_running_loop())
        self._health.set_ready(True)
        self._link.send("serving", **self._state())
        await self._ends.wait()
        end = transport.hand_over if self._hands_over else transport.stop
        cancelled = await end(self._drain_s, self._at_once)
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        self._flush()
        self._link.send("stopped", cancelled=cancelled)
        await self._link.flush()
        self._link.close()

    async def _follow(self) -> None:
        try:
            while True:
                await self._obey(await self._link.receive())
        except LinkBroken:
            self.is_orphaned = True
            self._at_once.set()
            self._drain()
        except Exception as error:
            # a worker cut off from its supervisor would serve an old configuration for ever
            self._processor.logger.error(
                "worker stops after an internal error", error=type(error).__name__, where=where(error)
            )
            self._drain()

    async def _obey(self, message: Message) -> None:
        kind = message["kind"]
        if kind == "ask":
            self._flush()
            self._link.send("answer", number=message["number"], **self._state())
        elif kind == "config":
            await self._use(ConfigInForce.of_message(message))
            self._link.send("answer", number=message["number"], **self._state())
        elif kind == "endpoint_load":
            self._processor.picks.report(message["endpoint"], EndpointLoad(*message["load"]))
        elif kind == "endpoint_addresses":
            self._processor.picks.resolve(message["endpoint"], tuple(message["addresses"]))
        elif kind == "hand_over":
            self._hands_over = True
            self._ends.set()
        elif kind == "drain":
            self._drain()
        elif kind == "end":
            self._at_once.set()
            self._drain()

    async def _use(self, config: ConfigInForce) -> None:
        """Between two exchanges, as a process that reads its own files does it."""
        self._processor.snapshot = await asyncio.to_thread(config.compiled)
        await asyncio.to_thread(return_free_memory)
        self._health.revision = self._processor.snapshot.revision
        if self._tls is not None and config.certificates is not None:
            self._tls.use(config.certificates)

    def _drain(self) -> None:
        self._health.drain()
        self._ends.set()

    def _state(self) -> dict[str, Any]:
        return {
            "revision": self._processor.snapshot.revision,
            "inflight": self._processor.inflight,
            "wait_s": self._watch.waits_s() if self._watch is not None else 0.0,
            "envoy_stale": self._processor.envoy_routes.stale(),
        }
