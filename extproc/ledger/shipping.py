"""The process that ships the spool: ``python -m extproc.ledger.shipping``, a child of ``extproc serve``.

Its standard input has the settings, as a line of JSON (a URL may hold a password, and arguments are public), and ends
when its parent does. It then ships what there is, for some seconds at most. On its standard output it reports, as lines
of JSON. One such process at a time ships a spool; any other waits.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import orjson

from extproc.config.budgets import Budget
from extproc.database.engine import StoreFailed
from extproc.ledger.budget_watch import BudgetWatch
from extproc.ledger.budget_webhook import BudgetWebhook, crossing_message
from extproc.ledger.shipper import Shipper, oldest_unshipped_s
from extproc.ledger.spool import SpoolLock, SpoolTaken, size_of_spool
from extproc.ledger.store import LedgerStore

SHIPPER_LOCK: Final = "shipper"
PAUSE_S: Final = 0.25
LAST_S_MAX: Final = 8.0
"""How long it ships after its parent has ended."""
_BACK_OFF_S: Final = (0.25, 0.5, 1.0, 2.0, 5.0)
_REPORT_S: Final = 1.0
_CROSSED_AT_ONCE: Final = 500  # a report is one line, which is bounded


class Shipping:
    """Ships until its parent ends.

    Args:
        url, folder: of the store, as of ``LedgerStore``.
        root: of the spool.
        budgets: that are watched.
        webhook_file: has the URL to which their crossings are posted, if any.
    """

    def __init__(
        self, url: str, folder: Path, root: Path, budgets: Sequence[Budget] = (), webhook_file: Path | None = None
    ) -> None:
        self._url = url
        self._folder = folder
        self._root = root
        self._budgets = budgets
        self._parent_gone = threading.Event()
        self._last_until_s = float("inf")
        self._store: LedgerStore | None = None
        self._shipper: Shipper | None = None
        self._watch: BudgetWatch | None = None
        self._webhook = None if webhook_file is None else BudgetWebhook(webhook_file, self._tell)
        self._failed = 0
        self._problem = ""
        self._reported_s = float("-inf")

    def parent_ended(self) -> None:
        """Called from a thread."""
        self._last_until_s = time.monotonic() + LAST_S_MAX
        self._parent_gone.set()

    def run(self) -> None:
        """Ship, and wait; until the parent is gone and nothing is left."""
        while True:
            last = self._parent_gone.is_set()
            read = self._ship()
            self._report(read > 0 or last)
            if last and (not read or self._out_of_time()):
                break
            if not read:
                self._parent_gone.wait(self._pause_s())
        if self._store is not None:
            self._store.close()
        if self._webhook is not None:
            self._webhook.close()

    def wait_for_lock(self) -> SpoolLock | None:
        """Wait until no other process ships this spool. Returns: None if the parent ended before."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            with contextlib.suppress(SpoolTaken):
                return SpoolLock(self._root, SHIPPER_LOCK)
            self._note_problem("another process ships this spool")
            self._report()
            if self._parent_gone.wait(PAUSE_S):
                return None

    def _out_of_time(self) -> bool:
        return time.monotonic() >= self._last_until_s

    def _pause_s(self) -> float:
        return _BACK_OFF_S[min(self._failed, len(_BACK_OFF_S)) - 1] if self._failed else PAUSE_S

    def _ship(self) -> int:
        try:
            read = self._opened().ship(self._out_of_time)
            self._look(read > 0)
        except StoreFailed as failure:
            return self._fail(f"store: {failure}")
        except OSError as error:
            return self._fail(f"spool: {(error.strerror or 'input or output error').lower()}")
        self._failed = 0
        self._note_problem("")
        return read

    def _look(self, stored: bool) -> None:
        """Look at the budgets, if it is time, and report them. Raises: StoreFailed."""
        now_us = time.time_ns() // 1_000
        looked = None if self._watch is None else self._watch.look_if_due(stored, now_us)
        if looked is None:
            return
        self._write({"budgets": {"at_s": now_us / 1_000_000, "percent": looked.percent}})
        if self._webhook is not None:
            units = {one.name: one.of for one in self._budgets}
            for change in looked.crossed:
                self._webhook.send(crossing_message(change, units[change.budget]))
        for first in range(0, len(looked.crossed), _CROSSED_AT_ONCE):
            self._write({"crossed": [asdict(one) for one in looked.crossed[first : first + _CROSSED_AT_ONCE]]})

    def _tell(self, problem: str) -> None:
        self._write({"problems": [problem]})

    def _fail(self, problem: str) -> int:
        self._failed += 1
        self._note_problem(problem)
        return 0

    def _opened(self) -> Shipper:
        if self._shipper is None:
            self._store = LedgerStore(self._url, self._folder)
            self._shipper = Shipper(self._root, self._store)
            self._watch = BudgetWatch(self._store, self._budgets)
            if self._store.warnings:
                self._write({"problems": self._store.warnings})
        return self._shipper

    def _note_problem(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            self._report(True)

    def _report(self, now: bool = False) -> None:
        if not now and time.monotonic() - self._reported_s < _REPORT_S:
            return
        self._reported_s = time.monotonic()
        report: dict[str, Any] = {"failing": self._problem, "spool_bytes": size_of_spool(self._root)}
        if self._shipper is not None:
            done = self._shipper.take()
            report |= {
                "stored": done.stored,
                "repeated": done.repeated,
                "damaged": done.damaged,
                "died": done.died,
                "problems": done.problems,
            }
            with contextlib.suppress(StoreFailed, OSError):
                report["oldest_s"] = oldest_unshipped_s(self._root, self._shipper.place_known, time.time())
        self._write(report)

    def _write(self, report: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more
            os.write(sys.stdout.fileno(), orjson.dumps(report) + b"\n")


def main() -> None:
    """Run with the settings of standard input."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # for the parent, whose end is noticed
    settings = orjson.loads(sys.stdin.readline())
    budgets = [Budget.model_validate_json(one) for one in settings.get("budgets", ())]
    webhook_file = Path(settings["webhook_file"]) if settings.get("webhook_file") else None
    shipping = Shipping(settings["url"], Path(settings["folder"]), Path(settings["spool"]), budgets, webhook_file)
    threading.Thread(target=_watch, args=(shipping,), name="parent", daemon=True).start()
    if shipping.wait_for_lock() is not None:
        shipping.run()


def _watch(shipping: Shipping) -> None:
    while sys.stdin.read(1):
        pass
    shipping.parent_ended()
    time.sleep(LAST_S_MAX + 1.0)
    os._exit(1)  # the store or the disk does not answer


if __name__ == "__main__":
    main()
