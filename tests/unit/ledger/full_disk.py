"""A ledger on a disk that becomes full, in a process of its own: a signal of the kernel would end it.

    python -m tests.unit.ledger.full_disk SPOOL ON_FULL BALLAST

BALLAST is a file that fills the disk of the spool; without it (`-`), the kernel limits how long a file may be. Prints
what was seen as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any, Final

from extproc.config.ledger import Ledger
from extproc.ledger import LedgerUnavailable
from extproc.ledger.sink import LedgerSink
from tests.unit.ledger.crashes import Told, sink_of
from tests.unit.ledger.records import record_of

SLOTS: Final = 16
FILE_BYTES_MAX: Final = 200_000
"""More than the file of slots, less than a segment."""
ROUNDS_MAX: Final = 5_000
STOPPED: Final = "stopped"
"""In place of ON_FULL: `refuse`, and the process ends while the disk is full."""


class Disk:
    """What limits the spool. Args: ballast: a file on its disk; None: a limit of the kernel."""

    def __init__(self, ballast: Path | None) -> None:
        self._ballast = ballast

    def fill(self) -> None:
        """From now on there is room for little."""
        if self._ballast is None:
            self._limit(FILE_BYTES_MAX)
            return
        with self._ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4_096))
            except OSError:
                pass

    def make_room(self) -> None:
        """From now on there is enough."""
        if self._ballast is None:
            self._limit(resource.RLIM_INFINITY)
        else:
            self._ballast.unlink()

    def shut(self) -> None:
        """From now on there is none at all."""
        if self._ballast is None:
            self._limit(4_096)

    def _limit(self, most: int) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))


class Exchanges:
    """Those that go on while the disk is full. ``ended``: their names."""

    def __init__(self, sink: LedgerSink) -> None:
        self.sink = sink
        self.ended: list[str] = []
        self._number = 0

    def begin(self, count: int) -> list[str]:
        """Some are sent on."""
        names = [f"{self._number + number:05d}" for number in range(count)]
        self._number += count
        for name in names:
            self.sink.exchange_sent(record_of(name))
        return names

    def end(self, names: list[str]) -> bool:
        """They end. Returns: whether their entries could be written."""
        for name in names:
            self.sink.exchange_ended(record_of(name))
        self.ended += names
        return self.sink.turn()


def filled(exchanges: Exchanges) -> int:
    """Exchanges come and go until nothing can be written. Returns: how many."""
    for count in range(ROUNDS_MAX):
        if not exchanges.end(exchanges.begin(1)):
            return count
    raise AssertionError("the disk is never full")


def run(spool: Path, on_full: str, disk: Disk) -> dict[str, Any]:
    """Fill the disk, go on, and make room. Returns: what was seen."""
    told = Told()
    exchanges = Exchanges(sink_of(spool, told, open_max=SLOTS, on_full="drop" if on_full == "drop" else "refuse"))
    sink = exchanges.sink
    disk.fill()
    written = filled(exchanges)
    seen: dict[str, Any] = {"written": written, "problem": sink.problem, "refuses": sink.refusal is not None}
    running = exchanges.begin(SLOTS - 1)  # every page of every slot is touched now
    seen["went_on"] = exchanges.end(running)
    disk.shut()
    seen["another"] = another(spool)
    if on_full == STOPPED:
        sink.close()
    else:
        disk.make_room()
        seen["written_again"] = sink.turn()
        seen["refuses_again"] = sink.refusal is not None
        exchanges.end(exchanges.begin(SLOTS))
        sink.close()
    return {**seen, "ended": exchanges.ended, "dropped": told.dropped_by, "lines": [line[1] for line in told.lines]}


def another(spool: Path) -> str:
    """A process that starts now. Returns: what it says."""
    told = Told()
    try:
        LedgerSink(Ledger(open_max=65_536), spool, told, told).close()
    except LedgerUnavailable as error:
        return str(error)
    return ""


if __name__ == "__main__":
    ballast = None if sys.argv[3] == "-" else Path(sys.argv[3])
    found = run(Path(sys.argv[1]), sys.argv[2], Disk(ballast))
    os.write(1, json.dumps(found).encode())
