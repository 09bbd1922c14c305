"""Drift in the process that ships: who watches it, and who is told what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from extproc.ledger.drift_log import drift_message
from extproc.ledger.store import LedgerStore
from extproc.ledger.webhook import Webhook

if TYPE_CHECKING:
    from extproc.ledger.quality.watch import DriftWatch

_SERIES_AT_ONCE: Final = 500  # a report is one line, which is bounded
_SHOWN: Final = ("model", "version", "signal", "reference", "effect", "evidence", "alarm")


class DriftReports:
    """Watches if it is configured.

    Args:
        write: sends a report to the parent.
        tell: gets a sentence about a message to the webhook that was given up.
    """

    def __init__(self, write: Callable[[dict[str, Any]], None], tell: Callable[[str], None]) -> None:
        self._write = write
        self._tell = tell
        self._webhook_file: str | None = None
        self._watch: DriftWatch | None = None
        self._webhook: Webhook | None = None

    def use(self, store: LedgerStore, settings: Mapping[str, Any] | None) -> None:
        """Watch a store by some settings from now on; see ``drift_settings``."""
        self._use_webhook(None if settings is None else settings["webhook_file"])
        if settings is None:
            store.strata_max = 0
            if self._watch is not None:
                self._write({"drift": [], "drift_begins": True})
            self._watch = None
            return
        from extproc.ledger.quality.terms import DriftTerms  # they take numpy, which nothing else needs here
        from extproc.ledger.quality.watch import DriftWatch

        terms = DriftTerms.of_settings(settings)
        store.strata_max = terms.section.strata_max
        self._watch = DriftWatch(store, terms)

    def _use_webhook(self, file: str | None) -> None:
        if file != self._webhook_file:
            self.close()
            self._webhook_file = file
            self._webhook = None if file is None else Webhook(Path(file), "drift", self._tell)

    def look(self, now_us: int) -> None:
        """Look, if it is time, and report what is new. Raises: StoreFailed."""
        looked = None if self._watch is None else self._watch.look_if_due(now_us)
        if looked is None:
            return
        changes = [asdict(change) for change in looked.changes]
        if changes or looked.others:
            self._write({"drift_changes": changes, "drift_others": looked.others})
        if self._webhook is not None:
            for change in changes:
                self._webhook.send(drift_message(change))
        shown = [{name: getattr(one, name) for name in _SHOWN} for one in looked.shown]
        for first in range(0, max(len(shown), 1), _SERIES_AT_ONCE):
            self._write({"drift": shown[first : first + _SERIES_AT_ONCE], "drift_begins": first == 0})

    def close(self) -> None:
        """Try once more to post what waits."""
        if self._webhook is not None:
            self._webhook.close()
