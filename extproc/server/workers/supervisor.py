"""The supervisor: starts workers, distributes one configuration, and replaces workers that die.

Each worker fills a numbered slot with an address. When a worker dies or is replaced, another process takes the slot:
slots last, processes do not. Metric files are named independently of slots, since two processes may share a slot during
a handover.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import socket
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from extproc.exchange.snapshot import Snapshot
from extproc.server.operations.config_in_force import ConfigInForce
from extproc.server.operations.health import Health
from extproc.server.sockets.address import AddressTaken
from extproc.server.workers import WorkersFailed
from extproc.server.workers.endpoint_messages import EndpointMessages
from extproc.server.workers.link import Link, LinkBroken, Message, StartOrder, message_bytes
from extproc.server.workers.places import Worker, WorkerExit, WorkerSlot, all_ended, end_of, lowest_free, not_started
from extproc.server.workers.sockets import KEY, WorkerSockets
from extproc.sinks.metrics import Metrics

START_S_MAX = 60.0
"""Start timeout of a worker."""
FAILED_STARTS_MAX = 3
"""If every worker has failed this often in a row before it served, the workers are not the cause."""
ANSWER_S_MAX = 4.0
"""Timeout of a worker's answer to a configuration or a question."""
END_S_MAX = 5.0
"""How long a worker may take to end, beyond its drain timeout."""


