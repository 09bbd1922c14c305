"""The parts of the ledger that a process of ``extproc serve`` has: a sink where it serves, the shipper where it starts
others. Nothing is imported without a ``ledger`` section.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from extproc.config.document import Document
from extproc.exchange.budget_memory import BudgetMemory
from extproc.ledger import require_sinks
from extproc.ledger.drift_settings import drift_settings

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

    def start(self) -> None:
        """Start to ship."""
        if self.shipper is not None:
            self.shipper.start()

    def use(self, document: Document) -> None:
        """A new configuration is in force: watch its budgets, and drift as it says."""
        if self.shipper is not None:
            self.shipper.watch(
                document.budgets, document.budget_webhook_file, drift_settings(document, self.shipper.folder)
            )

    async def close(self) -> None:
        """Write what has ended, then ship it; both take a bounded time."""
        if self.sink is not None:
            await asyncio.to_thread(self.sink.close)
        if self.shipper is not None:
            await self.shipper.stop()


def open_ledger(
    document: Document, file: Path, counts: Any, logger: Any, *, serves: bool = True, ships: bool = True
) -> LedgerParts:
    """Open the ledger of a configuration.

    Args:
        file: of the configuration; paths are relative to its folder.
        counts: ``LedgerMetrics``.
        serves: whether this process has exchanges.
        ships: whether it starts the process that ships, for itself and for workers.
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
    watched = document.budgets, document.budget_webhook_file, drift_settings(document, folder)
    shipper = ShipperProcess(terms, spool, folder, counts, logger, *watched) if ships else None
    return LedgerParts(sink, shipper, budgets)
