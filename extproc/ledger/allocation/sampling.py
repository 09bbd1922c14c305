"""Keeps what model servers say of themselves: one process of all that ship to a store asks, and stores every minute.

In role guard each process asks the server next to it, and nobody else can. What was said waits in memory until it is
stored, so a process that is killed loses a minute of it, and a store that does not answer loses none for hours. What is
missing is seen as a gap.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from extproc.allocation.server_samples import ServerSample, ServerSamples
from extproc.ledger.allocation.asking import AskedServer, ResolvedNames
from extproc.ledger.allocation.pods.pod_facts import PodFacts
from extproc.ledger.allocation.pods.seen_processes import SeenProcesses
from extproc.ledger.allocation.sample_tables import SAMPLING_LEADER
from extproc.ledger.allocation.samples import SAMPLES_MAX
from extproc.ledger.allocation.settings import AskedAddress, ConfiguredServer, SamplingSettings
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.allocation.stored_samples import GpuFacts, add_samples, forget_samples, note_facts
from extproc.ledger.leader import Leadership
from extproc.ledger.store import LedgerStore
from extproc.model_servers.metrics_page import OK

if TYPE_CHECKING:
    from extproc.ledger.allocation.pods.look_ups import PodsSource

STORE_S: Final = 60.0
"""Between two writes of what was said."""
FORGET_S: Final = 3_600.0
"""Between two looks for what is too old."""
SERVERS_MAX: Final = 256
"""Further ones are not asked."""
TOLD_AFTER: Final = 4
"""Answers that are missing in a row before somebody is told."""
BEAT_S: Final = 5.0
TAKEN_OVER_S: Final = 20.0
_ID_BYTES: Final = 6


@dataclass(slots=True)
class _Server:
    """One that is asked, or was, and has something that waits to be stored. ``missing``: answers in a row."""

    configured: ConfiguredServer
    asked: AskedServer | None = None
    waiting: deque[ServerSample] = field(default_factory=lambda: deque(maxlen=SAMPLES_MAX))
    processes: SeenProcesses = field(default_factory=SeenProcesses)
    missing: int = 0
    result: str = OK
    is_told: bool = False


class ServerSampling:
    """Asks, and stores. Its methods are called by one thread.

    Args:
        tell: gets a sentence about a server that says nothing, and about samples that cannot be stored.
        clocks: seconds of a monotonic clock, and microseconds since 1970.
        names: makes what resolves names.
        open_pods: what is asked for pods; None: the API server.
    """

    def __init__(
        self,
        store: LedgerStore,
        settings: SamplingSettings,
        tell: Callable[[str], None],
        clocks: tuple[Callable[[], float], Callable[[], int]] = (time.monotonic, lambda: time.time_ns() // 1_000),
        names: Callable[[tuple[str, ...]], ResolvedNames] = ResolvedNames,
        open_pods: Callable[[], PodsSource] | None = None,
    ) -> None:
        self._store = store
        self.settings = settings
        self._tell = tell
        self._clock_s, self._wall_us = clocks
        self._make_names = names
        self._names: ResolvedNames | None = None
        self._pods = PodFacts(tell=self._tell_once, open_source=open_pods)
        self._leadership = Leadership(SAMPLING_LEADER, secrets.token_hex(_ID_BYTES), BEAT_S, TAKEN_OVER_S)
        self._servers: dict[str, _Server] = {}
        self._lock = threading.Lock()  # of what the threads of servers change
        self._stored_s = self._clock_s()
        self._forgotten_s = float("-inf")
        self._told: set[str] = set()

    def use(self, store: LedgerStore, settings: SamplingSettings) -> None:
        """Store elsewhere, or ask others, from now on; what waits stays."""
        self._store, self.settings = store, settings

    def look(self, last: bool = False) -> None:
        """Ask whom the configuration has, if this process is to, and store what was said, if it is time.

        Args: last: the process ends.
        Raises: StoreFailed.
        """
        now_s = self._clock_s()
        asks = not last and self._leads(now_s)
        self._follow(asks)
        self._look_up(asks)
        self._note_silence()
        if last or now_s - self._stored_s >= STORE_S:
            self._store_waiting()
            self._stored_s = now_s
        if last:
            self.stop()

    def stop(self) -> None:
        """Ask no more, and let another process ask. Raises: StoreFailed."""
        self._follow(False)
        self._pods.look_up(self.settings, {})  # an answer may still have come, which nobody stores any more
        if self._leadership.term is not None:
            with self._store.writing() as connection:
                self._leadership.resign(connection)

    def _leads(self, now_s: float) -> bool:
        """Whether this process asks."""
        return self.settings.is_guard or self._leadership.leads(self._store, now_s)

    # --- whom to ask -----------------------------------------------------------------------------------------------

    def _follow(self, asks: bool) -> None:
        """Begin with servers that are new, and leave those that are gone."""
        wanted = self._wanted() if asks else {}
        if not asks and self._names is not None:
            self._names.stop()
            self._names = None
        for name, server in list(self._servers.items()):
            asked = wanted.get(name)
            if server.asked is not None and (asked is None or asked.metrics != server.asked.metrics):
                server.asked.stop()
                server.asked = None
            if asked is None and not server.waiting:
                del self._servers[name]
        for name, asked in wanted.items():
            self._ask(name, asked)

    def _wanted(self) -> dict[str, AskedAddress]:
        names = self.settings.names
        if names and self._names is None:
            self._names = self._make_names(names)
            self._names.start()
        if self._names is not None:
            self._names.names = names
        wanted = self.settings.asked({} if self._names is None else self._names.addresses)
        if len(wanted) > SERVERS_MAX:
            self._tell_once(f"gpus: {len(wanted)} servers, and {SERVERS_MAX} of them are asked at most")
        return dict(sorted(wanted.items())[:SERVERS_MAX])

    def _ask(self, name: str, asked: AskedAddress) -> None:
        server = self._servers.setdefault(name, _Server(asked.configured))
        server.configured = asked.configured
        if server.asked is None:
            server.missing = 0
            take = partial(self._take, server)
            server.asked = AskedServer(asked.metrics, self.settings.scrape_s, take)
            server.asked.start()
        server.asked.interval_s = self.settings.scrape_s

    def _take(self, server: _Server, result: str, sample: ServerSample | None) -> None:
        """Called by the thread of the server."""
        with self._lock:
            server.result = result
            if sample is not None:
                server.processes.see(sample, was_silent=server.missing >= TOLD_AFTER)
            server.missing = 0 if sample is not None else server.missing + 1
            if sample is not None:
                server.waiting.append(sample)

    def _look_up(self, asks: bool) -> None:
        """The pods of servers whose GPUs the configuration does not have."""
        with self._lock:
            processes = {
                name: (server.configured, tuple(server.processes.seen))
                for name, server in self._servers.items()
                if server.configured.is_looked_up and (asks or server.waiting)
            }
        self._pods.look_up(self.settings, processes)

    def _note_silence(self) -> None:
        """Once when a server says nothing for long, and once when it does again."""
        for name, server in self._servers.items():
            if server.asked is not None and not server.is_told and server.missing >= TOLD_AFTER:
                server.is_told = True
                self._tell(
                    f"gpus: {name} does not say what it does ({server.result}), so its idle time is not known. It is "
                    f"read from vLLM's /metrics at {server.asked.metrics}"
                )
            elif server.is_told and not server.missing:
                server.is_told = False
                self._tell(f"gpus: {name} says again what it does")

    def _tell_once(self, problem: str) -> None:
        if problem not in self._told and len(self._told) < SERVERS_MAX:
            self._told.add(problem)
            self._tell(problem)

    # --- what was said ---------------------------------------------------------------------------------------------

    def _store_waiting(self) -> None:
        """All of it in one transaction; what is said meanwhile waits for the next one. Raises: StoreFailed."""
        with self._lock:
            waiting = {name: list(server.waiting) for name, server in self._servers.items() if server.waiting}
        now_s = self._clock_s()
        forgets = now_s - self._forgotten_s >= FORGET_S
        if not waiting and not forgets:
            return
        problems: list[str] = []
        with self._store.writing() as connection:
            for name, samples in waiting.items():
                self._note_gpus(connection, name, samples[0].at_us)
                problems += add_samples(connection, name, ServerSamples.of(samples))
            if forgets:
                forget_samples(connection, self._wall_us() - self.settings.keep_days * DAY_US)
        with self._lock:
            for name, samples in waiting.items():
                self._servers[name].processes.forget_before(samples[-1].at_us)
                queue, stored = self._servers[name].waiting, set(samples)
                while queue and queue[0] in stored:
                    queue.popleft()
        if forgets:
            self._forgotten_s = now_s
        for problem in problems:
            self._tell_once(problem)

    def _note_gpus(self, connection: Connection, name: str, since_us: int) -> None:
        configured = self._servers[name].configured
        if configured.is_looked_up:
            self._pods.note(connection, name, since_us)
        else:
            facts = GpuFacts(configured.endpoint, configured.gpus, configured.kind, configured.price)
            note_facts(connection, name, facts, since_us)
