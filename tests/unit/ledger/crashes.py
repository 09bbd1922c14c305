"""Crashes at any line of the ledger's own code, and what a ledger is tried with."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import extproc.ledger
from extproc.config.ledger import Ledger
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.entry_sink import EntrySink
from extproc.ledger.folders import SpoolFolders
from extproc.ledger.places import SpoolPlace
from extproc.ledger.shipper import Shipped, Shipper
from extproc.ledger.shipping import SHIPPER_LOCK
from extproc.ledger.sink import LedgerSink
from extproc.ledger.spool import LOCK

_OURS = str(Path(extproc.ledger.__file__).parent)

_, _FILES_MAX = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES_MAX, _FILES_MAX))  # what a simulated kill leaves open stays open


class Killed(BaseException):
    """The process is killed here."""


def killed_at_line(number: int, work: Callable[[], Any]) -> bool:
    """Do some work, and be killed at a line of the ledger's code. Returns: whether it came so far."""
    left = number

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.startswith(_OURS):
            return None
        if event == "line":
            left -= 1
            if left == -1:
                raise Killed
        return trace

    before, held = sys.gettrace(), open_locks()
    sys.settrace(trace)
    try:
        work()
    except Killed:
        sys.settrace(before)
        for one, _ in open_locks() - held:
            fcntl.flock(one, fcntl.LOCK_UN)  # as the kernel does; whose descriptor it is may still close it
    else:
        return False
    finally:
        sys.settrace(before)
    gc.collect()  # a connection may have a transaction; ``conftest`` has what is older spared
    return True


def open_locks() -> set[tuple[int, str]]:
    """The descriptors of this process that are of locks, with their paths: a number is used again."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            file = os.readlink(f"/proc/self/fd/{name}")
            if file.removesuffix(" (deleted)").endswith((f"/{LOCK}", f"/{SHIPPER_LOCK}")):
                found.add((int(name), file))
    return found


class MemoryStore:
    """A store that keeps what it gets, all or nothing at a time. ``failing`` makes every call fail."""

    def __init__(self, entries_max: int = 500) -> None:
        self.entries_max = entries_max
        self.entries: dict[str, LedgerEntry] = {}
        self.known_places: dict[str, SpoolPlace] = {}
        self.failing: Exception | None = None

    def place_of(self, spool: str) -> SpoolPlace:
        """Up to where a spool is stored."""
        if self.failing is not None:
            raise self.failing
        return self.known_places.get(spool, SpoolPlace(spool))

    def add_of_spool(self, entries: list[LedgerEntry], place: SpoolPlace) -> SpoolPlace:
        """Add entries and the place; the first entry of an exchange stays."""
        if self.failing is not None:
            raise self.failing
        new = {entry.exchange: entry for entry in reversed(entries) if entry.exchange not in self.entries}
        self.entries |= new
        counts = place.entries + len(new), place.repeated + len(entries) - len(new)
        place = SpoolPlace(place.spool, place.segment, place.at_byte, place.sequence, *counts, place.damaged)
        self.known_places[place.spool] = place
        return place

    def settle(self, now: bool) -> bool:
        """It has what it was given."""
        return True

    def take_refused(self) -> int:
        """It takes everything."""
        return 0

    def close(self) -> None:
        """Nothing is left to do."""


class ShipperInTurn:
    """A shipper process without threads: it looks at the folders, ships to each sink, and removes what all have."""

    def __init__(self, root: Path, *sinks: EntrySink) -> None:
        self.folders = SpoolFolders(root)
        self.sinks = sinks
        self.shippers = [Shipper(root, sink, self.folders.is_gone, tells_damage=not i) for i, sink in enumerate(sinks)]
        self.died = 0
        self._problems: list[str] = []

    def ship(self, ends: Callable[[], bool] = lambda: False, *, now: bool = False) -> int:
        """Ship what there is to all sinks. Returns: how many records the first one read."""
        self.folders.look()
        found = self.folders.take()
        self.died += found.died
        self._problems += found.problems
        read = [one.ship(ends, now=now) for one in self.shippers]
        self.folders.remove_stored([one.place_stored for one in self.shippers])
        return read[0]

    def place_stored(self, spool: str) -> SpoolPlace | None:
        """Up to where the first sink has a spool."""
        return self.shippers[0].place_stored(spool)

    def take(self) -> Shipped:
        """What was done for the first sink, and told, since the last call."""
        done = self.shippers[0].take()
        done.problems[:0], self._problems = self._problems, []
        return done


class Told:
    """Counts and log lines of a sink."""

    def __init__(self) -> None:
        self.entries = self.without_slot = 0
        self.dropped_by: dict[str, int] = {}
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def spooled(self, entries: int) -> None:
        """Entries written."""
        self.entries += entries

    def dropped(self, reason: str, entries: int) -> None:
        """Entries that were not."""
        self.dropped_by[reason] = self.dropped_by.get(reason, 0) + entries

    def unprotected(self, exchanges: int) -> None:
        """Exchanges without a slot."""
        self.without_slot += exchanges

    def error(self, event: str, **fields: Any) -> None:
        """A line of the log."""
        self.lines.append(("error", event, fields))

    def info(self, event: str, **fields: Any) -> None:
        """A line of the log."""
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        """A line of the log."""
        self.lines.append(("warning", event, fields))


def sink_of(root: Path, told: Told | None = None, **terms: Any) -> LedgerSink:
    """A sink without a thread."""
    told = told or Told()
    return LedgerSink(Ledger(**terms), root, told, told, threaded=False)


def kill(sink: LedgerSink) -> None:
    """The process of a sink is killed: its locks are free, and nothing more is written."""
    sink._lock.close()
