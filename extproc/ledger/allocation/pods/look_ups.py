"""Looks up the GPUs of servers, in a thread of its own: an API server that hangs delays no sample.

Each process of a server is looked up once, and again after a pause while nothing certain is known of it: a label may
come after the pod, and rights after the deployment.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from extproc.config.endpoints import host_and_port
from extproc.domain.extras import MODULES, how_to_install, missing_modules
from extproc.ledger.allocation.pods.pod_gpus import (
    ApiObject,
    GpusNotSaid,
    LookUpFailed,
    SoughtPod,
    gpus_requested,
    pod_name,
)
from extproc.ledger.allocation.settings import ConfiguredServer, PodSettings

PAUSES_S: Final = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
"""After a look-up without a result; the last one stays."""
LOOK_UPS_MAX: Final = 1_024
"""Further processes are not looked up."""
_NO_API_SERVER: Final = "What answers is no API server: it sends no pods. Correct KUBECONFIG."
_KIND: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")


class PodGpus(NamedTuple):
    """Attributes:
    gpus: 0, and kind: empty: the configuration has it.
    pod: NAMESPACE/NAME. uid: no other pod has it, ever.
    """

    gpus: int
    kind: str
    pod: str
    uid: str


class LookedUp(NamedTuple):
    """A process of a server, and what of its GPUs the configuration does not have."""

    server: str
    process: tuple[int, int]
    wants_gpus: bool
    wants_kind: bool

    @classmethod
    def of(cls, server: str, process: tuple[int, int], configured: ConfiguredServer) -> LookedUp:
        """What is missing."""
        return cls(server, process, not configured.gpus, not configured.kind)


class PodsSource(Protocol):
    """See ``PodsApi``, whose errors are told by their message."""

    def pods(self, namespace: str, selector: str) -> Sequence[ApiObject]:
        """Of a namespace."""
        ...

    def node_labels(self, node: str) -> Mapping[str, str]:
        """Of a node."""
        ...

    def close(self) -> None:
        """No more questions."""
        ...


@dataclass(slots=True)
class _State:
    """Attributes:
    unclear: why nothing is certain. failure: why the API server did not say it the last time.
    next_s: when it is looked up again; None: it is found.
    """

    found: PodGpus | None = None
    unclear: str = ""
    failure: str = ""
    tries: int = 0
    next_s: float | None = 0.0


class PodLookUps(threading.Thread):
    """Looks up what is wanted until told to stop.

    Args:
        open_source: the API server; it is opened in this thread, and again after it failed.
        pauses_s: see ``PAUSES_S``.
    """

    def __init__(
        self,
        settings: PodSettings,
        is_guard: bool,
        open_source: Callable[[], PodsSource] | None = None,
        pauses_s: Sequence[float] | None = None,
    ) -> None:
        super().__init__(name="pods of servers", daemon=True)
        self.settings = settings
        self._is_guard = is_guard
        self._open = open_source or open_pods
        self._pauses_s = PAUSES_S if pauses_s is None else pauses_s
        self._source: PodsSource | None = None
        self._states: dict[LookedUp, _State] = {}
        self._changed = threading.Condition()
        self._is_stopped = False

    def want(self, wanted: Collection[LookedUp]) -> None:
        """Look these up, and forget all others."""
        with self._changed:
            for one in [one for one in self._states if one not in wanted]:
                del self._states[one]
            for one in wanted:
                if one not in self._states and len(self._states) < LOOK_UPS_MAX:
                    self._states[one] = _State()
                    self._changed.notify()

    def answer(self, wanted: LookedUp) -> PodGpus | str | None:
        """What was found; or a sentence, why nothing is certain; None: the API server has not said yet.

        Two servers in one pod are not certain: each would have all of its GPUs.
        """
        with self._changed:
            state = self._states.get(wanted)
            if state is None or state.found is None:
                return None if state is None else state.unclear or None
            others = [
                one.server
                for one, other in self._states.items()
                if one.server != wanted.server and other.found is not None and other.found.uid == state.found.uid
            ]
        if others and wanted.wants_gpus:
            pod = state.found.pod
            return f"{pod} is the pod of {min(others)} too, so its GPUs would count twice. Write `gpus` of each server"
        return state.found

    def failures(self) -> list[str]:
        """Why the API server does not say: each sentence once."""
        with self._changed:
            return sorted({one.failure for one in self._states.values() if one.failure})

    def stop(self) -> None:
        """Look up no more."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()

    def run(self) -> None:
        """Look up, the longest wanted first."""
        while True:
            with self._changed:
                due = self._due()
                while due is None and not self._is_stopped:
                    self._changed.wait(self._pause_s())
                    due = self._due()
                if self._is_stopped:
                    break
            assert due is not None
            self._look_up(due)
        self._close()

    # --- in the thread -------------------------------------------------------------------------------------------

    def _due(self) -> LookedUp | None:
        now_s = time.monotonic()
        return next((one for one, of in self._states.items() if of.next_s is not None and of.next_s <= now_s), None)

    def _pause_s(self) -> float | None:
        times = [of.next_s for of in self._states.values() if of.next_s is not None]
        return max(min(times) - time.monotonic(), 0.0) if times else None

    def _look_up(self, wanted: LookedUp) -> None:
        found: PodGpus | None = None
        unclear = failure = ""
        try:
            found = self._found(wanted)
        except GpusNotSaid as reason:
            unclear = str(reason)
        except Exception as error:  # a fault of this program must not end the thread: nobody would look up any more
            failure = str(error) if isinstance(error, LookUpFailed) else _NO_API_SERVER
            self._close()
        with self._changed:
            state = self._states.get(wanted)
            if state is None:
                return
            if failure:  # what the API server said before holds
                self._pause_all(state)
            else:
                state.found, state.unclear = found, unclear
            state.failure = failure
            pause_s = self._pauses_s[min(state.tries, len(self._pauses_s) - 1)]
            state.tries += 1
            state.next_s = None if found else time.monotonic() + pause_s

    def _pause_all(self, failed: _State) -> None:
        """An API server that does not answer is asked once for all servers, not once for each."""
        pause_s = self._pauses_s[min(failed.tries, len(self._pauses_s) - 1)]
        for one in self._states.values():
            if one.next_s is not None:
                one.next_s = max(one.next_s, time.monotonic() + pause_s)

    def _found(self, wanted: LookedUp) -> PodGpus:
        """Raises: GpusNotSaid, and what the source raises."""
        if self._source is None:
            self._source = self._open()
        source, namespaces = self._source, self.settings.namespaces
        sought = self._sought(wanted.server)
        pods = [pod for namespace in namespaces for pod in source.pods(namespace, sought.selector)]
        pod = sought.among(pods, namespaces)
        gpus = gpus_requested(pod, self.settings.resource) if wanted.wants_gpus else 0
        kind = self._kind(pod_name(pod), str(pod["spec"].get("nodeName", ""))) if wanted.wants_kind else ""
        return PodGpus(gpus, kind, pod_name(pod), str(pod["metadata"].get("uid")))

    def _sought(self, server: str) -> SoughtPod:
        if self._is_guard:
            return SoughtPod("", server, 0)
        address, port = host_and_port(server)
        return SoughtPod(address, "", port)

    def _kind(self, pod: str, node: str) -> str:
        assert self._source is not None
        kind = self._source.node_labels(node).get(self.settings.kind_label, "")
        if not _KIND.fullmatch(kind):
            raise GpusNotSaid(
                f"the node {node} of {pod} has no label {self.settings.kind_label}, which GPU feature discovery "
                "writes. Correct `gpus.kubernetes.kind_label`, or write `kind` of the server"
            )
        return kind

    def _close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None


def open_pods() -> PodsSource:
    """The API server of this pod, or of ``KUBECONFIG``. Raises: LookUpFailed."""
    if missing_modules(MODULES["kubernetes"]):
        raise LookUpFailed(f"The package kubernetes is not installed. {how_to_install('kubernetes')}")
    from extproc.ledger.allocation.pods.api import PodsApi  # with the official client, which takes a second

    return PodsApi()
