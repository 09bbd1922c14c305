"""Whether the process lives, and whether it should be given new exchanges: two questions, two health services.

``liveness`` is true as long as the event loop turns; ``readiness`` (and the empty name, which Envoy asks for) becomes
false when the process drains. A bad new configuration does not end readiness: the last good one is in force, and the
detail says so. Who asks for readiness by its name, or on its page, is also told while small messages wait too long; who
asks as Envoy does is not: to call its only processor unhealthy would fail every exchange instead of some.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from extproc._pb import health_pb2 as pb

LIVENESS = "liveness"
READINESS = "readiness"
EXT_PROC = "envoy.service.ext_proc.v3.ExternalProcessor"


def _no_wait() -> float:
    return 0.0


class Health:
    """The answers, and an event that is set at each change."""

    def __init__(self) -> None:
        self.ready = False
        self.draining = False
        self.revision = ""
        self.config_error = ""
        self.restart_needed: list[str] = []  # keys of the configuration that are not in force yet
        self.workers: list[dict[str, Any]] = []  # of a supervisor: who is in each place
        self.listen_error: Callable[[], str] = str  # why no new connection can come; asked by the page, in its thread
        self.changed = asyncio.Event()
        self._waits_s: Callable[[], float] = _no_wait
        self._wait_s_max = 0.0

    def watch(self, waits_s: Callable[[], float], wait_s_max: float) -> None:
        """From now on, no new exchanges while small messages wait longer than ``wait_s_max``. [s]"""
        self._waits_s, self._wait_s_max = waits_s, wait_s_max

    def is_welcoming(self) -> bool:
        """Whether the process is ready, and not behind with its work."""
        return self.ready and self._waits_s() <= self._wait_s_max

    def set_ready(self, ready: bool) -> None:
        """Say whether new exchanges are welcome, and wake those who watch."""
        self.ready = ready
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def drain(self) -> None:
        """From now on: no new exchanges."""
        self.draining = True
        self.set_ready(False)

    def status(self, service: str) -> pb.HealthCheckResponse.ServingStatus | None:
        """The status of a service, or None if there is none of that name."""
        if service == LIVENESS:
            return pb.HealthCheckResponse.SERVING
        if service == READINESS:
            return pb.HealthCheckResponse.SERVING if self.is_welcoming() else pb.HealthCheckResponse.NOT_SERVING
        if service in ("", EXT_PROC):
            return pb.HealthCheckResponse.SERVING if self.ready else pb.HealthCheckResponse.NOT_SERVING
        return None

    def detail(self) -> dict[str, Any]:
        """What the readiness page shows. Errors of a configuration name keys and lines, never secrets."""
        waits_s = self._waits_s()
        return {
            "ready": self.ready and waits_s <= self._wait_s_max,
            "draining": self.draining,
            "wait_ms": round(waits_s * 1_000),
            "revision": self.revision,
            "config_error": self.config_error,
            "restart_needed": self.restart_needed,
            **({"workers": self.workers} if self.workers else {}),
        }
