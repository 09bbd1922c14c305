"""The parts of the ledger that a process of ``extproc serve`` has: a sink where it serves, the shipper where it starts
others. Nothing is imported without a ``ledger`` section.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from extproc.config.document import Document
from extproc.exchange.budget_memory import BudgetMemory
from extproc.ledger import require_sinks
from extproc.ledger.rollouts.verdict_board import PageAnswer, without_ledger
from extproc.ledger.watched_settings import watched_settings

if TYPE_CHECKING:
    from extproc.ledger.shipper_process import ShipperProcess
    from extproc.ledger.sink import LedgerSink


class LedgerParts:
    """What is open in this process; sink and shipper are None without a ledger. ``budgets``: what is left of them."""

    def __init__(
        self,
        sink: LedgerSink | None = None,
        shipper: ShipperProcess | None = None,
        budgets: BudgetMemory | None = None,
    ) -> None:
        self.sink = sink
        self.shipper = shipper
        self.budgets = BudgetMemory(Lock()) if budgets is None else budgets

    def problem(self) -> str:
        """Why entries are not spooled (of several workers, the log says it) or not shipped; empty: they are."""
        spool = "" if self.sink is None else self.sink.problem
        return spool or ("" if self.shipper is None else self.shipper.failing)

    def rollout_verdict(self, name: str, query: str) -> PageAnswer:
        """What controllers of deliveries hear about a rollout; from any thread."""
        return without_ledger() if self.shipper is None else self.shipper.verdicts.answer(name, query)

    def start(self) -> None:
        """Start to ship."""
        if self.shipper is not None:
            self.shipper.start()

    def use(self, document: Document, prompts: Mapping[str, str]) -> None:
        """A new configuration is in force: watch its budgets, drift and rollouts as it says."""
        if self.shipper is not None:
            self.shipper.watch(watched_settings(document, prompts, self.shipper.folder))

    def replace_shipper(self) -> None:
        """Another process ships from now on, which runs the package as it is now."""
        if self.shipper is not None:
            self.shipper.replace()

    async def close(self) -> None:
        """Write what has ended, then ship it; both take a bounded time."""
        if self.sink is not None:
            await asyncio.to_thread(self.sink.close)
        if self.shipper is not None:
            await self.shipper.stop()


def open_ledger(
    document: Document,
    file: Path,
    counts: Any,
    logger: Any,
    *,
    serves: bool = True,
    ships_with: Mapping[str, str] | None = None,
) -> LedgerParts:
    """Open the ledger of a configuration.

    Args:
        file: of the configuration; paths are relative to its folder.
        counts: ``LedgerMetrics``.
        serves: whether this process has exchanges.
        ships_with: prompts, as those of ``compile_snapshot``, where this process starts the one that ships, for itself
            and for workers.
    Raises: ExtraMissing, LedgerUnavailable.
    """
    terms = document.ledger
    if terms is None:
        return LedgerParts()
    require_sinks(terms)
    from extproc.ledger.shipper_process import ShipperProcess
    from extproc.ledger.sink import LedgerSink

    folder = file.parent.resolve()
    spool = folder / terms.spool
    budgets = BudgetMemory(Lock())
    sink = LedgerSink(terms, spool, counts, logger, budgets=budgets) if serves else None
    shipper = None
    if ships_with is not None:
        watched = watched_settings(document, ships_with, folder)
        shipper = ShipperProcess(terms, spool, folder, counts, logger, watched)
    return LedgerParts(sink, shipper, budgets)
