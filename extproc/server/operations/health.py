"""Liveness and readiness of the process, as two health services.

``liveness`` is true while the event loop runs; ``readiness`` (also under the empty name, which Envoy uses) becomes
false when the process drains. An invalid new configuration does not end readiness: the last good one stays in force,
and the detail reports the problem. Readiness by name, and the page, also fail while small messages wait too long. The
empty name does not: marking Envoy's only processor unhealthy would fail every exchange instead of some.
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
    """Health status, with an event that is set on each change."""

    def __init__(self) -> None:
        self.ready = False
        self.draining = False
        self.revision = ""
        self.config_error = ""
        self.identity = ""  # how sure it is who asks
        self.restart_needed: list[str] = []  # changed configuration keys that need a restart
        self.prompt_store_error = ""  # why prompts of the store are not known to be the newest
        self.envoy_stale: list[str] = []  # configuration keys that a calling Envoy does not know
        self.workers: list[dict[str, Any]] = []  # supervisor only: the process in each worker slot
        self.listen_error: Callable[[], str] = (
            str  # why new connections cannot arrive; called by the page, in its thread
        )
        self.ledger_error: Callable[[], str] = str  # why entries are not spooled, or not stored
        self.changed = asyncio.Event()
        self._waits_s: Callable[[], float] = _no_wait
        self._wait_s_max = 0.0

    def watch(self, waits_s: Callable[[], float], wait_s_max: float) -> None:
        """Fail readiness while small messages wait longer than ``wait_s_max``. [s]"""
        self._waits_s, self._wait_s_max = waits_s, wait_s_max

    def is_welcoming(self) -> bool:
        """Whether the process is ready and not overloaded."""
        return self.ready and self._waits_s() <= self._wait_s_max

    def set_ready(self, ready: bool) -> None:
        """Set readiness, and notify watchers."""
        self.ready = ready
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def drain(self) -> None:
        """Stop accepting new exchanges."""
        self.draining = True
        self.set_ready(False)

    def status(self, service: str) -> pb.HealthCheckResponse.ServingStatus | None:
        """The status of a service, or None for an unknown name."""
        if service == LIVENESS:
            return pb.HealthCheckResponse.SERVING
        if service == READINESS:
            return pb.HealthCheckResponse.SERVING if self.is_welcoming() else pb.HealthCheckResponse.NOT_SERVING
        if service in ("", EXT_PROC):
            return pb.HealthCheckResponse.SERVING if self.ready else pb.HealthCheckResponse.NOT_SERVING
        return None

    def detail(self) -> dict[str, Any]:
        """Content of the readiness page. Configuration errors name keys and lines, never secrets."""
        waits_s = self._waits_s()
        return {
            "ready": self.ready and waits_s <= self._wait_s_max,
            "draining": self.draining,
            "wait_ms": round(waits_s * 1_000),
            "revision": self.revision,
            "config_error": self.config_error,
            "identity": self.identity,
            "prompt_store_error": self.prompt_store_error,
            "ledger_error": self.ledger_error(),
            "restart_needed": self.restart_needed,
            "envoy_stale": self.envoy_stale,
            **({"workers": self.workers} if self.workers else {}),
        }
