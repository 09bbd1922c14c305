"""The supervisor of several workers: it starts them, hands them one configuration, and replaces those that die.

Each worker has a *place* with a number and an address. Another process takes the place when one dies or is replaced: a
place lasts, a process does not. What a process counts is named apart from its place, since two may live in one place
while one hands over to the other.
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
from extproc.server.workers.link import Link, LinkBroken, Message, StartOrder, message_bytes
from extproc.server.workers.places import End, Place, Worker, end_of, not_started
from extproc.server.workers.sockets import KEY, WorkerSockets
from extproc.sinks.metrics import Metrics

START_S_MAX = 60.0
"""How long a worker may take until it serves."""
FAILED_STARTS_MAX = 3
"""When every worker has died so often in a row before it served, the reason is not in the workers."""
ANSWER_S_MAX = 4.0
"""How long a worker may take to use a configuration, or to say how many exchanges it has."""
END_S_MAX = 5.0
"""How long a worker may take to end, beyond what it may drain."""


class WorkersFailed(Exception):
    """No worker can be started. The message tells how they ended, and what to do."""


class Workers:
    """All workers of one address.

    Args:
        command: what starts a worker, the number of a file descriptor (its end of the link) to be added.
        config: what they begin with; also what was opened or sized at the start.
        folder: for what the processes share; it must exist.
        snapshot: ``config``, compiled; for those who ask what is in force.
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
        self._places = [Place(number) for number in range(config.document.server.workers)]
        self._living: set[Worker] = set()
        self._counted_as: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeping: list[asyncio.Task[None]] = []
        self._replacing: asyncio.Task[None] | None = None
        self._numbers = itertools.count()
        self._ending = False
        self.all_serve = asyncio.Event()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Begin. ``all_serve`` is set when they do for the first time, ``failed`` has an exception when none can.

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

    async def hand_on(self, config: ConfigInForce) -> None:
        """Put a configuration in force in every worker, and wait until it is; one that starts later begins with it.

        Args: config: without certificates, those in force stay.
        Raises: ValueError for one that is too large to be sent.
        """
        number = next(self._numbers)
        message = message_bytes({"kind": "config", "number": number, **config.to_message()})
        self._config = replace(config, certificates=config.certificates or self._config.certificates)
        await self._answered(number, message)
        self._tell()

    async def inflight(self) -> int:
        """Exchanges that have not ended, in all workers. They have then written down what they counted."""
        await self._ask()
        return sum(worker.inflight for worker in self._living)

    async def waits_s(self) -> float:
        """How long small messages have to wait, at the worker that is the furthest behind. [s]"""
        in_time = await self._ask()
        return max([worker.wait_s for worker in self._living], default=0.0) if in_time else ANSWER_S_MAX

    async def turn(self) -> bool:
        """Whether the event loop of every worker that serves turns."""
        return await self._ask()

    def replace_all(self) -> None:
        """Replace one worker after another; each serves until its successor does. Asked again meanwhile: nothing."""
        if self._replacing is None or self._replacing.done():
            self._replacing = self._run(self._replace_each())

    async def stop(self, drain_s: float, at_once: asyncio.Event) -> int:
        """Let running exchanges end in all workers; cancel the rest after ``drain_s`` [s], or ``at_once``.

        Returns: how many were cancelled.
        """
        self._ending = True
        for task in (*self._keeping, *([self._replacing] if self._replacing else [])):
            task.cancel()
        self._sockets.close_all()
        workers = list(self._living)
        self._say(workers, "drain")
        ended = asyncio.ensure_future(_all_ended(workers))
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

    async def _keep(self, place: Place) -> None:
        """See to it that somebody serves in a place."""
        while True:
            end = await self._fill(place) or await self._end(place)
            place.leave()
            self._tell_of(place, end)
            if place.pause_s:
                self._sockets.close(place.number)
                await asyncio.sleep(place.pause_s)

    async def _fill(self, place: Place) -> End | None:
        """Start a worker in a place, unless a successor has come into it. Returns: why there is none, or None."""
        async with place.change:
            if place.worker is not None:
                return None
            try:
                place.worker = await self._launch(place)
            except (AddressTaken, OSError) as error:
                return not_started(error)
            await self._serves(place.worker)
            return None

    async def _end(self, place: Place) -> End:
        """Wait until the worker of a place has ended; one that was replaced before is no loss."""
        ended = None
        while place.worker is not ended and place.worker is not None:
            ended = place.worker
            await asyncio.wait((ended.ended,))
            self._bury(ended)
        assert ended is not None
        return end_of(ended.ended.result())

    def _tell_of(self, place: Place, end: End) -> None:
        """Tell of an end that nobody asked for."""
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

    async def _launch(self, place: Place) -> Worker:
        """Start a process. Raises: AddressTaken, OSError."""
        listening = self._sockets.open(place.number)
        counts_as = _lowest_free(self._counted_as)
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
                    process_group=0,  # what a terminal sends is for the supervisor
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
        self._run(self._follow(worker))
        return worker

    async def _serves(self, worker: Worker) -> bool:
        """Wait until a worker serves; one that takes too long is ended. Returns: whether it does."""
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

    async def _replace(self, place: Place) -> bool:
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

    async def _succeed(self, place: Place) -> End | None:
        """Have another worker take a place as soon as it serves. Returns: why it does not, or None."""
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

    async def _listen_again(self, place: Place) -> None:
        """Have another worker take a place whose socket cannot be reached any more. Raises: AddressTaken."""
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
        """Take what a worker says, until its end."""
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
        """A process has ended: what it counted is gone on with by the next."""
        if worker in self._living:
            self._living.discard(worker)
            self._counted_as.discard(worker.counts_as)

    def _take(self, worker: Worker, message: Message) -> None:
        if "revision" in message:
            worker.revision, worker.inflight = message["revision"], message["inflight"]
            worker.wait_s = message["wait_s"]
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
        """Send a numbered message to all. Returns: whether all that serve and have not ended have answered in time."""
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
        """Bring readiness up to date."""
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
        """A fault of ours must not leave a place empty in silence."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.failed.done():
            self.failed.set_exception(error)


def _lowest_free(taken: set[int]) -> int:
    """So that there are never more files than processes that live at once."""
    return next(number for number in itertools.count() if number not in taken)


async def _all_ended(workers: list[Worker]) -> None:
    if workers:
        await asyncio.wait([worker.ended for worker in workers])