class Workers:
    """All workers of one address.

    Args:
        command: starts a worker; a file descriptor number (its end of the link) is appended.
        config: the initial configuration; also defines whatever is opened or sized at startup.
        folder: shared by the processes; must exist.
        snapshot: ``config``, compiled; for readers of the configuration in force.
    """

    def __init__(
        self,
        command: Sequence[str],
        config: ConfigInForce,
        folder: Path,
        snapshot: Snapshot,
        health: Health,
        metrics: Metrics,
        logger: Any,
    ) -> None:
        self.snapshot = snapshot
        self._command = command
        self._started_with = self._config = config
        self._folder = folder
        self._health = health
        self._metrics = metrics
        self._logger = logger
        self._sockets = WorkerSockets(config.document.server)
        self.socket_files = self._sockets.files
        self._places = [WorkerSlot(number) for number in range(config.document.server.workers)]
        self._living: set[Worker] = set()
        self.endpoints = EndpointMessages(self._living)
        self._counted_as: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeping: list[asyncio.Task[None]] = []
        self._replacing: asyncio.Task[None] | None = None
        self._numbers = itertools.count()
        self._ending = False
        self.all_serve = asyncio.Event()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Start. ``all_serve`` is set when all serve for the first time, ``failed`` gets an exception when none can.

        Raises: AddressTaken.
        """
        self._sockets.claim()
        for place in self._places:
            self._sockets.open(place.number)
        self._keeping = [self._run(self._keep(place)) for place in self._places]
        for place in self._places:
            again = functools.partial(self._listen_again, place)
            address = self._sockets.address_of(place.number)
            self._keeping.append(self._run(self.socket_files.keep(address, again, self._logger)))

    async def distribute(self, config: ConfigInForce) -> None:
        """Apply a configuration in every worker, and wait for it; workers that start later begin with it.

        Args: config: without certificates, the current ones stay.
        Raises: ValueError if it is too large to send.
        """
        number = next(self._numbers)
        message = message_bytes({"kind": "config", "number": number, **config.to_message()})
        self._config = replace(config, certificates=config.certificates or self._config.certificates)
        await self._answered(number, message)
        self._tell()

    async def inflight(self) -> int:
        """Number of running exchanges, in all workers. They have then flushed their counts."""
        await self._ask()
        return sum(worker.inflight for worker in self._living)

    async def waits_s(self) -> float:
        """Queueing time of small messages, of the slowest worker. [s]"""
        in_time = await self._ask()
        return max([worker.wait_s for worker in self._living], default=0.0) if in_time else ANSWER_S_MAX

    async def envoy_stale(self) -> list[str] | None:
        """Configuration keys that an Envoy does not know which has called a worker lately; None if none has called."""
        await self._ask()
        known = [worker.envoy_stale for worker in self._living if worker.envoy_stale is not None]
        return sorted({key for keys in known for key in keys}) if known else None

    async def turn(self) -> bool:
        """Whether the event loop of every serving worker responds."""
        return await self._ask()

    def replace_all(self) -> None:
        """Replace workers one by one; each serves until its successor does. A call during a replacement is logged, and
        does nothing.
        """
        if self._replacing is None or self._replacing.done():
            self._replacing = self._run(self._replace_each())
        else:
            hint = "send SIGUSR2 again after `workers replaced`"
            self._logger.warning("workers are being replaced already, signal ignored", hint=hint)

    async def stop(self, drain_s: float, at_once: asyncio.Event) -> int:
        """Let running exchanges end in all workers; cancel the rest after ``drain_s`` [s], or immediately with
        ``at_once``.

                Returns: how many were cancelled.
        """
        self._ending = True
        for task in (*self._keeping, *([self._replacing] if self._replacing else [])):
            task.cancel()
        self._sockets.close_all()
        workers = list(self._living)
        self._say(workers, "drain")
        ended = asyncio.ensure_future(all_ended(workers))
        hurried = asyncio.ensure_future(at_once.wait())
        await asyncio.wait((ended, hurried), timeout=drain_s + END_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        self._say(workers, "end")
        await asyncio.wait((ended,), timeout=END_S_MAX)
        for worker in workers:
            worker.kill()
        await ended
        self._sockets.remove()
        return sum(worker.cancelled for worker in workers)

    # --- one place -------------------------------------------------------------------------------------------------

    async def _keep(self, place: WorkerSlot) -> None:
        """Keep a worker running in this slot."""
        while True:
            end = await self._fill(place) or await self._end(place)
            place.leave()
            self._report_exit(place, end)
            if place.pause_s:
                self._sockets.close(place.number)
                await asyncio.sleep(place.pause_s)

    async def _fill(self, place: WorkerSlot) -> WorkerExit | None:
        """Start a worker in a slot, unless a successor has already taken it. Returns: why it failed, or None."""
        async with place.change:
            if place.worker is not None:
                return None
            try:
                place.worker = await self._launch(place)
            except (AddressTaken, OSError) as error:
                return not_started(error)
            await self._serves(place.worker)
            return None

    async def _end(self, place: WorkerSlot) -> WorkerExit:
        """Wait until the worker of a slot has ended; the end of a replaced worker is expected."""
        ended = None
        while place.worker is not ended and place.worker is not None:
            ended = place.worker
            await asyncio.wait((ended.ended,))
            self._bury(ended)
        assert ended is not None
        return end_of(ended.ended.result())

    def _report_exit(self, place: WorkerSlot, end: WorkerExit) -> None:
        """Report an unexpected exit."""
        self._tell()
        self._metrics.worker_restarted(end.reason)
        self._logger.error(
            "worker died, restarting",
            worker=place.number,
            reason=end.reason,
            pause_s=place.pause_s,
            hint=end.hint,
        )
        if all(each.failed_starts >= FAILED_STARTS_MAX for each in self._places) and not self.failed.done():
            text = f"No worker can be started. The last one: {end.reason}. {end.hint}"
            self.failed.set_exception(WorkersFailed(text))

    async def _launch(self, place: WorkerSlot) -> Worker:
        """Start a process. Raises: AddressTaken, OSError."""
        listening = self._sockets.open(place.number)
        counts_as = lowest_free(self._counted_as)
        self._counted_as.add(counts_as)
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                inherited = [theirs.fileno(), *([] if listening is None else [listening.fileno()])]
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    str(theirs.fileno()),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=inherited,
                    process_group=0,  # signals of a terminal are for the supervisor
                )
            link = await Link.open(ours)
        except BaseException:
            ours.close()
            self._counted_as.discard(counts_as)
            raise
        worker = Worker(place.number, counts_as, process, link, asyncio.ensure_future(process.wait()))
        self._living.add(worker)
        order = StartOrder(
            worker=place.number,
            counts_as=counts_as,
            address=self._sockets.address(place.number, counts_as),
            socket_fd=None if listening is None else listening.fileno(),
            folder=str(self._folder),
            started_with=self._started_with,
            config=self._config,
        )
        link.send_bytes(message_bytes(order.to_message()))
        self.endpoints.tell_new(link)
        self._run(self._follow(worker))
        return worker

    async def _serves(self, worker: Worker) -> bool:
        """Wait until a worker serves; kill it on timeout. Returns: whether it serves."""
        serving = asyncio.ensure_future(worker.serving.wait())
        try:
            await asyncio.wait((serving, worker.ended), timeout=START_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        finally:
            serving.cancel()
        if not worker.serving.is_set():
            worker.kill()
        return worker.serving.is_set()

    async def _replace_each(self) -> None:
        self._logger.info("replacing the workers one by one")
        for place in self._places:
            if place.worker is not None and not await self._replace(place):
                return
        self._logger.info("workers replaced")

    async def _replace(self, place: WorkerSlot) -> bool:
        async with place.change:
            old = place.worker
            end = await self._succeed(place)
        if end is None:
            if old is not None:
                await self._retire(old)
            return True
        self._logger.error(
            "worker not replaced, the old workers keep running", worker=place.number, reason=end.reason, hint=end.hint
        )
        return False

    async def _succeed(self, place: WorkerSlot) -> WorkerExit | None:
        """Let another worker take a slot as soon as it serves. Returns: why it failed, or None."""
        try:
            successor = await self._launch(place)
        except (AddressTaken, OSError) as error:
            return not_started(error)
        if not await self._serves(successor):
            await asyncio.wait((successor.ended,))
            return end_of(successor.ended.result())
        place.worker = successor
        self._tell()
        return None

    async def _listen_again(self, place: WorkerSlot) -> None:
        """Let another worker take a slot whose socket is no longer reachable. Raises: AddressTaken."""
        self._sockets.make_way(place.number)
        async with place.change:
            old = place.worker
            end = await self._succeed(place)
        if end is not None:
            raise AddressTaken(KEY, self._sockets.address_of(place.number), f"no worker serves there: {end.reason}")
        if old is not None:
            self._run(self._retire(old))

    async def _retire(self, worker: Worker) -> None:
        worker.link.send("hand_over")
        drain_s = self._started_with.document.server.drain_ms_max / 1_000
        await asyncio.wait((worker.ended,), timeout=drain_s + END_S_MAX)
        worker.kill()
        await asyncio.wait((worker.ended,))

    # --- what is said ----------------------------------------------------------------------------------------------

    async def _follow(self, worker: Worker) -> None:
        """Process a worker's messages until it ends."""
        try:
            while True:
                self._take(worker, await worker.link.receive())
        except LinkBroken:
            pass
        except AddressTaken as taken:
            self._logger.error("worker cannot serve", worker=worker.place, problem=str(taken))
            worker.kill()
        finally:
            worker.inflight = 0
            for future in worker.awaited.values():
                future.cancel()
            worker.link.close()
        await asyncio.wait((worker.ended,), timeout=END_S_MAX)
        worker.kill()
        await asyncio.wait((worker.ended,))
        self._bury(worker)

    def _bury(self, worker: Worker) -> None:
        """A process has ended: the next one continues its metric files."""
        if worker in self._living:
            self._living.discard(worker)
            self._counted_as.discard(worker.counts_as)

    def _take(self, worker: Worker, message: Message) -> None:
        if "revision" in message:
            worker.revision, worker.inflight = message["revision"], message["inflight"]
            worker.wait_s = message["wait_s"]
            if message["envoy_stale"] is not None:
                worker.envoy_stale = message["envoy_stale"]
        if message["kind"] == "serving":
            self._sockets.put_in_place(worker.place, worker.counts_as)
            worker.serves_now()
            self._logger.info("worker serving", worker=worker.place, pid=worker.process.pid, revision=worker.revision)
            self._tell()
        elif message["kind"] == "answer":
            future = worker.awaited.pop(message["number"], None)
            if future is not None and not future.done():
                future.set_result(None)
        elif message["kind"] == "stopped":
            worker.cancelled = message["cancelled"]

    async def _ask(self) -> bool:
        number = next(self._numbers)
        return await self._answered(number, message_bytes({"kind": "ask", "number": number}))

    async def _answered(self, number: int, message: bytes) -> bool:
        """Send a numbered message to all. Returns: whether all serving workers have answered in time."""
        answers: list[asyncio.Future[None]] = []
        for worker in self._living:
            worker.link.send_bytes(message)
            if worker.serving.is_set():
                worker.awaited[number] = asyncio.get_running_loop().create_future()
                answers.append(worker.awaited[number])
        if not answers:
            return True
        _, late = await asyncio.wait(answers, timeout=ANSWER_S_MAX)
        for worker in self._living:
            worker.awaited.pop(number, None)
        return not late

    def _say(self, workers: Iterable[Worker], kind: str) -> None:
        for worker in workers:
            worker.link.send(kind)

    def _tell(self) -> None:
        """Update readiness."""
        self._health.workers = [place.detail() for place in self._places]
        ready = not self._ending and all(place.serves for place in self._places)
        if ready != self._health.ready and not self._health.draining:
            self._health.set_ready(ready)
        if ready:
            self.all_serve.set()

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        """An internal error must not silently leave a slot empty."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.failed.done():
            self.failed.set_exception(error)
