"""GPUs of servers from their pods, as they are noted in the store: for each process what its pod has, or that it is not
known. What is not known is told once, with what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from extproc.ledger.allocation.settings import ConfiguredServer, PodSettings, SamplingSettings
from extproc.ledger.allocation.stored_samples import GpuFacts, ServerProcess, note_facts, note_unanswered

if TYPE_CHECKING:
    from extproc.ledger.allocation.pods.look_ups import PodLookUps, PodsSource

SeenServers = Mapping[str, tuple[ConfiguredServer, tuple[ServerProcess, ...]]]
"""By server, what the configuration has, and its processes."""


class PodFacts:
    """Its methods are called by one thread, and none waits for the API server.

    Args:
        tell: gets a sentence, which it tells once.
        open_source: see ``PodLookUps``.
    """

    def __init__(self, tell: Callable[[str], None], open_source: Callable[[], PodsSource] | None = None) -> None:
        self._tell = tell
        self._open_source = open_source
        self._look_ups: PodLookUps | None = None
        self._settings: PodSettings | None = None
        self._servers: SeenServers = {}
        self._unclear: set[str] = set()  # servers of which that was told

    def look_up(self, settings: SamplingSettings, servers: SeenServers) -> None:
        """Look up the pods of servers, and of no other ones."""
        if self._look_ups is not None and (not servers or settings.pods != self._settings):
            self._look_ups.stop()
            self._look_ups = None
        self._servers, self._settings = servers, settings.pods
        if not servers or settings.pods is None:
            return
        from extproc.ledger.allocation.pods.look_ups import LookedUp, PodLookUps

        if self._look_ups is None:
            self._look_ups = PodLookUps(settings.pods, settings.is_guard, self._open_source)
            self._look_ups.start()
        self._look_ups.want(
            {LookedUp.of(name, one.key, configured) for name, (configured, seen) in servers.items() for one in seen}
        )
        for failure in self._look_ups.failures():
            self._tell(f"gpus: GPUs of pods are not known, so time of their servers is not shared. {failure}")
        for name, (configured, seen) in servers.items():
            if seen:
                self._tell_gpus(name, configured, seen[-1])

    def note(self, connection: Connection, server: str, since_us: int) -> None:
        """Note what is known of a server, in a transaction that writes. Args: since_us: of its first new sample."""
        configured, processes = self._servers.get(server, (None, ()))
        if configured is None:
            return
        for process in processes:
            found = self._facts(server, configured, process)
            if found is None:
                note_unanswered(connection, server, configured.endpoint, since_us, process)
            else:
                facts = GpuFacts.unknown(configured.endpoint) if isinstance(found, str) else found
                note_facts(connection, server, facts, since_us, process)

    def _facts(self, server: str, configured: ConfiguredServer, process: ServerProcess) -> GpuFacts | str | None:
        """See ``PodLookUps.answer``."""
        if self._look_ups is None:
            return None
        from extproc.ledger.allocation.pods.look_ups import LookedUp

        found = self._look_ups.answer(LookedUp.of(server, process.key, configured))
        if found is None or isinstance(found, str):
            return found
        gpus, kind = configured.gpus or found.gpus, configured.kind or found.kind
        return GpuFacts(configured.endpoint, gpus, kind, configured.price)

    def _tell_gpus(self, server: str, configured: ConfiguredServer, process: ServerProcess) -> None:
        found = self._facts(server, configured, process)
        if isinstance(found, str):
            self._unclear.add(server)
            self._tell(f"gpus: the GPUs of {server} are not known, so its time is not shared: {found}")
        elif found is not None:
            if server in self._unclear:
                self._unclear.discard(server)
                self._tell(f"gpus: {server} has {found.gpus} GPUs of the kind {found.kind}, as its pod says")
            if not found.price and self._settings is not None and found.kind not in self._settings.priced:
                self._tell(
                    f"gpus: no price has the kind {found.kind}, so the time of its servers has no cost. Add "
                    f"`kind: {found.kind}` to an entry of `gpus.prices`"
                )
