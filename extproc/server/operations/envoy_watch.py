"""Tells operators what of the configuration the calling Envoys do not know: on the readiness page, in the log, as a
metric.

Envoy may take a while to follow a new configuration, or need a person for it. Meanwhile its versions get no exchanges,
which nobody would notice otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from extproc.server.operations.health import Health
from extproc.sinks.metrics import Metrics

LOOK_S = 2.0
"""How often the statements of the calls since the last time are looked at."""
TOLD_AFTER_LOOKS = 5
"""An Envoy that follows by itself takes some seconds, which is not worth a line."""


class EnvoyWatch:
    """Looks at what Envoys state.

    Args: stale: the configuration keys that an Envoy does not know which has called since the last time; None if no
        Envoy has called.
    """

    def __init__(
        self, stale: Callable[[], Awaitable[list[str] | None]], health: Health, metrics: Metrics, logger: Any
    ) -> None:
        self._stale = stale
        self._health = health
        self._metrics = metrics
        self._logger = logger
        self._looks = 0
        self._told: list[str] = []

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Look once."""
        keys = await self._stale()
        if keys is None:
            return
        self._looks = self._looks + 1 if keys == self._health.envoy_stale else 1
        self._health.envoy_stale = keys
        self._metrics.envoy_stale.set(len(keys))
        if self._looks < TOLD_AFTER_LOOKS or keys == self._told:
            return
        self._told = keys
        if keys:
            self._logger.warning(
                "Envoy does not know a part of the configuration: new versions get no exchanges, changed endpoints have"
                " no effect. Generate its configuration again (extproc envoy-config), and restart it",
                keys=keys,
            )
        else:
            self._logger.info("Envoy knows all of the configuration")
