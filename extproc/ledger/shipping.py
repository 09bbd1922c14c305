"""The process that ships the spool: ``python -m extproc.ledger.shipping``, a child of ``extproc serve``.

Its standard input has the settings, as a line of JSON (a URL may hold a password, and arguments are public), then one
for each change of what is watched. It ends when its parent does: then it ships what there is, for some seconds at most.
On its standard output it reports, as lines of JSON. One such process at a time ships a spool; any other waits.

Each sink has a thread of its own. The first thread looks after the folders, and reports.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from extproc.config.budgets import Budget
from extproc.config.ledger import Ledger
from extproc.domain.budgets import BudgetSums
from extproc.ledger.allocation.sample_reports import SampleReports
from extproc.ledger.allocation.time_reports import GpuTimeReports
from extproc.ledger.allocation.used_time import UsedGpuTime
from extproc.ledger.budget_file import BudgetFile, write_budget_file
from extproc.ledger.budget_watch import BudgetWatch
from extproc.ledger.budget_webhook import crossing_message
from extproc.ledger.drift_reports import DriftReports
from extproc.ledger.folders import SpoolFolders
from extproc.ledger.in_flight import with_in_flight
from extproc.ledger.places import SpoolPlace
from extproc.ledger.rollouts.reports import RolloutReports
from extproc.ledger.sink_loop import SinkLoop
from extproc.ledger.sinks import DATABASE, DATABASE_PACE, FURTHER, further_sinks
from extproc.ledger.spool import SpoolLock, SpoolTaken, process_folders, size_of_spool
from extproc.ledger.store import LedgerStore
from extproc.ledger.webhook import Webhook

SHIPPER_LOCK: Final = "shipper"
PAUSE_S: Final = 0.25
STORE_SILENT_S: Final = 2.0
"""Without a turn that went well for so long, the store is taken not to answer."""
LAST_S_MAX: Final = 8.0
"""How long it ships after its parent has ended."""
_REPORT_S: Final = 1.0
_CROSSED_AT_ONCE: Final = 500  # a report is one line, which is bounded
_MB: Final = 1_000_000


class Watched(NamedTuple):
    """The budgets that are watched, the file with the URL to which their crossings are posted, if any, and the settings
    of drift, of rollouts, of servers that are asked and of GPU time.
    """

    budgets: tuple[Budget, ...] = ()
    webhook_file: Path | None = None
    drift: Mapping[str, Any] | None = None
    rollouts: Mapping[str, Any] | None = None
    gpus: Mapping[str, Any] | None = None
    gpu_time: Mapping[str, Any] | None = None

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any]) -> Watched:
        """As ``ShipperProcess`` writes them."""
        budgets = tuple(Budget.model_validate_json(one) for one in settings.get("budgets", ()))
        webhook_file = Path(settings["webhook_file"]) if settings.get("webhook_file") else None
        others = {name: settings.get(name) for name in ("drift", "rollouts", "gpus", "gpu_time")}
        return cls(budgets, webhook_file, **others)


class Shipping:
    """Ships until its parent ends.

    Args:
        folder: base of relative paths of the configuration.
        root: of the spool.
        watched: budgets, drift and rollouts, and where they are posted; servers that are asked, and what allocates.
    """

    def __init__(self, terms: Ledger, folder: Path, root: Path, watched: Watched | None = None) -> None:
        self._url = terms.url
        self._folder = folder
        self._root = root
        self._next = Watched() if watched is None else watched
        self._watched = Watched()
        self._parent_gone = threading.Event()
        self._store: LedgerStore | None = None
        self._watch: BudgetWatch | None = None
        self._used_gpu_time = UsedGpuTime()
        self._webhook: Webhook | None = None
        self._drift = DriftReports(self._write, self._tell)
        self._rollouts = RolloutReports(root, self._place_in_database, self._write, self._tell)
        self._samples = SampleReports(self._tell)
        self._gpu_time = GpuTimeReports(terms.url, folder, self._write, self._tell)
        self._present: set[str] = set()  # spools, when it looked last
        self._summed: set[str] = set()  # those of which the last file has everything
        self._warned: list[str] = []
        self._writing = threading.Lock()
        self._folders = SpoolFolders(root)
        common = root, self._folders.is_gone, terms.spool_mb_max * _MB
        self.loops = {DATABASE: SinkLoop("store", DATABASE_PACE, self._opened, *common, self._look, tells_damage=True)}
        for name in further_sinks(terms):
            opened = partial(FURTHER[name].opened, getattr(terms, name), folder, root)
            self.loops[name] = SinkLoop(name, FURTHER[name].pace, opened, *common)
        self._ships = False
        self._spool_problem = ""
        self._failing = ""
        self._reported_s = float("-inf")

    def parent_ended(self) -> None:
        """Called from a thread."""
        self._parent_gone.set()

    def watch(self, watched: Watched) -> None:
        """Watch something else from now on. Called from a thread."""
        self._next = watched

    def run(self) -> None:
        """Ship, and wait; until the parent is gone and nothing is left."""
        self._ships = True
        for one in self.loops.values():
            one.start()
        while not self._parent_gone.is_set():
            self._look_after_folders()
            self._look_without_store()
            self._report()
            self._parent_gone.wait(PAUSE_S)
        until_s = time.monotonic() + LAST_S_MAX
        self._look_after_folders()
        for one in self.loops.values():
            one.finish(until_s)
        for one in self.loops.values():
            one.join(until_s - time.monotonic())
        self._look_after_folders()
        self._report(True)
        if self._webhook is not None:
            self._webhook.close()
        self._drift.close()

    def wait_for_lock(self) -> SpoolLock | None:
        """Wait until no other process ships this spool. Returns: None if the parent ended before."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            with contextlib.suppress(SpoolTaken):
                return SpoolLock(self._root, SHIPPER_LOCK)
            self._spool_problem = "another process ships this spool"
            self._report()
            if self._parent_gone.wait(PAUSE_S):
                return None

    def _look_after_folders(self) -> None:
        self._spool_problem = ""
        stored = [one.place_stored for one in self.loops.values()]
        for work in (self._folders.look, partial(self._folders.remove_stored, stored)):
            try:
                work()
            except OSError as error:
                self._spool_problem = f"spool: {(error.strerror or 'input or output error').lower()}"

    def _look_without_store(self) -> None:
        if self.loops[DATABASE].silent_s >= STORE_SILENT_S:
            try:
                self._rollouts.look_without_store()
            except OSError as error:
                self._spool_problem = f"spool: {(error.strerror or 'input or output error').lower()}"

    def _place_in_database(self, spool: str) -> SpoolPlace | None:
        return self.loops[DATABASE].place_stored(spool)

    def _opened(self) -> LedgerStore:
        """Called by the thread of the database."""
        store = self._store = LedgerStore(self._url, self._folder)
        self._watch, self._used_gpu_time = None, UsedGpuTime()
        self._drift.use(store, self._next.drift)
        self._rollouts.use(store, self._next.rollouts)
        self._samples.use(store, self._next.gpus)
        self._gpu_time.use(store, self._next.gpu_time)
        if store.warnings != self._warned:
            self._warned = store.warnings
            self._write({"problems": store.warnings})
        return store

    def _look(self, stored: bool) -> None:
        """Look at budgets, drift, rollouts, samples of servers and GPU time, if it is time, and report them. Called by
        the thread of the database, after it shipped. Raises: StoreFailed, OSError.
        """
        now_us = time.time_ns() // 1_000
        if self._next != self._watched or self._watch is None:
            self._change(self._next)
        self._look_at_budgets(stored, now_us)
        self._drift.look(now_us)
        self._rollouts.look()
        self._samples.look(last=self._parent_gone.is_set())
        self._gpu_time.look(last=self._parent_gone.is_set())

    def _look_at_budgets(self, stored: bool, now_us: int) -> None:
        # What was there at the last call was shipped since, with all that was written before it was there.
        spools, self._present = self._present, {folder.name for folder in process_folders(self._root)}
        looked = None if self._watch is None else self._watch.look_if_due(stored, now_us, not spools <= self._summed)
        if looked is None:
            return
        if looked.sums:
            self._write_sums(looked.sums, spools, now_us)
        warn_percent = {one.name: min(one.warn_at) for one in self._watched.budgets if one.warn_at}
        self._write({"budgets": {"at_s": now_us / 1_000_000, "percent": looked.percent, "warn_percent": warn_percent}})
        if self._webhook is not None:
            units = {one.name: one.of for one in self._watched.budgets}
            for change in looked.crossed:
                self._webhook.send(crossing_message(change, units[change.budget]))
        for first in range(0, len(looked.crossed), _CROSSED_AT_ONCE):
            self._write({"crossed": [asdict(one) for one in looked.crossed[first : first + _CROSSED_AT_ONCE]]})

    def _change(self, watched: Watched) -> None:
        assert self._store is not None
        if watched.webhook_file != self._watched.webhook_file:
            if self._webhook is not None:
                self._webhook.close()
            file = watched.webhook_file
            self._webhook = None if file is None else Webhook(file, "budget", self._tell)
        self._watch = BudgetWatch(self._store, watched.budgets, gpu_time=self._used_gpu_time)
        self._drift.use(self._store, watched.drift)
        self._rollouts.use(self._store, watched.rollouts)
        self._samples.use(self._store, watched.gpus)
        self._gpu_time.use(self._store, watched.gpu_time)
        self._watched = watched

    def _write_sums(self, sums: Sequence[BudgetSums], spools: set[str], now_us: int) -> None:
        """For the workers of this machine. Nothing was shipped since the sums were read. Raises: OSError."""
        place_of = self.loops[DATABASE].place_stored
        estimated = with_in_flight(self._root, sums, now_us)
        if not self._folders.has_all_of_gone(place_of):  # something was recovered since, and is in no sum yet
            spools = spools & self._summed
        places = {name: 0 if (place := place_of(name)) is None else place.sequence for name in spools}
        write_budget_file(self._root, BudgetFile(now_us, places, estimated))
        self._summed = spools

    def _tell(self, problem: str) -> None:
        self._write({"problems": [problem]})

    def _report(self, now: bool = False) -> None:
        """Report what was done, at once; and what waits, every second or if something else is the matter now."""
        failing = "; ".join(filter(None, (self._spool_problem, *(one.problem for one in self.loops.values()))))
        report = self._done()
        changed = failing != self._failing
        if not (now or changed or report or time.monotonic() - self._reported_s >= _REPORT_S):
            return
        self._reported_s, self._failing = time.monotonic(), failing
        report |= {"failing": failing, "spool_bytes": size_of_spool(self._root)}
        for name, one in self.loops.items() if self._ships else ():
            with contextlib.suppress(OSError):
                report.setdefault("sinks", {}).setdefault(name, {}).update(one.state(time.time()))
        self._write(report)

    def _done(self) -> dict[str, Any]:
        """What was done since the last call; empty: nothing."""
        report: dict[str, Any] = {}
        died, problems = self._folders.take()
        for name, one in self.loops.items():
            done, failures = one.take()
            problems += done.problems
            if done.refused:
                problems.append(
                    f"{name}: {done.refused} events were refused; {name}.refused.jsonl of the spool has them"
                )
            counts = {kind: getattr(done, kind) for kind in ("stored", "repeated", "damaged", "refused")}
            counts["failures"] = failures
            if any(counts.values()):
                report.setdefault("sinks", {})[name] = counts
        if problems:
            report["problems"] = problems
        if died:
            report["died"] = died
        return report

    def _write(self, report: dict[str, Any]) -> None:
        with contextlib.suppress(OSError), self._writing:  # nobody listens any more
            os.write(sys.stdout.fileno(), orjson.dumps(report) + b"\n")


def main() -> None:
    """Run with the settings of standard input."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # for the parent, whose end is noticed
    settings = orjson.loads(sys.stdin.readline())
    terms, watched = Ledger.model_validate(settings["ledger"]), Watched.of_settings(settings)
    shipping = Shipping(terms, Path(settings["folder"]), Path(settings["spool"]), watched)
    threading.Thread(target=_listen, args=(shipping,), name="parent", daemon=True).start()
    if shipping.wait_for_lock() is not None:
        shipping.run()


def _listen(shipping: Shipping) -> None:
    for line in sys.stdin:
        shipping.watch(Watched.of_settings(orjson.loads(line)))
    shipping.parent_ended()
    time.sleep(LAST_S_MAX + 1.0)
    os._exit(1)  # a sink or the disk does not answer


if __name__ == "__main__":
    main()
