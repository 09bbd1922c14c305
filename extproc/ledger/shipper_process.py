"""The shipper as a child of this process: started, restarted after a pause, and told to end."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

from extproc.children.json_child import ChildDied, JsonChild
from extproc.config.ledger import Ledger
from extproc.ledger.drift_log import tell_drift
from extproc.ledger.rollouts.telling import tell_rollout
from extproc.ledger.rollouts.verdict_board import VerdictBoard

COMMAND: Final = (sys.executable, "-m", "extproc.ledger.shipping")
LAST_S_MAX: Final = 10.0
"""How long it may ship after it was told to end."""
_BACK_OFF_S: Final = (0.2, 1.0, 5.0, 15.0)
_LINE_BYTES_MAX: Final = 1_048_576
_CROSSED: Final = {
    "warned": "budget spent to a share",
    "exhausted": "budget exhausted",
    "recovered": "budget has room again",
}


class ShippingCounts(Protocol):
    """Metrics of what the shipper reports; see ``LedgerMetrics``."""

    def shipped(self, report: Mapping[str, Any]) -> None:
        """Take its counts, and the state of the spool."""
        ...

    def shipper_restarted(self) -> None:
        """It died."""
        ...


class ShipperProcess:
    """Keeps a shipper running.

    Args:
        root: the folder of the spool.
        folder: base of relative paths of the configuration.
        logger: logs what changes, once.
        watched: see ``watched_settings``.
    """

    def __init__(
        self,
        terms: Ledger,
        root: Path,
        folder: Path,
        counts: ShippingCounts,
        logger: Any,
        watched: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.folder = folder
        self._terms = {"ledger": terms.model_dump(), "folder": str(folder), "spool": str(root)}
        self._watched = watched
        self._counts = counts
        self._logger = logger
        self._process: JsonChild | None = None
        self.failing = ""  # why a sink gets nothing now
        self.verdicts = VerdictBoard()
        self._ending = False
        self._is_replaced = False
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that runs, if any."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start keeping it."""
        self._task = asyncio.create_task(self._keep())

    def watch(self, watched: Mapping[str, Any]) -> None:
        """Watch by other settings from now on."""
        if watched != self._watched:
            self._watched = watched
            if self._process is not None:
                with contextlib.suppress(ChildDied):  # the next one starts with them
                    self._process.tell(watched)

    def replace(self) -> None:
        """Let another one go on, which runs the package as it is now; this one ships what is there first, for a bounded
        time.
        """
        process = self._process
        if process is not None and not self._ending:
            self._is_replaced = True
            process.close_input()
            asyncio.get_running_loop().call_later(LAST_S_MAX, process.kill)

    async def stop(self) -> None:
        """Let it ship what is there, for a bounded time, and end it."""
        self._ending = True
        if self._process is not None:
            self._process.close_input()
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=LAST_S_MAX)
            if not self._task.done():
                if self._process is not None:
                    self._process.kill()
                self._logger.warning("ledger not shipped completely", hint="The next start goes on.")
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep(self) -> None:
        failures = 0
        while not self._ending:
            try:
                status: int | str = await self._run()
            except (OSError, ValueError) as error:  # no start, or no report
                status = type(error).__name__
            if self._ending:
                return
            if self._is_replaced:
                self._is_replaced = False
                self._logger.info("ledger shipper replaced")
                continue
            self._counts.shipper_restarted()
            pause_s = _BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)]
            failures += 1
            self._logger.error("ledger shipper died, restarting", status=status, pause_s=pause_s)
            await asyncio.sleep(pause_s)

    async def _run(self) -> int:
        process = self._process = await JsonChild.start(COMMAND, line_bytes_max=_LINE_BYTES_MAX, shows_errors=True)
        try:
            with contextlib.suppress(ChildDied):
                process.tell({**self._terms, **self._watched})
                while True:
                    self._take(await process.hear())
            return await process.wait()
        finally:
            process.kill()

    def _take(self, report: Mapping[str, Any]) -> None:
        for problem in report.get("problems", ()):
            self._logger.warning("ledger", problem=problem)
        if report.get("died"):
            self._logger.warning("ledger entries of a process that was killed", exchanges=report["died"])
        for change in report.get("crossed", ()):
            self._tell_crossed(change)
        for change in report.get("drift_changes", ()):
            tell_drift(self._logger, change)
        for change in report.get("rollout_changes", ()):
            tell_rollout(self._logger, change)
        failing = report.get("failing")
        if failing is not None and failing != self.failing:
            self.failing = failing
            if failing:
                self._logger.warning("ledger shipper failing", reason=failing)
            else:
                self._logger.info("ledger shipper works")
        self._counts.shipped(report)
        self.verdicts.take(report)

    def _tell_crossed(self, change: Mapping[str, Any]) -> None:
        log = self._logger.info if change["kind"] == "recovered" else self._logger.warning
        log(
            _CROSSED[change["kind"]],
            budget=change["budget"],
            key=change["budget_key"],
            share_percent=change["share_percent"],
            limit=change["amount"],
            until=datetime.fromtimestamp(change["period_end_us"] // 1_000_000, UTC).isoformat(),
        )
