"""One sink's part of the shipper process: a thread of its own, so a sink that fails or hangs delays no other.

A sink is opened when its thread starts, and after each failure; then it is tried again ever less often.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from extproc.database.engine import StoreFailed
from extproc.ledger.backlog import oldest_unshipped_s, waiting_bytes
from extproc.ledger.entry_sink import EntrySink, SinkFailed
from extproc.ledger.places import SpoolPlace
from extproc.ledger.shipper import Shipped, Shipper
from extproc.ledger.sinks import SinkPace

_HURRY: Final = 4
"""With a part of the spool's bound behind a sink, it waits for no more entries."""


class SinkLoop:
    """Ships to one sink until ``finish`` was called and nothing is left, or the time is over.

    Args:
        told_as: the sink, in messages.
        opened: opens it.
        is_gone: see ``SpoolFolders``.
        spool_bytes_max: bound of the spool.
        after: called after each turn that did not fail, with whether it stored anything; raises StoreFailed.
        tells_damage: see ``Shipper``.
    """

    def __init__(
        self,
        told_as: str,
        pace: SinkPace,
        opened: Callable[[], EntrySink],
        root: Path,
        is_gone: Callable[[str], bool],
        spool_bytes_max: int,
        after: Callable[[bool], None] = lambda _: None,
        *,
        tells_damage: bool = False,
    ) -> None:
        self._told_as = told_as
        self._pace = pace
        self._open = opened
        self._root = root
        self._is_gone = is_gone
        self._spool_bytes_max = spool_bytes_max
        self._after = after
        self._tells_damage = tells_damage
        self._finish = threading.Event()
        self._until_s = float("inf")
        self._sink: EntrySink | None = None
        self._shipper: Shipper | None = None
        self._taken = Shipped()
        self._lock = threading.Lock()  # of what was done
        self._failed = 0  # in a row
        self._failures = 0
        self._asked_pause_s = 0.0
        self._well_s = time.monotonic()
        self.problem = ""
        self._thread = threading.Thread(target=self._run, name=told_as, daemon=True)

    # --- called by the thread of the process -----------------------------------------------------------------------

    def start(self) -> None:
        """Begin to ship."""
        self._thread.start()

    def finish(self, until_s: float) -> None:
        """Ship what is there, without a pause, until a moment of the monotonic clock."""
        self._until_s = until_s
        self._finish.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for its end. Returns: whether it has ended."""
        self._thread.join(max(0.0, timeout_s))
        return not self._thread.is_alive()

    def place_stored(self, spool: str) -> SpoolPlace | None:
        """Up to where the sink has a spool; None: it is not known."""
        shipper = self._shipper
        return None if shipper is None else shipper.place_stored(spool)

    @property
    def silent_s(self) -> float:
        """Since a turn went well; a sink that hangs has none either."""
        return time.monotonic() - self._well_s

    def take(self) -> tuple[Shipped, int]:
        """What was done, and how often it failed, since the last call."""
        with self._lock:
            done, failures = self._taken, self._failures
            self._taken, self._failures = Shipped(), 0
        return done, failures

    def state(self, now_s: float) -> dict[str, Any]:
        """What waits. Raises: OSError."""
        return {
            "oldest_s": oldest_unshipped_s(self._root, self.place_stored, now_s),
            "waiting_bytes": waiting_bytes(self._root, self.place_stored),
        }

    # --- in its thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            last = self._finish.is_set()
            read = self.turn(last)
            if last and (not read or self._out_of_time()):
                break
            if not read:
                self._finish.wait(self.pause_s())
        if self._sink is not None:
            self._sink.close()

    def turn(self, last: bool = False) -> int:
        """Ship what there is. Returns: how many records were read; 0 if it failed."""
        try:
            shipper = self._opened()
            hurries = waiting_bytes(self._root, shipper.place_stored) * _HURRY >= self._spool_bytes_max
            read = shipper.ship(self._out_of_time, now=last or hurries)
            self._note(shipper)
            self._after(read > 0)
        except (SinkFailed, StoreFailed) as failure:
            return self._fail(f"{self._told_as}: {failure}", failure)
        except OSError as error:
            return self._fail(f"spool: {(error.strerror or 'input or output error').lower()}", error)
        except Exception as error:  # an internal error must not end it
            return self._fail(f"{self._told_as}: internal error ({type(error).__name__})", error)
        self._failed = 0
        self.problem = ""
        self._well_s = time.monotonic()
        return read

    def pause_s(self) -> float:
        """How long it waits now."""
        if not self._failed:
            return self._pace.pause_s
        back_off_s = self._pace.back_off_s[min(self._failed, len(self._pace.back_off_s)) - 1]
        return max(back_off_s, self._asked_pause_s)

    def _out_of_time(self) -> bool:
        return time.monotonic() >= self._until_s

    def _opened(self) -> Shipper:
        if self._sink is None:
            self._sink = self._open()
            if self._shipper is not None:
                self._shipper.go_on_with(self._sink)
        if self._shipper is None:
            self._shipper = Shipper(self._root, self._sink, self._is_gone, tells_damage=self._tells_damage)
        return self._shipper

    def _note(self, shipper: Shipper) -> None:
        done = shipper.take()
        with self._lock:
            self._taken.add(done)

    def _fail(self, problem: str, failure: Exception) -> int:
        """Close the sink: what it has not stored comes again when it is opened."""
        if self._shipper is not None:
            self._note(self._shipper)
        if self._sink is not None:
            self._sink.close()
        self._sink = None
        self._failed += 1
        self._asked_pause_s = failure.pause_s if isinstance(failure, SinkFailed) else 0.0
        with self._lock:
            self._failures += 1
        self.problem = problem
        return 0
